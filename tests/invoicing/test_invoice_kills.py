"""A run that dies after any of its statements: the next one ends what it began, and nothing is done twice."""

from datetime import timedelta
from typing import Any

import pytest
from psycopg import Connection

from tests.invoicing.test_invoice import HOUR, MONDAY
from tests.support.factories import a_buyer, an_offer
from tests.support.money.invoice_invariants import faults
from tests.support.money.sold_leads import a_billed_lead, a_taken_lead, invoice, prepay
from tests.support.processes.lost_connection import Killed, killed_after
from tests.support.servers.buyer_endpoint import Mailbox
from tests.support.stages.functions import Functions
from tests.support.stages.messages import messages, sent

_MOST_STATEMENTS = 200
_TAXED = {"tax": {"rate": "19"}, "terms_days": 60}


def test_edge_13_a_run_killed_after_each_statement_puts_every_lead_on_one_invoice(
    conn: Connection[Any], functions: Functions, offer: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = an_offer(conn)
    for statement in range(1, _MOST_STATEMENTS):
        taxed, plain = a_buyer(conn, billing=_TAXED), a_buyer(conn, billing={"approval": True})
        leads = [
            a_billed_lead(conn, of, buyer, MONDAY - n * HOUR)
            for of, buyer in ((offer, taxed), (second, taxed), (offer, plain))
            for n in (2, 1)
        ]
        prepay(conn, taxed, "50.00", MONDAY)
        was_killed = killed_in(functions, statement, monkeypatch)
        assert faults(conn) == {}, statement
        functions.module("invoice").run(MONDAY)
        assert faults(conn) == {}, statement
        rows = conn.execute("SELECT lead_id FROM invoice_lines WHERE lead_id = ANY(%s) ORDER BY 1", (leads,)).fetchall()
        assert [row[0] for row in rows] == sorted(leads), statement
        states = conn.execute(
            "SELECT status::text, total_amount::text FROM invoices WHERE buyer_id = ANY(%s) ORDER BY id",
            ([taxed, plain],),
        ).fetchall()
        assert states == [("sent", "107.10"), ("sent", "107.10"), ("draft", "90.00")], statement
        assert sent(conn, "notify") == [("invoice.generated", None)] * 2 * statement
        if not was_killed:
            assert statement > 20
            return
    raise AssertionError("it never came to its end")


def killed_in(functions: Functions, statement: int, monkeypatch: pytest.MonkeyPatch) -> bool:
    with killed_after(statement, monkeypatch):
        try:
            functions.module("invoice").run(MONDAY)
        except Killed:
            return True
    return False


def test_edge_13_billing_killed_after_each_statement_crosses_the_threshold_once(
    conn: Connection[Any], functions: Functions, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer = an_offer(conn, invoice_threshold="90.00")
    for statement in range(1, _MOST_STATEMENTS):
        buyer = a_buyer(conn, billing=_TAXED)
        prepay(conn, buyer, "50.00", MONDAY)
        leads = [a_taken_lead(conn, offer, buyer, MONDAY - n * HOUR) for n in (2, 1)]
        bill = functions.module("bill").process
        was_killed = False
        with killed_after(statement, monkeypatch):
            try:
                bill(messages("lead.delivered", leads), MONDAY)
            except Killed:
                was_killed = True
        assert faults(conn) == {}, statement
        bill(messages("lead.delivered", leads), MONDAY)
        assert faults(conn) == {}, statement
        invoices = conn.execute(
            "SELECT total_leads, total_amount::text, amount_due::text FROM invoices WHERE buyer_id = %s", (buyer,)
        ).fetchall()
        assert invoices == [(2, "107.10", "57.10")], statement
        if not was_killed:
            assert statement > 10
            return
    raise AssertionError("it never came to its end")


def test_edge_13_reminders_of_a_run_killed_after_each_statement_are_sent_and_twice_at_most(
    conn: Connection[Any], functions: Functions, offer: int, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    due = MONDAY + timedelta(days=17)  # three days over the due day
    repeated = 0
    for statement in range(1, _MOST_STATEMENTS):
        buyer = a_buyer(conn, billing={"dunning": {"reminders": [3], "pause_after_days": 1}})
        a_billed_lead(conn, offer, buyer, MONDAY - HOUR)
        invoice(conn, buyer, MONDAY)
        before = len(mailbox.mails)
        was_killed = False
        with killed_after(statement, monkeypatch):
            try:
                functions.module("invoice").run(due + 12 * HOUR)
            except Killed:
                was_killed = True
        for hours in (13, 14, 15):
            functions.module("invoice").run(due + hours * HOUR)
        sent = len(mailbox.mails) - before
        assert sent in ((1, 2) if was_killed else (1,)), statement
        repeated += sent - 1
        assert conn.execute(
            "SELECT n.status FROM dunning_notices n JOIN invoices i ON i.id = n.invoice_id WHERE i.buyer_id = %s",
            (buyer,),
        ).fetchall() == [("sent",)]
        states = conn.execute(
            "SELECT i.status::text, b.paused_since IS NULL FROM invoices i JOIN buyers b ON b.id = i.buyer_id"
            " WHERE b.id = %s",
            (buyer,),
        ).fetchall()
        assert states == [("overdue", False)]
        if not was_killed:
            assert statement > 20
            assert repeated  # a mail that was sent as its worker died
            return
    raise AssertionError("it never came to its end")
