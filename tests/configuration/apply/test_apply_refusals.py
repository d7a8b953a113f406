"""Configuration that the database has something against: told with file, line and field, and nothing is changed."""

from pathlib import Path
from typing import Any

import pytest
from psycopg import Connection

from leadgen import cli
from leadgen.configuration.service.apply import ConfigurationInvalid, apply_files
from tests.support.configurations import SOUND, changed, written

# Another market of the same buyers, with sources and a host of its own.
ELSEWHERE = changed(
    ("name: Springfield", "name: Shelbyville"),
    ("source_key: lawns-web", "source_key: shelbyville-web"),
    ("source_key: lawns-partner", "source_key: shelbyville-partner"),
    ("hostname: lawns.example.com", "hostname: shelbyville.example.com"),
)


def refused(conn: Connection[Any], *paths: Path) -> list[str]:
    """What is told of the files; nothing may have changed."""
    before = everything(conn)
    with pytest.raises(ConfigurationInvalid) as refusal:
        apply_files(conn, paths, {})
    assert everything(conn) == before
    return [f"{Path(p.file).name}:{p.line}: {p.field}: {p.message}" for p in refusal.value.problems]


def everything(conn: Connection[Any]) -> list[tuple[Any, ...]]:
    tables = (
        "markets",
        "verticals",
        "offers",
        "sources",
        "buyers",
        "buyer_offers",
        "buyer_service_areas",
        "audit_logs",
    )
    return [row for table in tables for row in conn.execute(f"SELECT xmin::text, t::text FROM {table} t".encode())]


def test_a_fault_in_one_file_keeps_the_other_out_too(conn: Connection[Any], tmp_path: Path) -> None:
    sound = written(tmp_path)
    faulty = written(tmp_path, changed(("price: 45.10", "price: cheap"), text=ELSEWHERE), "shelbyville.yaml")
    assert refused(conn, sound, faulty) == ["shelbyville.yaml:9: offers[0].price: must be a number such as 45.00"]


def test_the_problems_of_all_files_are_told_at_once(conn: Connection[Any], tmp_path: Path) -> None:
    one = written(tmp_path, changed(("timezone: America/Denver", "timezone: Mountain")))
    other = written(tmp_path, "offers: []\n", "empty.yaml")
    assert refused(conn, one, other, tmp_path / "none.yaml") == [
        "springfield.yaml:3: market.timezone: must be an IANA time zone such as America/New_York",
        "empty.yaml:1: market: is missing",
        "empty.yaml:1: vertical: is missing",
        "empty.yaml:1: offers: must have at least 1 entry",
        "none.yaml:1: : cannot be read: No such file or directory",
    ]


def test_a_source_key_of_an_offer_elsewhere_is_not_taken_over(conn: Connection[Any], tmp_path: Path) -> None:
    apply_files(conn, [written(tmp_path)], {})
    taken = changed(("source_key: shelbyville-web", "source_key: lawns-web"), text=ELSEWHERE)
    assert refused(conn, written(tmp_path, taken, "shelbyville.yaml")) == [
        "shelbyville.yaml:19: offers[0].sources[0].source_key: "
        "lawns-web is an active source of 'Lawns' in 'Springfield'; choose another key"
    ]


def test_an_inactive_source_key_may_be_used_elsewhere(conn: Connection[Any], tmp_path: Path) -> None:
    apply_files(conn, [written(tmp_path)], {})
    conn.execute("UPDATE sources SET is_active = false WHERE source_key = 'lawns-web'")
    taken = changed(("source_key: shelbyville-web", "source_key: lawns-web"), text=ELSEWHERE)
    apply_files(conn, [written(tmp_path, taken)], {})
    assert conn.execute("SELECT hostname FROM sources WHERE source_key = 'lawns-web'").fetchall() == [
        ("shelbyville.example.com",)
    ]


def test_posts_that_two_stored_sources_would_match_equally_are_refused(conn: Connection[Any], tmp_path: Path) -> None:
    apply_files(conn, [written(tmp_path)], {})
    same_host = changed(("hostname: shelbyville.example.com", "hostname: lawns.example.com"), text=ELSEWHERE)
    assert refused(conn, written(tmp_path, same_host, "shelbyville.yaml")) == [
        "shelbyville.yaml:22: offers[0].sources[0].hostname: posts to lawns.example.com/lp/ could not be told from "
        "those of lawns-web, an active source of the same hostname and path_prefix"
    ]
    longer = changed(("path_prefix: /lp/", "path_prefix: /lp/shelbyville/"), text=same_host)
    apply_files(conn, [written(tmp_path, longer)], {})


def test_a_buyer_keeps_its_currency(conn: Connection[Any], tmp_path: Path) -> None:
    apply_files(conn, [written(tmp_path)], {})
    abroad = changed(("timezone: America/Denver", "timezone: Europe/Berlin\n  currency: EUR"), text=ELSEWHERE)
    told = "{0} is billed in USD; a market in another currency needs another address"
    assert refused(conn, written(tmp_path, abroad, "shelbyville.yaml")) == [
        f"shelbyville.yaml:{line}: buyers[{position}].email: {told.format(email)}"
        for line, position, email in [(34, 0, "green@example.com"), (48, 1, "blue@example.com")]
    ]


def test_a_market_whose_buyers_owe_nothing_yet_may_change_its_currency(conn: Connection[Any], tmp_path: Path) -> None:
    text = changed(("    opening_wallet_balance: 100\n", ""))
    apply_files(conn, [written(tmp_path, text)], {})
    corrected = changed(("timezone: America/Denver", "timezone: America/Denver\n  currency: CAD"), text=text)
    apply_files(conn, [written(tmp_path, corrected)], {})
    assert conn.execute("SELECT DISTINCT currency FROM buyers").fetchall() == [("CAD",)]
    conn.execute("UPDATE buyers SET balance = 45 WHERE email = 'blue@example.com'")
    assert len(refused(conn, written(tmp_path, text))) == 1


def test_a_default_threshold_that_is_no_amount_is_told_by_its_variable(conn: Connection[Any], tmp_path: Path) -> None:
    with pytest.raises(ConfigurationInvalid, match="the environment: DEFAULT_INVOICE_THRESHOLD: must be an amount"):
        apply_files(conn, [written(tmp_path)], {"DEFAULT_INVOICE_THRESHOLD": "plenty"})


def test_the_command_applies_reports_and_ends_with_a_status(
    conn: Connection[Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(written(tmp_path))
    assert cli.main(["config", "apply", path]) == cli.DONE
    assert "+ wallet Green Gardens, with 100.00" in capsys.readouterr().out
    assert cli.main(["config", "apply", path]) == cli.DONE
    assert capsys.readouterr().out.splitlines()[-1] == "Nothing changed: all 15 are as they are to be."
    written(tmp_path, changed(("price: 45.10", "price: cheap"), text=SOUND))
    assert cli.main(["config", "apply", path]) == cli.FAILED
    assert capsys.readouterr().err == f"{path}:9: offers[0].price: must be a number such as 45.00\n"


def test_the_command_says_when_the_database_is_not_migrated(
    empty_database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", empty_database_url)
    assert cli.main(["config", "apply", str(written(tmp_path))]) == cli.FAILED
    assert capsys.readouterr().err.startswith("the database has not the schema of this version: ")
