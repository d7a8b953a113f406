"""A plan tells exactly what applying would do, and does nothing."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from psycopg import Connection

from leadgen import cli
from leadgen.configuration.commands import changes
from leadgen.configuration.service import export
from leadgen.configuration.service.apply import application, apply_files
from tests.support.configurations import SOUND, changed, written

TABLES = (
    "markets", "verticals", "validation_policies", "routing_policies", "offers", "sources", "buyers", "wallets",
    "buyer_offers", "buyer_service_areas", "offer_exclusivities", "audit_logs", "places", "radius_postal_codes",
    "configuration_versions",
)  # fmt: skip

CHANGED = changed(
    ("price: 45.10", "price: 47"),
    ("[07030, 80014]\n    routing", "[80014, 80015, 80016]\n    routing"),
    ("strategy: priority_based", "strategy: weighted\n        weights: {blue@example.com: 3}"),
    ("      - source_key: lawns-partner\n        kind: partner_api\n        name: Lawn partner\n", ""),
    ("        api_key: ${LAWN_KEY:-a-key-of-the-partner}\n", ""),
    ("capacity_per_day: 3", "budget_per_week: 500\n        filter: {field: roof_age, more_than: 10}"),
    ("cities: [Aurora]", "cities: [Denver]"),
)


def everything(conn: Connection[Any]) -> list[tuple[Any, ...]]:
    return [row for table in TABLES for row in conn.execute(f"SELECT xmin::text, t::text FROM {table} t".encode())]


def planned(conn: Connection[Any], paths: Sequence[Path]) -> list[str]:
    return list(changes.lines(application(conn, paths, {}, plan=True).changes))


def test_a_plan_tells_what_applying_then_does_and_writes_no_row(conn: Connection[Any], tmp_path: Path) -> None:
    for text in (SOUND, CHANGED):
        before = everything(conn)
        plan = application(conn, [written(tmp_path, text)], {}, plan=True)
        assert plan.has_changes
        assert everything(conn) == before
        assert application(conn, [written(tmp_path, text)], {}).changes == plan.changes
        assert not application(conn, [written(tmp_path, text)], {}, plan=True).has_changes


def test_a_plan_shows_what_new_objects_say(conn: Connection[Any], tmp_path: Path) -> None:
    lines = planned(conn, [written(tmp_path)])
    offer = lines.index("+ offer Lawns, Springfield")
    assert "    price: 45.10" in lines[offer : offer + 5]
    areas = next(number for number, line in enumerate(lines) if line.startswith("+ service areas"))
    assert lines[areas + 1].startswith("    postal_codes: [")
    assert not any("whole_market" in line or "market_id" in line for line in lines)


def test_a_plan_shows_each_field_that_changes(conn: Connection[Any], tmp_path: Path) -> None:
    apply_files(conn, [written(tmp_path)], {})
    assert planned(conn, [written(tmp_path, CHANGED)]) == [
        "~ validation policy lawn rules, version 2",
        "    allowed_postal_codes: +80015 +80016 −07030",
        "~ routing policy lawn routing, version 2",
        "    weights: nothing → {blue@example.com: 3}",
        "    strategy: priority_based → weighted",
        "~ offer Lawns, Springfield",
        "    routing_policy: lawn routing version 1 → lawn routing version 2",
        "    validation_policy: lawn rules version 1 → lawn rules version 2",
        "    price: 45.10 → 47.00",
        "- source lawns-partner, deactivated",
        "~ enrollment Green Gardens in Lawns",
        "    filter: nothing → {field: roof_age, more_than: 10}",
        "    budget_per_week: nothing → 500.00",
        "    capacity_per_day: 3 → nothing",
        "~ service areas Green Gardens in Springfield",
        "    cities: +Denver −Aurora",
    ]


def test_a_plan_shows_what_changes_of_a_delivery_be_it_only_the_order(conn: Connection[Any], tmp_path: Path) -> None:
    def with_delivery(fields: str) -> Path:
        delivery = f"delivery: {{format: {{type: xml, fields: {fields}}}}}"
        return written(tmp_path, changed(("capacity_per_day: 3", delivery)))

    apply_files(conn, [with_delivery("{b: {c: name}, a: phone, b.d: {constant: 5}}")], {})
    assert planned(conn, [with_delivery("{b: {c: name}, a: phone, b.d: {constant: 6}}")]) == [
        "~ enrollment Green Gardens in Lawns",
        "    delivery.format.fields.b.d.constant: 5 → 6",
    ]
    reordered = with_delivery("{a: phone, b: {c: name}, b.d: {constant: 5}}")
    assert planned(conn, [reordered]) == [
        "~ enrollment Green Gardens in Lawns",
        "    delivery.format.fields: in another order",
    ]
    apply_files(conn, [reordered], {})
    assert not application(conn, [reordered], {}, plan=True).has_changes
    (file,) = export.files(conn)
    assert list(file.content["buyers"][0]["offers"][0]["delivery"]["format"]["fields"]) == ["a", "b", "b.d"]


def test_an_offer_that_no_file_names_any_more_is_left_alone_and_told(conn: Connection[Any], tmp_path: Path) -> None:
    apply_files(conn, [written(tmp_path)], {})
    conn.execute(
        """
        INSERT INTO offers (market_id, vertical_id, name, default_price_per_lead, validation_policy_id,
                            routing_policy_id)
        SELECT market_id, vertical_id, 'Hedges', 20, validation_policy_id, routing_policy_id FROM offers
        """
    )
    told = changes.totals(application(conn, [written(tmp_path)], {}, plan=True), plan=True)
    assert told[1:] == [
        "The offer Hedges, Springfield stays active, though no file names it: to end it, name it with is_active: false."
    ]
    conn.execute("UPDATE offers SET is_active = false WHERE name = 'Hedges'")
    assert application(conn, [written(tmp_path)], {}, plan=True).unnamed == ()


def test_the_command_ends_with_a_status_a_script_can_use(
    conn: Connection[Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(written(tmp_path))
    assert cli.main(["config", "plan", path]) == cli.CHANGES
    assert capsys.readouterr().out.splitlines()[-1] == "Planned: 15 created."
    assert cli.main(["config", "apply", path]) == cli.DONE
    assert capsys.readouterr().out.splitlines()[-2:] == ["Applied: 15 created.", "Version 1 of the configuration."]
    assert cli.main(["config", "plan", path]) == cli.DONE
    assert capsys.readouterr().out == "Nothing would change: all 15 are as they are to be.\n"
    written(tmp_path, changed(("price: 45.10", "price: cheap")))
    assert cli.main(["config", "plan", path]) == cli.FAILED
    assert capsys.readouterr().err == f"{path}:9: offers[0].price: must be a number such as 45.00\n"


def test_no_secret_is_ever_printed(conn: Connection[Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = changed(
        ("a-secret-of-green-gardens", "another-secret-of-green"), ("a-key-of-the-partner", "another-key-of-it")
    )
    for number, content in enumerate((SOUND, text)):
        path = str(written(tmp_path, content))
        assert cli.main(["config", "plan", path]) == cli.CHANGES
        assert cli.main(["config", "apply", path]) == cli.DONE
        assert cli.main(["config", "history", str(number + 1)]) == cli.DONE
    printed = capsys.readouterr().out
    assert "webhook_secret: set → replaced" in printed
    assert "api_key: set → replaced" in printed
    assert not any(secret in printed for secret in ("secret-of", "key-of"))
