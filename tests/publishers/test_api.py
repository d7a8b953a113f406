"""Payouts as an operator sees them, over the API and at the command line."""

import csv
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from psycopg import Connection
from pypdf import PdfReader

from leadgen import cli
from leadgen.access import adapters as tokens
from leadgen.platform import clock
from tests.conftest import SECRET_KEY
from tests.support.money.publishers import Published
from tests.support.stages.functions import Functions

JULY = datetime(2026, 7, 1, tzinfo=UTC)
IN_JUNE = datetime(2026, 6, 17, 12, tzinfo=UTC)


def token(role: str = "operator", **values: Any) -> str:
    lifetime = timedelta(hours=1)
    return tokens.issue(SECRET_KEY, subject="ann", role=role, now=clock.now(), lifetime=lifetime, **values)  # type: ignore[arg-type]  # also none


def headers(bearer: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {bearer}"}


@pytest.fixture
def home(conn: Connection[Any]) -> Published:
    """A publisher that earned twice in June, once for a lead that came back."""
    published = Published(conn, timezone="America/Denver")
    published.earn(IN_JUNE, "100")
    published.take_back(published.earn(IN_JUNE, "45"), IN_JUNE + timedelta(days=1))
    return published


@pytest.fixture
def payout(home: Published) -> int:
    """Its payout."""
    issued = home.issue(JULY + timedelta(days=1))
    assert issued is not None
    return issued


@pytest.mark.parametrize(
    "path", ["/api/payouts", "/api/payouts/1", "/api/payouts/1/statement.csv", "/api/payouts/1/statement.pdf"]
)
def test_payouts_are_for_operators_only(functions: Functions, path: str) -> None:
    client = functions.client("api")
    assert client.get(path).status_code == 401
    assert client.get(path, headers=headers(token("buyer", buyer_id=1))).status_code == 403


def test_only_a_person_says_that_a_payout_was_paid(functions: Functions, payout: int) -> None:
    client = functions.client("api")
    for bearer in (token("buyer", buyer_id=1), token("system")):
        answer = client.post(f"/api/payouts/{payout}/paid", json={"reference": "x"}, headers=headers(bearer))
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden")


def test_a_payout_is_shown_with_its_lines_and_paid_once(functions: Functions, payout: int, home: Published) -> None:
    client, ann = functions.client("api"), headers(token())
    (listed,) = client.get("/api/payouts", headers=ann).json()["payouts"]
    assert (listed["number"], listed["publisher"], listed["status"], listed["total"]) == (
        "PO-000001", "Home Pages", "issued", 10.0,
    )  # fmt: skip
    shown = client.get(f"/api/payouts/{payout}", headers=ann).json()
    assert [line["amount"] for line in shown["lines"]] == [10.0, 4.5, -4.5]
    paid = client.post(f"/api/payouts/{payout}/paid", json={"reference": "wire 7"}, headers=ann)
    assert (paid.status_code, paid.json()["status"], paid.json()["repeated"]) == (200, "paid", False)
    again = client.post(f"/api/payouts/{payout}/paid", json={"reference": "wire 7"}, headers=ann)
    assert (again.status_code, again.json()["repeated"]) == (200, True)
    other = client.post(f"/api/payouts/{payout}/paid", json={"reference": "wire 8"}, headers=ann)
    assert (other.status_code, other.json()["error"]["code"]) == (409, "payout_differs")
    assert home.payable == 0


@pytest.mark.parametrize("fields", [{}, {"reference": 7}, {"reference": "x", "amount": 5}], ids=str)
def test_a_payout_is_not_paid_by_what_cannot_be_read(
    functions: Functions, payout: int, home: Published, fields: dict[str, Any]
) -> None:
    answer = functions.client("api").post(f"/api/payouts/{payout}/paid", json=fields, headers=headers(token()))
    assert answer.status_code == 400
    assert home.payable == 10


def test_a_statement_as_csv_adds_up_in_the_publishers_time(functions: Functions, payout: int) -> None:
    answer = functions.client("api").get(f"/api/payouts/{payout}/statement.csv", headers=headers(token()))
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.headers["content-disposition"] == 'attachment; filename="PO-000001.csv"'
    head, *lines, total = csv.reader(io.StringIO(answer.text))
    assert head == ["payout", "time", "kind", "lead_id", "source", "lead_price", "amount", "currency"]
    assert [(row[2], row[5], row[6]) for row in lines] == [
        ("earned", "100.00", "10.00"), ("earned", "45.00", "4.50"), ("reversed", "45.00", "-4.50"),
    ]  # fmt: skip
    assert lines[0][1] == "2026-06-17T06:00:00-06:00"
    assert (total[1], total[2], total[6]) == ("2026-07-01T00:00:00-06:00", "total", "10.00")


def test_a_statement_as_pdf_says_what_each_lead_earned_and_stays_the_same(
    conn: Connection[Any], functions: Functions, payout: int
) -> None:
    conn.execute("""INSERT INTO seller (details) VALUES ('{"legal_name": "Lead Depot Inc."}')""")
    client, ann = functions.client("api"), headers(token())
    drawn = client.get(f"/api/payouts/{payout}/statement.pdf", headers=ann)
    assert (drawn.status_code, drawn.headers["content-type"]) == (200, "application/pdf")
    (page,) = PdfReader(io.BytesIO(drawn.content)).pages
    text = " ".join(page.extract_text().split())
    for said in (
        "Payout statement", "Lead Depot Inc.", "Home Pages owner@example.com", "Payout number PO-000001",
        "Period 1 June 2026 - 30 June 2026", "Time zone America/Denver", "17 Jun 2026 06:00 MDT 100.00 10.00",
        "came back", "Earned 14.50", "Reversed with leads that came back -4.50", "To be paid 10.00 USD",
    ):  # fmt: skip
        assert said in text, said
    client.post(f"/api/payouts/{payout}/paid", json={"reference": "wire 7"}, headers=ann)
    assert client.get(f"/api/payouts/{payout}/statement.pdf", headers=ann).content == drawn.content


def test_a_payout_is_written_to_a_file_but_is_no_electronic_invoice(
    payout: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "payout.pdf"
    assert cli.main(["payout", "download", str(payout), "-o", str(target)]) == cli.DONE
    assert target.read_bytes().startswith(b"%PDF-")
    assert cli.main(["payout", "download", str(payout), "--format", "ubl", "-o", str(target)]) == cli.FAILED
    assert cli.main(["payout", "download", "77"]) == cli.FAILED
    told = capsys.readouterr().err.splitlines()
    assert told == ["a payout is no invoice: there is a PDF of it, and a CSV", "there is no payout 77"]


def test_what_is_not_there_is_not_found(functions: Functions, conn: Connection[Any]) -> None:
    client, ann = functions.client("api"), headers(token())
    for path in ("/api/payouts/1", "/api/payouts/1/statement.csv", "/api/payouts/1/statement.pdf"):
        assert client.get(path, headers=ann).status_code == 404
    assert client.post("/api/payouts/1/paid", json={"reference": "x"}, headers=ann).status_code == 404


def test_the_command_issues_shows_and_pays(
    conn: Connection[Any], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEADGEN_ACTOR", "ann")
    home, months_ago = Published(conn), clock.now() - timedelta(days=62)
    last_day = clock.now().date().replace(day=1) - timedelta(days=1)
    home.take_back(home.earn(months_ago, "45"), months_ago)
    home.earn(months_ago, "100")
    assert cli.main(["payout", "list"]) == cli.DONE
    assert capsys.readouterr().out == "No payout was issued yet.\n"
    assert cli.main(["payout", "run", "--dry-run"]) == cli.DONE
    due = capsys.readouterr().out.splitlines()
    assert " ".join(due[1].split()).endswith(f" – {last_day} UTC 3 14.50 USD 4.50 USD 10.00 USD")
    assert due[-1] == "Nothing was issued."
    assert [cli.main(["payout", "run"]) for _ in range(2)] == [cli.DONE] * 2
    assert capsys.readouterr().out == "1 issued.\nNo payout is due.\n"
    assert cli.main(["payout", "list"]) == cli.DONE
    listed = capsys.readouterr().out.splitlines()[1]
    assert listed.startswith("1   PO-000001  Home Pages")
    assert " ".join(listed.split()).endswith(f" – {last_day} UTC issued 10.00 USD")
    assert cli.main(["payout", "show", "PO-000001"]) == cli.DONE
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == "PO-000001, Home Pages, not paid yet"
    assert shown[-1] == "14.50 USD earned, 4.50 USD reversed: 10.00 USD to pay."
    assert cli.main(["payout", "show", "1", "--csv"]) == cli.DONE
    assert capsys.readouterr().out.endswith("-01T00:00:00+00:00,total,,,,10.00,USD\r\n")
    assert cli.main(["payout", "mark-paid", "1", "--reference", "wire 7"]) == cli.DONE
    assert cli.main(["payout", "mark-paid", "1", "--reference", "wire 7"]) == cli.DONE
    assert capsys.readouterr().out == (
        "PO-000001 is paid: 10.00 USD to Home Pages.\nPO-000001 was paid already: nothing is done.\n"
    )
    assert home.payable == 0


def test_the_command_tells_what_is_wrong(payout: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["payout", "show", "7"]) == cli.FAILED
    assert capsys.readouterr().err == "there is no payout 7: `leadgen payout list` shows them\n"
    assert cli.main(["payout", "mark-paid", str(payout), "--reference", " "]) == cli.FAILED
    assert "reference must be the transfer's own" in capsys.readouterr().err
    assert cli.main(["payout", "mark-paid", str(payout), "--reference", "wire 7"]) == cli.DONE
    assert cli.main(["payout", "mark-paid", str(payout), "--reference", "wire 8"]) == cli.FAILED
    assert "was paid already, with the reference 'wire 7'" in capsys.readouterr().err
