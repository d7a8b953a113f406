"""`leadgen suppression` and `leadgen email-domain`: what they accept, print and store."""

import hashlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from psycopg import Connection

from leadgen import cli
from tests.support.factories import a_market, an_offer

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command with standard input; its status, and what it said on both."""

    def command(*arguments: str, stdin: str = "") -> tuple[int, str, str]:
        environment.setattr("sys.stdin", io.StringIO(stdin))
        status = cli.main(arguments)
        said = capsys.readouterr()
        return status, said.out, said.err

    return command


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def listed(conn: Connection[Any]) -> set[tuple[str, str, int | None, str | None]]:
    return set(conn.execute("SELECT kind, hash, offer_id, reason FROM suppressions").fetchall())


def test_a_file_of_people_is_kept_as_hashes_once_each(conn: Connection[Any], run: Run, tmp_path: Path) -> None:
    file = tmp_path / "people.txt"
    file.write_text("\ufeffJane@Example.com\n\n (512) 555-0102 \n+442079460018\njane@example.com\n", encoding="utf-8")
    assert run("suppression", "add", str(file), "--reason", "opt-out") == (
        0,
        "3 added, 0 already there, 0 unreadable.\n",
        "",
    )
    assert listed(conn) == {
        ("email", sha("jane@example.com"), None, "opt-out"),
        ("phone", sha("+15125550102"), None, "opt-out"),
        ("phone", sha("+442079460018"), None, "opt-out"),
    }
    assert run("suppression", "add", str(file))[1] == "0 added, 3 already there, 0 unreadable.\n"


def test_lines_that_are_nothing_are_told_by_number_and_not_repeated(conn: Connection[Any], run: Run) -> None:
    status, out, err = run("suppression", "add", stdin=f"jane@example.com\nSecret Person\nsecret@\n12\n{sha('x')}\n")
    assert (status, out) == (1, "1 added, 0 already there, 4 unreadable.\n")
    assert [line.partition(":")[0] for line in err.splitlines()] == ["line 2", "line 3", "line 4", "line 5"]
    assert "--kind" in err
    assert "ecret" not in err
    assert len(listed(conn)) == 1


def test_a_hash_is_kept_as_it_is_where_it_is_said_of_what(conn: Connection[Any], run: Run) -> None:
    assert run("suppression", "add", "--kind", "phone", stdin=sha("5125550102").upper())[0] == 0
    assert listed(conn) == {("phone", sha("5125550102"), None, None)}


def test_numbers_without_a_plus_are_of_the_country_said(conn: Connection[Any], run: Run) -> None:
    run("suppression", "add", "--country", "GB", stdin="020 7946 0018")
    assert listed(conn) == {("phone", sha("+442079460018"), None, None)}


def test_people_are_taken_off_in_whichever_spelling_they_are_on(conn: Connection[Any], run: Run) -> None:
    run("suppression", "add", "--kind", "phone", stdin=sha("5125550102"))
    run("suppression", "add", stdin="jane@example.com\n+15125550199")
    removed = run("suppression", "remove", stdin="+1 512 555 0102\njane@example.com\nnobody@example.com")
    assert removed == (0, "2 removed, 1 not there, 0 unreadable.\n", "")
    assert listed(conn) == {("phone", sha("+15125550199"), None, None)}


def test_an_offer_has_a_list_of_its_own(conn: Connection[Any], run: Run) -> None:
    austin, tampa = (a_market(conn, name=name) for name in ("Austin", "Tampa"))
    offers = [an_offer(conn, market_id=market, name="Repairs") for market in (austin, tampa)]
    status, _, err = run("suppression", "add", "--offer", "Repairs", stdin="jane@example.com")
    assert (status, err) == (1, "there is an offer 'Repairs' in 'Austin', 'Tampa': say which with --market\n")
    run("suppression", "add", "--offer", "Repairs", "--market", "Tampa", stdin="jane@example.com")
    run("suppression", "add", stdin="jane@example.com\njoe@example.com\n+15125550102")
    assert {(entry[1], entry[2]) for entry in listed(conn)} >= {(sha("jane@example.com"), offers[1])}
    assert run("suppression", "count")[1].split("\n")[:3] == [
        "         2  email  every offer", "         1  phone  every offer", "         1  email  Repairs in Tampa",
    ]  # fmt: skip
    assert run("suppression", "remove", stdin="jane@example.com")[1].startswith("1 removed")
    assert (sha("jane@example.com"), offers[1]) in {(entry[1], entry[2]) for entry in listed(conn)}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--country", "usa"), "--country 'usa' is no country: write two capital letters, such as US\n"),
        (("--market", "Austin"), "--market tells offers of one name apart: give --offer too\n"),
        (("--offer", "Nothing"), "there is no offer 'Nothing'\n"),
        (("--offer", "Nothing", "--market", "X"), "there is no offer 'Nothing' in a market 'X'\n"),
        (("--reason", "x" * 201), "--reason is longer than 200 characters\n"),
        (("/nowhere/list",), "/nowhere/list cannot be read: No such file or directory\n"),
    ],
)
def test_what_is_asked_for_wrongly_changes_nothing(
    conn: Connection[Any], run: Run, arguments: tuple[str, ...], said: str
) -> None:
    assert run("suppression", "add", *arguments, stdin="jane@example.com") == (1, "", said)
    assert listed(conn) == set()


def test_nobody_on_a_list_is_said_so(run: Run) -> None:
    assert run("suppression", "count") == (0, "No list has an entry.\n", "")


def test_operators_say_of_domains_what_the_list_does_not(conn: Connection[Any], run: Run) -> None:
    assert run("email-domain", "list")[1] == "No domain differs from the built-in list.\n"
    assert run("email-domain", "block", "Throw.Example", "throw.example", "münchen.example")[1] == (
        "2 blocked, 0 already were.\n"
    )
    assert run("email-domain", "block", "throw.example")[1] == "0 blocked, 1 already were.\n"
    assert run("email-domain", "allow", "throw.example", "mailinator.com")[1] == "2 allowed, 0 already were.\n"
    assert run("email-domain", "list")[1] == (
        "allowed  mailinator.com\nallowed  throw.example\nblocked  xn--mnchen-3ya.example\n"
    )
    assert run("email-domain", "reset", "throw.example", "other.example")[1] == "1 reset, 1 had no entry.\n"


@pytest.mark.parametrize("domain", ["com", "jane@example.com", "exa mple.com", "x-.example", "x..example", ""])
def test_what_is_no_mail_domain_is_refused(conn: Connection[Any], run: Run, domain: str) -> None:
    status, out, err = run("email-domain", "block", "fine.example", domain)
    assert (status, out) == (1, "")
    assert repr(domain) in err
    assert conn.execute("SELECT count(*) FROM disposable_domains").fetchone() == (0,)
