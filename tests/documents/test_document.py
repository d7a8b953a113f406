"""The stage that draws documents and mails them: each once, whatever dies, repeats or comes at once."""

import hashlib
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from psycopg import Connection

from leadgen.documents.domain import mail as documents_mail
from leadgen.platform import clock
from leadgen.platform.messaging.batch import Message
from leadgen.receivables.service import credit_notes
from tests.support.factories import a_market, an_offer
from tests.support.money import sold_leads
from tests.support.money.sales_documents import BUYER, a_billed_buyer, set_seller
from tests.support.servers.buyer_endpoint import Mailbox
from tests.support.stages.functions import Functions
from tests.support.stages.messages import body, failed_ids, sent, sqs_event


@pytest.fixture
def invoice(conn: Connection[Any], now: datetime) -> int:
    """An issued invoice of two leads."""
    set_seller(conn)
    offer = an_offer(conn, market_id=a_market(conn, timezone="Europe/Berlin", currency="EUR"), invoice_threshold=9999)
    invoice_id, _ = sold_leads.an_invoice(conn, offer, a_billed_buyer(conn), now, "45.00", "45.00")
    return invoice_id


def tell(functions: Functions, *invoices: int, at: datetime | None = None) -> list[str]:
    """Run the stage for issued invoices; what it says of each."""
    read = [
        Message(
            f"m{one}", "invoice.generated", None, clock.now(), None, body("invoice.generated", None, invoice_id=one)
        )
        for one in invoices
    ]
    return [outcome.outcome for outcome in functions.module("document").process(read, at or clock.now())]


def mails(conn: Connection[Any]) -> list[tuple[Any, ...]]:
    return conn.execute("SELECT status, attempts, error, claimed_until FROM document_mails ORDER BY id").fetchall()


def test_an_issued_invoice_is_mailed_to_the_billing_address_with_its_pdf(
    conn: Connection[Any], functions: Functions, mailbox: Mailbox, invoice: int
) -> None:
    assert tell(functions, invoice) == ["mailed"]
    (mail,) = mailbox.mails
    assert mail["To"] == BUYER.email
    assert mail["Subject"] == "Invoice INV-000001: 107.10 EUR due 1 July 2026"
    assert mail["Message-ID"] == f"<invoice-{invoice}@leadgen.example>"
    (attached,) = mail.iter_attachments()
    assert (attached.get_filename(), attached.get_content_type()) == ("INV-000001.pdf", "application/pdf")
    content = attached.get_content()
    kept = conn.execute("SELECT content, sha256 FROM documents").fetchall()
    assert kept == [(content, hashlib.sha256(content).hexdigest())]
    for kind in ("plain", "html"):
        part = mail.get_body((kind,))
        assert part is not None
        assert "107.10 EUR is due by 1 July 2026" in part.get_content()
    assert mails(conn) == [("sent", 1, None, None)]


def test_without_a_billing_address_it_goes_to_the_buyers_own(
    conn: Connection[Any], functions: Functions, mailbox: Mailbox, invoice: int
) -> None:
    conn.execute("UPDATE buyers SET billing = billing - 'email', email = 'owner@example.com'")
    tell(functions, invoice)
    assert [mail["To"] for mail in mailbox.mails] == ["owner@example.com"]


def test_a_credit_note_is_mailed_and_names_its_invoice(
    conn: Connection[Any], functions: Functions, mailbox: Mailbox, invoice: int, now: datetime
) -> None:
    note = a_credit_note(conn, invoice, now)
    told_of = body("credit_note.issued", None, credit_note_id=note, invoice_id=invoice, buyer_id=1)
    assert failed_ids(functions.module("document").handler(sqs_event(told_of), None)) == set()
    (mail,) = mailbox.mails
    assert mail["Subject"] == "Credit note CN-000001: 53.55 EUR"
    assert [part.get_filename() for part in mail.iter_attachments()] == ["CN-000001.pdf"]


def test_a_message_that_is_repeated_mails_nothing_again(
    conn: Connection[Any], functions: Functions, mailbox: Mailbox, invoice: int
) -> None:
    assert tell(functions, invoice, invoice) == ["mailed", "nothing_due"]
    assert tell(functions, invoice) == ["nothing_due"]
    assert len(mailbox.mails) == 1


def test_workers_at_once_mail_it_once(
    conn: Connection[Any], functions: Functions, mailbox: Mailbox, invoice: int
) -> None:
    barrier = threading.Barrier(5)
    said: list[str] = []

    def work() -> None:
        barrier.wait()
        said.extend(tell(functions, invoice))

    workers = [threading.Thread(target=work) for _ in range(5)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(said) == ["mailed"] + ["nothing_due"] * 4
    assert len(mailbox.mails) == 1


@pytest.mark.parametrize(("dies_at", "mailed"), [("send", 1), ("record", 2)])
def test_edge_13_a_worker_that_dies_before_it_has_recorded_loses_no_mail_and_at_most_doubles_it(
    conn: Connection[Any], functions: Functions, mailbox: Mailbox, invoice: int, output: Callable[[], str],
    dies_at: str, mailed: int,
) -> None:  # fmt: skip
    module = functions.module("document")
    with pytest.MonkeyPatch.context() as dying:
        if dies_at == "send":
            dying.setattr(module.claims, "at_once", _die)
        else:
            dying.setattr(module.mails, "record", _die)
        with pytest.raises(SystemExit):
            tell(functions, invoice)
    ((until,),) = conn.execute("SELECT claimed_until FROM document_mails").fetchall()
    assert tell(functions, invoice, at=until - timedelta(seconds=5)) == ["nothing_due"]  # it may still be at it
    swept = functions.module("sweep").run(until + timedelta(seconds=61))
    assert swept["documents"] == 1
    assert ("invoice.generated", None) in sent(conn, "document")
    assert tell(functions, invoice, at=until + timedelta(seconds=1)) == ["mailed"]
    assert len(mailbox.mails) == mailed
    assert "document.mailed_again" in output()
    assert {mail["Message-ID"] for mail in mailbox.mails} == {f"<invoice-{invoice}@leadgen.example>"}


def test_what_the_mail_server_does_not_take_is_tried_again_and_given_up_at_last(
    conn: Connection[Any], functions: Functions, environment: pytest.MonkeyPatch, invoice: int
) -> None:
    environment.setenv("SMTP_HOST", "")
    at = clock.now()
    for attempt in range(1, len(documents_mail.SCHEDULE.steps) + 1):
        assert tell(functions, invoice, at=at) == ["mail_retry"]
        assert mails(conn)[0][:2] == ("pending", attempt)
        assert tell(functions, invoice, at=at) == ["nothing_due"]
        ((at,),) = conn.execute("SELECT next_attempt_at FROM document_mails").fetchall()
    assert tell(functions, invoice, at=at) == ["mail_given_up"]
    assert mails(conn) == [("given_up", len(documents_mail.SCHEDULE.steps) + 1, "SMTP_HOST is not set", None)]


def test_the_sweep_tells_again_of_what_nobody_was_told_of(
    conn: Connection[Any], functions: Functions, mailbox: Mailbox, invoice: int, now: datetime
) -> None:
    assert functions.module("sweep").run(now + timedelta(seconds=59))["documents"] == 0
    assert functions.module("sweep").run(clock.now())["documents"] == 1
    functions.drain()
    assert len(mailbox.mails) == 1
    assert functions.module("sweep").run(clock.now() + timedelta(hours=1))["documents"] == 0


def test_one_document_that_cannot_be_drawn_holds_back_no_other(
    conn: Connection[Any], functions: Functions, mailbox: Mailbox, invoice: int
) -> None:
    bodies = [body("invoice.generated", None, invoice_id=one) for one in ("x", invoice, 9999)]
    assert failed_ids(functions.module("document").handler(sqs_event(*bodies), None)) == {"m0"}
    assert len(mailbox.mails) == 1


def test_nothing_of_a_person_is_in_the_log(
    functions: Functions, mailbox: Mailbox, invoice: int, output: Callable[[], str]
) -> None:
    functions.module("document").handler(sqs_event(body("invoice.generated", None, invoice_id=invoice)), None)
    assert "mailed" in output()
    assert BUYER.email not in output()
    assert "Dachdecker" not in output()


def a_credit_note(conn: Connection[Any], invoice: int, now: datetime) -> int:
    """Credit the first lead of an invoice."""
    row = conn.execute("SELECT min(lead_id) FROM invoice_lines WHERE invoice_id = %s", (invoice,)).fetchone()
    assert row is not None
    with conn.transaction():
        credited = credit_notes.credit(conn, invoice, [row[0]], reason="spam", note="A robot", actor="test", now=now)
    return credited.credit_note_id


def _die(*_: object, **__: object) -> Any:
    raise SystemExit
