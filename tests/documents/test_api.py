"""Documents and reports over HTTP and on the command line: a buyer's own, and nobody else's."""

import asyncio
import base64
import csv
import hashlib
import io
import json
import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from psycopg import Connection
from pypdf import PdfReader

from leadgen import cli
from leadgen.access import adapters as tokens
from leadgen.platform import clock
from leadgen.platform.web.app import lambda_handler
from tests.conftest import ROOT, SECRET_KEY
from tests.documents.test_document import a_credit_note
from tests.support.factories import a_market, an_offer
from tests.support.money import sold_leads
from tests.support.money.after_sale import charge_back, pay_by_card
from tests.support.money.sales_documents import a_billed_buyer, set_seller
from tests.support.stages.functions import Functions
from tests.support.stages.posts import a_token, refusal

Capsys = pytest.CaptureFixture[str]


@pytest.fixture
def invoice(conn: Connection[Any], now: datetime) -> int:
    """An issued invoice of two leads; its buyer is the first one, and there is another."""
    set_seller(conn)
    offer = an_offer(conn, market_id=a_market(conn, timezone="Europe/Berlin", currency="EUR"), invoice_threshold=9999)
    invoice_id, _ = sold_leads.an_invoice(conn, offer, a_billed_buyer(conn), now, "45.00", "45.00")
    a_billed_buyer(conn, name="Another")
    return invoice_id


def get(functions: Functions, path: str, *, buyer: int | None = None) -> httpx2.Response:
    """Ask as an operator, or as a buyer."""
    headers = a_token()
    if buyer is not None:
        token = tokens.issue(
            SECRET_KEY, subject=f"buyer:{buyer}", role="buyer", buyer_id=buyer, now=clock.now(),
            lifetime=timedelta(hours=1),
        )  # fmt: skip
        headers = {"Authorization": f"Bearer {token}"}
    return functions.client("api").get(path, headers=headers)


def paths(conn: Connection[Any], invoice: int, now: datetime) -> list[str]:
    """Everything that is a buyer's own."""
    note = a_credit_note(conn, invoice, now)
    return [
        f"/api/invoices/{invoice}/pdf",
        f"/api/invoices/{invoice}/ubl",
        f"/api/invoices/{invoice}/factur-x",
        f"/api/invoices/{invoice}/lines.csv",
        f"/api/credit-notes/{note}",
        f"/api/credit-notes/{note}/pdf",
        f"/api/credit-notes/{note}/ubl",
        f"/api/credit-notes/{note}/factur-x",
        "/api/buyers/1/statement",
        "/api/buyers/1/statement?format=csv",
        "/api/buyers/1/statement?format=pdf",
    ]


def test_a_buyer_gets_its_own_documents_and_for_another_they_are_not_there(
    conn: Connection[Any], functions: Functions, invoice: int, now: datetime
) -> None:
    for path in paths(conn, invoice, now):
        assert get(functions, path).status_code == 200, path
        assert get(functions, path, buyer=1).status_code == 200, path
        assert refusal(get(functions, path, buyer=2)) == (404, "not_found"), path
        assert refusal(functions.client("api").get(path)) == (401, "missing_token"), path


def test_the_reports_are_the_operators(functions: Functions, invoice: int) -> None:
    for path in ("/api/reports/aging", "/api/reports/journal.csv?from=2026-06-01&to=2026-06-30"):
        assert get(functions, path).status_code == 200
        assert refusal(get(functions, path, buyer=1)) == (403, "forbidden")


def test_a_pdf_comes_with_its_name_and_hash_and_is_what_is_kept(
    conn: Connection[Any], functions: Functions, invoice: int
) -> None:
    answer = get(functions, f"/api/invoices/{invoice}/pdf")
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["content-disposition"] == 'attachment; filename="INV-000001.pdf"'
    assert answer.headers["etag"] == f'"{hashlib.sha256(answer.content).hexdigest()}"'
    assert conn.execute("SELECT content FROM documents").fetchall() == [(answer.content,)]


def test_a_pdf_goes_through_api_gateway_as_base64(functions: Functions, invoice: int) -> None:
    event = json.loads((ROOT / "events" / "get_lead.json").read_text())
    path = f"/api/invoices/{invoice}/pdf"
    headers = {"Host": "api.example.com", "Accept": "text/html,*/*", **a_token()}
    event |= {"path": path, "headers": headers, "multiValueHeaders": {name: [value] for name, value in headers.items()}}
    event["requestContext"] |= {"path": f"/prod{path}"}
    try:
        answer = lambda_handler(functions.module("api").app)(event, None)
    finally:
        asyncio.get_event_loop().close()
        asyncio.set_event_loop(None)
    assert (answer["statusCode"], answer["isBase64Encoded"]) == (200, True)
    assert base64.b64decode(answer["body"]).startswith(b"%PDF")


def test_a_draft_is_none_of_its_buyers_business(
    conn: Connection[Any], functions: Functions, invoice: int, now: datetime
) -> None:
    conn.execute("UPDATE buyers SET billing = billing || '{\"approval\": true}'")
    row = conn.execute("SELECT offer_id FROM invoices").fetchone()
    assert row is not None
    draft, _ = sold_leads.an_invoice(conn, row[0], 1, now + timedelta(days=1))
    assert refusal(get(functions, f"/api/invoices/{draft}/pdf", buyer=1)) == (404, "not_found")
    assert refusal(get(functions, f"/api/invoices/{draft}/pdf")) == (409, "not_issued")


def test_a_statement_answers_in_json_and_refuses_days_that_are_none(functions: Functions, invoice: int) -> None:
    said = get(functions, "/api/buyers/1/statement?from=2026-06-01&to=2026-06-30", buyer=1).json()
    assert (said["account"]["closing"], said["prepaid"]["closing"], said["on_no_invoice"]) == (107.1, 0, 0)
    assert [entry["what"] for entry in said["account"]["entries"]] == ["2 leads delivered", "Tax"]
    for query in ("from=yesterday", "from=2026-07-02&to=2026-07-01", "format=docx"):
        assert refusal(get(functions, f"/api/buyers/1/statement?{query}"))[0] == 400


def test_the_aging_report_answers_by_buyer_and_in_all(functions: Functions, invoice: int) -> None:
    said = get(functions, "/api/reports/aging").json()
    assert [(row["buyer_id"], row["total"]) for row in said["buyers"]] == [(1, 107.1)]
    assert [(row["currency"], row["balance"]) for row in said["totals"]] == [("EUR", 107.1)]
    rows = list(csv.DictReader(io.StringIO(get(functions, "/api/reports/aging?format=csv").text, newline="")))
    assert [row["owed"] for row in rows] == ["107.10", "107.10"]


def test_a_journal_that_is_too_long_is_refused_with_what_to_do(
    functions: Functions, invoice: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from leadgen.reporting import routes as reporting_routes

    monkeypatch.setattr(reporting_routes, "_LONGEST_JOURNAL", 2)
    answer = get(functions, "/api/reports/journal.csv?from=2026-06-01&to=2026-06-30")
    assert refusal(answer) == (400, "too_long")
    assert "leadgen ledger journal" in answer.json()["error"]["message"]


def run(capsys: Capsys, *arguments: object) -> tuple[int, str, str]:
    """A command's exit status, and what it said on both streams; held to 100 columns."""
    capsys.readouterr()
    status = cli.main([str(argument) for argument in arguments])
    said = capsys.readouterr()
    return status, said.out, said.err


def test_the_command_line_writes_the_file_that_was_mailed(
    functions: Functions, invoice: int, tmp_path: Path, capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "invoice.pdf"
    monkeypatch.setenv("PUBLIC_URL", "https://leads.example")
    status, out, _ = run(capsys, "invoice", "download", invoice, "-o", target)
    assert status == 0
    assert hashlib.sha256(target.read_bytes()).hexdigest() in out
    assert target.read_bytes() == get(functions, f"/api/invoices/{invoice}/pdf").content
    assert run(capsys, "invoice", "download", 99)[0::2] == (1, "there is no invoice 99\n")
    assert run(capsys, "invoice", "download", invoice, "-o", tmp_path / "no" / "such")[0] == 1


@pytest.mark.parametrize("missing", ["PUBLIC_URL", "SECRET_KEY"])
def test_the_command_line_draws_no_link_that_leads_nowhere(
    missing: str, conn: Connection[Any], invoice: int, capsys: Capsys, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What is drawn is kept and mailed: a link by another key, or to another place, could never be mended."""
    monkeypatch.setenv("PUBLIC_URL", "https://leads.example")
    with monkeypatch.context() as broken:
        broken.delenv(missing)
        for form in ("pdf", "factur-x"):
            status, out, error = run(capsys, "invoice", "download", invoice, "--format", form, "-o", tmp_path / "x")
            assert (status, out) == (1, "")
            assert "set SECRET_KEY and PUBLIC_URL as the functions have them" in error
    assert conn.execute("SELECT count(*) FROM documents").fetchone() == (0,)
    assert run(capsys, "invoice", "download", invoice, "--format", "ubl", "-o", tmp_path / "x")[0] == 0


def test_the_command_line_draws_by_the_embedded_stack_s_own_key_and_address(
    conn: Connection[Any], database_url: str, invoice: int, capsys: Capsys, monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:  # fmt: skip
    for name in ("DATABASE_URL", "SECRET_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("LEADGEN_STATE", str(tmp_path))
    stack = {"database_url": database_url, "sink_url": "http://127.0.0.1:1", "public_url": "http://127.0.0.1:8123"}
    (tmp_path / "stack.json").write_text(json.dumps(stack))
    (tmp_path / "secret_key").write_text(f"{SECRET_KEY}\n")
    monkeypatch.setattr(os, "environ", os.environ.copy())
    assert run(capsys, "invoice", "download", invoice, "-o", tmp_path / "x.pdf")[0] == 0
    links = [str(one["/A"]["/URI"]) for one in PdfReader(tmp_path / "x.pdf").pages[0]["/Annots"]]  # type: ignore[attr-defined]
    assert any(link.startswith("http://127.0.0.1:8123/pay/") for link in links)


def test_documents_are_named_by_their_numbers_too(
    conn: Connection[Any], invoice: int, tmp_path: Path, capsys: Capsys, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUBLIC_URL", "https://leads.example")
    a_credit_note(conn, invoice, now)
    for kind, number in (("invoice", "inv-000001"), ("credit-note", "CN-000001")):
        target = tmp_path / kind
        assert run(capsys, kind, "download", number, "-o", target)[0] == 0
        assert target.read_bytes().startswith(b"%PDF")
    status, _, error = run(capsys, "credit-note", "download", "INV-000001")
    assert (status, error) == (
        1, "there is no credit note INV-000001: name one by its number, such as CN-000012, or its id\n",
    )  # fmt: skip


def test_the_command_line_shows_a_statement_and_the_aging_report_in_columns(
    invoice: int, tmp_path: Path, capsys: Capsys
) -> None:
    status, out, _ = run(capsys, "buyer", "statement", 1, "--from", "2026-06-01", "--to", "2026-06-30")
    assert status == 0
    assert max(map(len, out.splitlines())) <= 100
    assert "closing balance" in out
    assert out.endswith("\nOpen invoices 107.10 EUR, on no open invoice 0.00 EUR: owed 107.10 EUR.\n")
    assert "INV-000001  17 June 2026  1 July 2026  107.10  107.10  107.10" in out
    status, out, _ = run(capsys, "invoice", "aging")
    assert status == 0
    assert max(map(len, out.splitlines())) <= 100
    assert "All buyers" in out
    assert run(capsys, "invoice", "aging", "--csv")[1].startswith("currency,buyer_id,buyer,not due")
    assert run(capsys, "buyer", "statement", 1, "--format", "pdf")[0] == 1
    assert run(capsys, "buyer", "statement", 1, "--format", "pdf", "-o", tmp_path / "s.pdf")[0] == 0
    assert (tmp_path / "s.pdf").read_bytes().startswith(b"%PDF")
    assert run(capsys, "buyer", "statement", 99)[0::2] == (
        1,
        "there is no buyer 99: name one by its id or its e-mail address\n",
    )


def test_the_aging_report_in_columns_adds_up_where_a_chargeback_left_a_debt(
    conn: Connection[Any], invoice: int, capsys: Capsys, now: datetime
) -> None:
    """What a report has no column for would be a difference that nobody can explain."""
    assert "CHARGEBACKS" not in run(capsys, "invoice", "aging")[1]
    pay_by_card(conn, 1, "31.00", now, "pi_1", currency="EUR")
    sold_leads.a_billed_lead(conn, 1, 1, now, "31.00")
    charge_back(conn, "pi_1", "31.00", now, currency="EUR")
    said = run(capsys, "invoice", "aging")[1].splitlines()
    assert said[0].split()[-2:] == ["CHARGEBACKS", "OWED"]
    assert max(map(len, said)) <= 100
    assert [line.split()[-4:] for line in said if "All buyers" in line] == [["107.10", "0.00", "31.00", "138.10"]]


def test_the_command_line_exports_for_quickbooks_and_the_journal(invoice: int, tmp_path: Path, capsys: Capsys) -> None:
    days = ("--from", "2026-06-01", "--to", "2026-06-30")
    status, out, _ = run(capsys, "invoice", "export", *days, "--format", "quickbooks")
    assert (status, len(out.splitlines())) == (0, 3)
    assert run(capsys, "ledger", "journal", *days, "-o", tmp_path / "journal.csv")[0] == 0
    assert len((tmp_path / "journal.csv").read_bytes().split(b"\r\n")) == 5
    assert run(capsys, "ledger", "journal", "--from", "2026-06-30", "--to", "2026-06-01")[0] == 1


@pytest.mark.parametrize(
    "command",
    [
        ("ledger", "journal", "--from", "2026-06-01", "--to", "9999-12-31"),
        ("invoice", "export", "--from", "0001-01-01", "--to", "2026-06-30"),
        ("buyer", "statement", 1, "--to", "9999-12-31"),
        ("payment", "record", "9" * 5000, "45.00"),
        ("payment", "record", "INV-000001", "４５"),
        ("payment", "record", "INV-000001", "1e999"),
        ("payment", "record", "INV-000001", "NaN"),
        ("payment", "record", "INV-000001", "45.00", "--on", "0001-01-01"),
        ("wallet", "top-up", 1, " 45.00"),
        ("wallet", "top-up", 1, "9" * 5000),
    ],
    ids=lambda command: " ".join(map(str, command))[:40],
)
def test_what_no_person_types_in_earnest_is_a_message_and_moves_nothing(
    conn: Connection[Any], invoice: int, capsys: Capsys, command: tuple[object, ...]
) -> None:
    before = sold_leads.everything(conn)
    status, _, err = run(capsys, *command)
    assert status == 1
    assert err.strip()
    assert sold_leads.everything(conn) == before
