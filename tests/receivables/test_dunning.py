"""Overdue invoices: marked, reminded of, and what it comes to when nobody pays."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from psycopg import Connection

from leadgen.payments.service import checkout
from leadgen.receivables.domain.settlement import Settlement
from leadgen.receivables.service import settlement
from tests.invoicing.test_invoice import HOUR, MONDAY, run
from tests.support.factories import a_buyer, an_offer
from tests.support.money.sold_leads import an_invoice
from tests.support.servers.buyer_endpoint import Mailbox
from tests.support.stages.functions import Functions

DAY = timedelta(days=1)
DUE = MONDAY + 14 * DAY  # of what is issued on MONDAY
NOON = 12 * HOUR


def statuses(conn: Connection[Any]) -> list[str]:
    return [row[0] for row in conn.execute("SELECT status::text FROM invoices ORDER BY id")]


def pay(conn: Connection[Any], invoice_id: int, amount: str, now: datetime) -> None:
    """Settle what a payment would."""
    with conn.transaction():
        invoice = settlement.lock_invoice(conn, invoice_id)
        settlement.settle(conn, invoice, [Settlement("write_off", Decimal(amount))], now=now)


def paused_since(conn: Connection[Any]) -> list[datetime | None]:
    return [row[0] for row in conn.execute("SELECT paused_since FROM buyers ORDER BY id")]


def notices(conn: Connection[Any]) -> list[tuple[Any, ...]]:
    return conn.execute("SELECT invoice_id, step, status FROM dunning_notices ORDER BY 1, 2").fetchall()


def test_edge_36_an_invoice_is_overdue_when_its_due_day_is_over_in_its_market(
    conn: Connection[Any], functions: Functions, offer: int
) -> None:
    an_invoice(conn, offer, a_buyer(conn, billing={"dunning": {"reminders": []}}), MONDAY)
    assert run(functions, DUE) == {}
    assert run(functions, DUE + DAY - timedelta(microseconds=1)) == {}
    assert statuses(conn) == ["sent"]
    assert run(functions, DUE + DAY) == {"overdue": 1}
    assert statuses(conn) == ["overdue"]
    assert run(functions, DUE + 2 * DAY) == {}


def test_an_invoice_that_is_paid_is_not_overdue_any_more(
    conn: Connection[Any], functions: Functions, offer: int
) -> None:
    invoice_id, _ = an_invoice(conn, offer, a_buyer(conn, billing={"dunning": {"reminders": []}}), MONDAY)
    run(functions, DUE + DAY)
    pay(conn, invoice_id, "10.00", DUE + DAY)
    assert statuses(conn) == ["overdue"]
    pay(conn, invoice_id, "35.00", DUE + DAY)
    assert statuses(conn) == ["cancelled"]  # written off: nothing is due
    assert run(functions, DUE + 2 * DAY) == {}


def test_edge_34_a_dispute_stops_overdue_reminders_and_the_pause(
    conn: Connection[Any], functions: Functions, offer: int, mailbox: Mailbox
) -> None:
    buyer = a_buyer(conn, billing={"dunning": {"reminders": [0, 3], "pause_after_days": 2}})
    invoice_id, _ = an_invoice(conn, offer, buyer, MONDAY)
    conn.execute("UPDATE invoices SET status = 'disputed'")
    assert run(functions, DUE + 4 * DAY + NOON) == {}
    assert (statuses(conn), mailbox.mails, paused_since(conn)) == (["disputed"], [], [None])
    with conn.transaction():  # the dispute is closed, and the money still due
        settlement.settle(conn, settlement.lock_invoice(conn, invoice_id), [], is_disputed=False, now=DUE + 5 * DAY)
    assert (statuses(conn), paused_since(conn)) == (["overdue"], [DUE + 5 * DAY])
    assert run(functions, DUE + 5 * DAY + NOON) == {"reminded": 1}


def test_a_buyer_has_one_mail_about_all_its_invoices_and_each_step_once(
    conn: Connection[Any], functions: Functions, offer: int, mailbox: Mailbox
) -> None:
    first = a_buyer(conn, email="first@example.com", billing={"email": "accounts@first.example"})
    second = a_buyer(conn, email="second@example.com")
    one, _ = an_invoice(conn, offer, first, MONDAY)
    two, _ = an_invoice(conn, an_offer(conn), first, MONDAY, "99.00")
    other, _ = an_invoice(conn, offer, second, MONDAY)
    assert run(functions, DUE - 4 * DAY + NOON) == {}
    assert run(functions, DUE - 3 * DAY + NOON) == {"reminded": 2}
    assert run(functions, DUE - 3 * DAY + NOON + HOUR) == {}
    mails = {mail["To"]: mail for mail in mailbox.mails}
    assert set(mails) == {"accounts@first.example", "second@example.com"}
    assert mails["accounts@first.example"]["Subject"] == "Due soon: 2 open invoices, 144.00 USD in all"
    text = mails["accounts@first.example"].get_body(("plain",))
    assert text is not None
    assert all(f"Pay: {checkout.payment_url(invoice_id)}" in text.get_content() for invoice_id in (one, two))
    assert notices(conn) == [(one, -3, "sent"), (two, -3, "sent"), (other, -3, "sent")]
    run(functions, DUE + NOON)
    assert len(mailbox.mails) == 4


def test_of_the_steps_that_were_missed_only_the_latest_is_sent(
    conn: Connection[Any], functions: Functions, offer: int, mailbox: Mailbox
) -> None:
    invoice_id, _ = an_invoice(conn, offer, a_buyer(conn), MONDAY)
    assert run(functions, DUE + 9 * DAY + NOON) == {"overdue": 1, "reminded": 1}
    assert notices(conn) == [(invoice_id, 7, "sent")]
    assert len(mailbox.mails) == 1


def test_a_mail_that_the_server_does_not_take_is_sent_by_the_next_run(
    conn: Connection[Any], functions: Functions, offer: int, mailbox: Mailbox
) -> None:
    buyers = [a_buyer(conn, email=f"{name}@example.com") for name in ("full", "fine")]
    for buyer in buyers:
        an_invoice(conn, offer, buyer, MONDAY)
    mailbox.putting_off.add("full@example.com")
    assert run(functions, DUE + NOON) == {"reminded": 1, "not_reminded": 1}
    assert run(functions, DUE + NOON + HOUR) == {"not_reminded": 1}
    mailbox.putting_off.clear()
    assert run(functions, DUE + NOON + 2 * HOUR) == {"reminded": 1}
    assert sorted(mail["To"] for mail in mailbox.mails) == ["fine@example.com", "full@example.com"]


def test_a_mail_server_that_is_away_is_not_asked_for_every_buyer(
    conn: Connection[Any],
    functions: Functions,
    offer: int,
    environment: pytest.MonkeyPatch,
    closed_port: int,
) -> None:
    environment.setenv("SMTP_HOST", "127.0.0.1")
    environment.setenv("SMTP_PORT", str(closed_port))
    for _ in range(3):
        an_invoice(conn, offer, a_buyer(conn), MONDAY)
    assert run(functions, DUE + NOON) == {"not_reminded": 1, "left": 2}


def test_a_mail_that_is_refused_for_good_is_on_record_and_not_tried_again(
    conn: Connection[Any], functions: Functions, offer: int, mailbox: Mailbox
) -> None:
    invoice_id, _ = an_invoice(conn, offer, a_buyer(conn, email="nobody at all"), MONDAY)
    assert run(functions, DUE + NOON) == {"not_reminded": 1}
    assert run(functions, DUE + NOON + HOUR) == {}
    assert notices(conn) == [(invoice_id, 0, "failed")]
    assert run(functions, DUE + 3 * DAY + NOON) == {"overdue": 1, "not_reminded": 1}  # the next step asks again


def test_a_reminder_of_which_nobody_knows_is_sent_once_more(
    conn: Connection[Any], functions: Functions, offer: int, mailbox: Mailbox
) -> None:
    an_invoice(conn, offer, a_buyer(conn), MONDAY)
    # Its worker died before it kept that the mail was sent.
    lost = (
        "UPDATE dunning_notices SET status = 'claimed', sent_at = NULL, unknown_outcomes = unknown_outcomes + 1,"
        " claimed_until = %s"
    )
    assert run(functions, DUE + NOON) == {"reminded": 1}
    conn.execute(lost, (DUE + NOON + timedelta(minutes=15),))
    assert run(functions, DUE + NOON + timedelta(minutes=14)) == {}
    assert run(functions, DUE + NOON + HOUR) == {"reminded": 1}
    conn.execute(lost, (DUE + NOON + HOUR,))
    assert run(functions, DUE + NOON + 3 * HOUR) == {}
    assert len(mailbox.mails) == 2
    assert len({mail["Message-ID"] for mail in mailbox.mails}) == 1


def test_a_buyer_gets_no_leads_while_an_invoice_is_overdue_for_too_long(
    conn: Connection[Any], functions: Functions, offer: int
) -> None:
    buyer = a_buyer(conn, billing={"dunning": {"reminders": [], "pause_after_days": 7}})
    one, _ = an_invoice(conn, offer, buyer, MONDAY)
    two, _ = an_invoice(conn, an_offer(conn), buyer, MONDAY + DAY)
    assert run(functions, DUE + 8 * DAY - timedelta(seconds=1)) == {"overdue": 2}
    assert paused_since(conn) == [None]
    assert run(functions, DUE + 8 * DAY) == {"pauses_changed": 1}
    assert paused_since(conn) == [DUE + 8 * DAY]
    assert run(functions, DUE + 9 * DAY) == {}
    assert paused_since(conn) == [DUE + 8 * DAY]
    pay(conn, one, "45.00", DUE + 9 * DAY)  # the other is overdue that long now too
    assert paused_since(conn) == [DUE + 8 * DAY]
    pay(conn, two, "45.00", DUE + 9 * DAY)  # at once, without a run
    assert paused_since(conn) == [None]


def test_terms_that_change_end_a_pause_at_the_next_run(conn: Connection[Any], functions: Functions, offer: int) -> None:
    buyer = a_buyer(conn, billing={"dunning": {"reminders": [], "pause_after_days": 0}})
    an_invoice(conn, offer, buyer, MONDAY)
    assert run(functions, DUE + DAY) == {"overdue": 1, "pauses_changed": 1}
    conn.execute("""UPDATE buyers SET billing = '{"dunning": {"reminders": []}}'""")
    assert run(functions, DUE + DAY) == {"pauses_changed": 1}
    assert paused_since(conn) == [None]


def test_the_sellers_terms_are_those_of_buyers_without_their_own(
    conn: Connection[Any], functions: Functions, offer: int
) -> None:
    conn.execute("""INSERT INTO seller (details) VALUES ('{"dunning": {"reminders": [], "pause_after_days": 0}}')""")
    an_invoice(conn, offer, a_buyer(conn), MONDAY)
    assert run(functions, DUE + DAY) == {"overdue": 1, "pauses_changed": 1}
