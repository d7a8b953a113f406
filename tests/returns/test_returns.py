"""Leads that are given back: what policy and proof say, what a person decides, and that each is paid back once."""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from leadgen.buyers import store as buyers_store
from leadgen.invoicing.service import issue
from leadgen.kernel.errors import Refusal
from tests.support.factories import a_buyer, a_lead, a_source, an_enrollment, an_offer, insert
from tests.support.money.after_sale import (
    assert_books_agree,
    credit,
    decide,
    give_back,
    invoice_of,
    money_of,
    pay,
    pay_by_card,
    postings,
    set_policy,
)
from tests.support.money.sold_leads import a_billed_lead, a_taken_lead, an_invoice, everything, invoice, prepay

HOUR = timedelta(hours=1)
WEEK = timedelta(weeks=1)


@pytest.fixture
def offer(conn: Connection[Any]) -> int:
    offer = an_offer(conn, invoice_threshold="100000.00")
    set_policy(conn, offer)
    return offer


@pytest.fixture
def buyer(conn: Connection[Any], offer: int) -> int:
    buyer = a_buyer(conn, billing={"tax": {"name": "VAT", "rate": 10}})
    an_enrollment(conn, buyer, offer)
    return buyer


def status_of(conn: Connection[Any], lead: int) -> str:
    row = conn.execute("SELECT billing_status::text FROM leads WHERE id = %s", (lead,)).fetchone()
    assert row is not None
    return str(row[0])


def test_edge_28_a_lead_that_is_taken_and_not_billed_is_billed_first_and_given_back(
    conn: Connection[Any], offer: int, buyer: int, now: datetime
) -> None:
    lead = a_taken_lead(conn, offer, buyer, now)
    returned = give_back(conn, lead, now)
    assert (returned.stored.status, returned.stored.credit_note, status_of(conn, lead)) == (
        "approved",
        None,
        "refunded",
    )
    assert money_of(conn, buyer) == ("0.00", "0.00")
    assert conn.execute("SELECT pending_amount::text FROM buyers WHERE id = %s", (buyer,)).fetchone() == ("0.00",)
    assert postings(conn, "lead_returned") == [("adjustments", "receivable", "45.00")]
    assert [(event.topic, event.lead_id, event.ids) for event in returned.events] == [
        ("lead.returned", lead, {"buyer_id": buyer})
    ]
    assert_books_agree(conn)
    assert invoice(conn, buyer, now) == []


def test_edge_28_billed_and_partly_paid_by_the_wallet_it_is_prepaid_again(
    conn: Connection[Any], offer: int, buyer: int, now: datetime
) -> None:
    prepay(conn, buyer, "30.00", now)
    lead = a_billed_lead(conn, offer, buyer, now)
    assert money_of(conn, buyer) == ("15.00", "0.00")
    give_back(conn, lead, now)
    assert money_of(conn, buyer) == ("0.00", "30.00")
    assert_books_agree(conn)


def test_edge_28_on_a_draft_its_line_is_released_and_the_draft_counts_without_it(
    conn: Connection[Any], offer: int, buyer: int, now: datetime
) -> None:
    conn.execute("UPDATE buyers SET billing = billing || '{\"approval\": true}'")
    draft, (first, second) = an_invoice(conn, offer, buyer, now, "45.00", "33.33")
    give_back(conn, first, now)
    row = conn.execute("SELECT status::text, total_leads, subtotal::text, tax_amount::text FROM invoices").fetchone()
    assert row == ("draft", 1, "33.33", "3.33")
    assert_books_agree(conn)
    give_back(conn, second, now)
    assert invoice_of(conn, draft)[0] == "cancelled"
    assert conn.execute("SELECT count(*) FROM number_series").fetchone() == (0,)
    assert_books_agree(conn)


def test_edge_28_a_draft_of_which_a_lead_was_given_back_is_issued_without_it(
    conn: Connection[Any], offer: int, buyer: int, now: datetime
) -> None:
    conn.execute("UPDATE buyers SET billing = billing || '{\"approval\": true}'")
    prepay(conn, buyer, "50.00", now)
    draft, (first, _) = an_invoice(conn, offer, buyer, now, "45.00", "33.33")
    give_back(conn, first, now)
    with conn.transaction():
        buyers_store.lock(conn, [buyer])
        issue.finalize(conn, [draft], actor="op", now=now)
    assert invoice_of(conn, draft) == ("paid", "0.00")
    assert money_of(conn, buyer) == ("0.00", "13.34")
    assert_books_agree(conn)


@pytest.mark.parametrize(
    ("paid", "due", "status", "wallet"),
    [("0", "36.66", "sent", "0.00"), ("50.00", "0.00", "paid", "13.34"), ("86.16", "0.00", "paid", "49.50")],
    ids=["sent", "partly paid", "paid"],
)
def test_edge_28_on_an_issued_invoice_a_credit_note_takes_it_off_the_due_and_the_rest_is_prepaid(
    conn: Connection[Any], offer: int, buyer: int, now: datetime, paid: str, due: str, status: str, wallet: str
) -> None:
    number, (first, _) = an_invoice(conn, offer, buyer, now, "45.00", "33.33")  # 86.16 with tax
    if Decimal(paid):
        pay(conn, buyer, paid, now, invoice=number)
    returned = give_back(conn, first, now)
    assert returned.stored.credit_note == "CN-000001"
    assert (invoice_of(conn, number), money_of(conn, buyer)[1]) == ((status, due), wallet)
    row = conn.execute("SELECT net::text, tax::text, total::text FROM credit_notes").fetchone()
    assert row == ("45.00", "4.50", "49.50")
    assert [event.topic for event in returned.events] == ["lead.returned", "credit_note.issued"]
    assert status_of(conn, first) == "refunded"
    assert_books_agree(conn)


def test_edge_37_giving_back_rewrites_neither_the_price_nor_the_invoice(
    conn: Connection[Any], offer: int, buyer: int, now: datetime
) -> None:
    _, (lead,) = an_invoice(conn, offer, buyer, now)
    give_back(conn, lead, now)
    assert conn.execute("SELECT delivered_price::text, price::text FROM leads").fetchone() == ("45.00", "45.00")
    assert conn.execute("SELECT total_amount::text, subtotal::text FROM invoices").fetchone() == ("49.50", "45.00")
    for statement in (
        "UPDATE leads SET delivered_price = 1",
        "UPDATE leads SET price = 1",
        "UPDATE invoices SET total_amount = 1, subtotal = 1, tax_amount = 0",
        "UPDATE ledger_entries SET amount = 1",
        "DELETE FROM ledger_transactions",
        "UPDATE credit_notes SET total = 1",
        "UPDATE credit_note_lines SET amount = 1",
        "DELETE FROM invoice_settlements",
    ):
        with pytest.raises(psycopg.errors.IntegrityError):
            conn.execute(statement.encode())


def test_what_its_sources_owner_earned_is_taken_back_by_one_linked_posting(
    conn: Connection[Any], offer: int, buyer: int, now: datetime
) -> None:
    publisher = insert(conn, "publishers", name="Ads & Co", email="ads@example.com")
    source = a_source(conn, offer, publisher_id=publisher, earning={"type": "share", "value": 40})
    for lead in (
        a_billed_lead(conn, offer, buyer, now, source_id=source),
        an_invoice(conn, offer, buyer, now, source_id=source)[1][0],
    ):
        give_back(conn, lead, now)
        row = conn.execute(
            "SELECT t.kind, t.publisher_id, r.kind FROM ledger_transactions t"
            " JOIN ledger_transactions r ON r.id = t.reverses_id WHERE t.lead_id = %s", (lead,),
        ).fetchone()  # fmt: skip
        assert row == ("earning_reversed", publisher, "lead_earned")
    assert postings(conn, "earning_reversed") == [("publisher_payable", "publisher_cost", "18.00")] * 2
    assert_books_agree(conn)


def test_a_buyer_gives_back_what_the_records_prove_at_once_and_the_rest_waits_for_a_person(
    conn: Connection[Any], offer: int, buyer: int, now: datetime
) -> None:
    set_policy(conn, offer, auto_approve=["duplicate"])
    a_billed_lead(conn, offer, buyer, now - HOUR, email="twice@example.com")
    again = a_billed_lead(conn, offer, buyer, now, email="twice@example.com")
    other = a_billed_lead(conn, offer, buyer, now)
    proven = give_back(conn, again, now, "duplicate", buyer=buyer).stored
    assert (proven.status, proven.decided_by) == ("approved", "policy")
    assert isinstance(proven.trace, dict)
    assert proven.trace["proof"]["holds"] is True
    assert [check["rule"] for check in proven.trace["checks"]] == [
        "sold", "own", "not_returned", "policy", "reason", "window",
    ]  # fmt: skip
    waiting = give_back(conn, other, now, "duplicate", buyer=buyer)
    assert (waiting.stored.status, waiting.events) == ("requested", ())
    assert money_of(conn, buyer)[0] == "90.00"
    approved = decide(conn, waiting.stored.return_id, "approve", now)
    assert (approved.stored.status, approved.stored.decided_by, approved.stored.remark) == (
        "approved", "op", "looked at it",
    )  # fmt: skip
    assert decide(conn, waiting.stored.return_id, "approve", now).is_repeated
    with pytest.raises(Refusal) as refused:
        decide(conn, waiting.stored.return_id, "reject", now)
    assert (refused.value.code, refused.value.details["status"]) == ("return_decided", "approved")
    assert money_of(conn, buyer)[0] == "45.00"
    assert_books_agree(conn)


@pytest.mark.parametrize(
    ("reason", "values", "proven"),
    [
        ("duplicate", {"email": "other@example.com", "phone": "+13035550199"}, False),
        ("invalid_phone", {"phone": "12345678"}, True),
        ("invalid_phone", {"phone": "+13035550177"}, False),
        ("invalid_email", {"email": "x@mailinator.com"}, True),
        ("invalid_email", {"email": "x@deaf.example"}, True),
        ("invalid_email", {"email": "x@good.example"}, False),
        ("wrong_area", {"postal_code": "99999"}, True),
        ("wrong_area", {"postal_code": "80014"}, False),
    ],
)
def test_the_platforms_records_prove_a_reason_or_they_do_not(
    conn: Connection[Any], offer: int, buyer: int, now: datetime, reason: str, values: dict[str, Any], proven: bool
) -> None:
    set_policy(conn, offer, auto_approve=["duplicate", "invalid_phone", "invalid_email", "wrong_area"])
    conn.execute("INSERT INTO mail_domains (domain, accepts_mail, checked_at) VALUES ('deaf.example', false, now())")
    a_billed_lead(conn, offer, buyer, now - HOUR)
    lead = a_billed_lead(conn, offer, buyer, now, **values)
    assert give_back(conn, lead, now, reason, buyer=buyer).stored.status == ("approved" if proven else "requested")


def test_a_duplicate_is_proven_only_by_a_lead_of_the_same_buyer_that_is_paid_or_owed_and_recent(
    conn: Connection[Any], now: datetime
) -> None:
    offer = an_offer(conn, rules={"duplicate_window_hours": 24}, invoice_threshold="100000.00")
    buyer = a_buyer(conn)
    set_policy(conn, offer, auto_approve=["duplicate"])
    same = {"email": "twice@example.com"}
    a_billed_lead(conn, offer, a_buyer(conn), now, created_at=now - HOUR, **same)
    # Somebody who has asked for a roof may ask for a lawyer.
    a_billed_lead(conn, an_offer(conn, invoice_threshold="100000.00"), buyer, now, created_at=now - HOUR, **same)
    a_billed_lead(conn, offer, buyer, now, created_at=now - timedelta(hours=25), **same)
    lead = a_billed_lead(conn, offer, buyer, now, created_at=now, **same)
    assert give_back(conn, lead, now, "duplicate", buyer=buyer).stored.status == "requested"
    # Two that are the same person's are not both given back for each other's sake.
    first = a_billed_lead(conn, offer, buyer, now, email="other@example.com")
    second = a_billed_lead(conn, offer, buyer, now, email="other@example.com")
    give_back(conn, first, now)
    assert give_back(conn, second, now, "duplicate", buyer=buyer).stored.status == "requested"


def test_of_an_erased_lead_nothing_is_proven(conn: Connection[Any], offer: int, buyer: int, now: datetime) -> None:
    set_policy(conn, offer, auto_approve=["invalid_email"])
    lead = a_billed_lead(conn, offer, buyer, now)
    conn.execute("UPDATE leads SET email = 'erased', phone = 'erased', erased_at = now()")
    assert give_back(conn, lead, now, "invalid_email", buyer=buyer).stored.status == "requested"


def test_an_area_that_was_left_after_the_lead_was_taken_proves_nothing(
    conn: Connection[Any], offer: int, buyer: int, now: datetime
) -> None:
    set_policy(conn, offer, auto_approve=["wrong_area"])
    lead = a_billed_lead(conn, offer, buyer, now)
    conn.execute("UPDATE buyer_service_areas SET is_active = false, updated_at = %s", (now + HOUR,))
    assert give_back(conn, lead, now, "wrong_area", buyer=buyer).stored.status == "requested"


def test_edge_29_a_return_is_refused_after_its_window_over_the_quota_and_twice(
    conn: Connection[Any], offer: int, buyer: int, now: datetime
) -> None:
    set_policy(conn, offer, window_hours=24, quota={"type": "count", "value": 1})
    first, second = (a_billed_lead(conn, offer, buyer, now) for _ in range(2))
    before = everything(conn)
    with pytest.raises(Refusal) as refused:
        give_back(conn, first, now + timedelta(hours=24, seconds=1), buyer=buyer)
    assert (refused.value.code, refused.value.details["rule"]) == ("return_not_allowed", "window")
    assert everything(conn) == before
    give_back(conn, first, now + timedelta(hours=24), buyer=buyer)
    before = everything(conn)
    for lead, code in ((second, "return_not_allowed"), (first, "already_returned")):
        with pytest.raises(Refusal) as refused:
            give_back(conn, lead, now + HOUR, buyer=buyer)
        assert refused.value.code == code
    assert everything(conn) == before
    # Another cycle, another quota; and an operator is not bound by either.
    set_policy(conn, offer, window_hours=8760, quota={"type": "count", "value": 1})
    third = a_billed_lead(conn, offer, buyer, now)
    assert give_back(conn, second, now + WEEK, buyer=buyer).stored.status == "requested"
    overridden = give_back(conn, third, now + WEEK).stored
    assert overridden.status == "approved"
    assert isinstance(overridden.trace, dict)
    assert overridden.trace["overridden"] == ["quota"]


def test_a_rejected_return_may_be_asked_for_again_and_counts_for_no_quota(
    conn: Connection[Any], offer: int, buyer: int, now: datetime
) -> None:
    set_policy(conn, offer, quota={"type": "count", "value": 1})
    lead = a_billed_lead(conn, offer, buyer, now)
    for _ in range(2):
        asked = give_back(conn, lead, now, buyer=buyer).stored
        assert asked.status == "requested"
        assert decide(conn, asked.return_id, "reject", now).stored.status == "rejected"
    assert (status_of(conn, lead), money_of(conn, buyer)[0]) == ("billed", "45.00")
    assert_books_agree(conn)


def test_a_foreign_or_unsold_or_unknown_lead_is_not_given_back(
    conn: Connection[Any], offer: int, buyer: int, now: datetime
) -> None:
    theirs = a_billed_lead(conn, offer, a_buyer(conn), now)
    unsold = a_lead(conn, a_source(conn, offer))
    under_way = a_taken_lead(conn, offer, buyer, now)
    conn.execute("UPDATE deliveries SET status = 'pending', settled_at = NULL, next_attempt_at = now()"
                 " WHERE lead_id = %s", (under_way,))  # fmt: skip
    before = everything(conn)
    for lead, who, status, code in (
        (theirs, buyer, 404, "not_found"),
        (unsold, buyer, 404, "not_found"),
        (4711, buyer, 404, "not_found"),
        (4711, None, 404, "not_found"),
        (unsold, None, 409, "lead_not_sold"),
        (under_way, buyer, 409, "lead_not_sold"),
        (under_way, None, 409, "lead_not_sold"),
    ):
        with pytest.raises(Refusal) as refused:
            give_back(conn, lead, now, buyer=who)
        assert (refused.value.status, refused.value.code) == (status, code)
    with pytest.raises(Refusal, match="an operator who gives a lead back says why"):
        give_back(conn, theirs, now, note=None)
    assert everything(conn) == before


def test_without_a_policy_only_an_operator_gives_a_lead_back_and_an_enrollments_own_comes_first(
    conn: Connection[Any], offer: int, buyer: int, now: datetime
) -> None:
    conn.execute("UPDATE offers SET returns = NULL")
    lead, other = (a_billed_lead(conn, offer, buyer, now) for _ in range(2))
    with pytest.raises(Refusal) as refused:
        give_back(conn, lead, now, buyer=buyer)
    assert refused.value.details["rule"] == "policy"
    assert give_back(conn, lead, now).stored.status == "approved"
    conn.execute('UPDATE buyer_offers SET returns = \'{"reasons": ["other"]}\'')
    assert give_back(conn, other, now, buyer=buyer).stored.status == "requested"


def at_once(database_url: str, *jobs: Callable[[Connection[Any]], object]) -> Counter[str]:
    """What came of jobs that begin together: a refusal's code, or done."""
    barrier = threading.Barrier(len(jobs))

    def work(job: Callable[[Connection[Any]], object]) -> str:
        with psycopg.connect(database_url, autocommit=True) as mine:
            barrier.wait()
            try:
                job(mine)
            except Refusal as refusal:
                return refusal.code
            return "done"

    with ThreadPoolExecutor(len(jobs)) as pool:
        return Counter(pool.map(work, jobs))


def test_edge_29_of_an_automatic_approval_and_persons_at_once_one_wins_and_the_others_are_told(
    conn: Connection[Any], database_url: str, offer: int, buyer: int, now: datetime
) -> None:
    set_policy(conn, offer, auto_approve=["duplicate"])
    a_billed_lead(conn, offer, buyer, now - HOUR, email="twice@example.com")
    lead = a_billed_lead(conn, offer, buyer, now, email="twice@example.com")
    told = at_once(
        database_url,
        *[lambda mine: give_back(mine, lead, now, "duplicate", buyer=buyer)] * 4,
        *[lambda mine: give_back(mine, lead, now)] * 4,
    )
    assert told == {"done": 1, "already_returned": 7}
    assert len(postings(conn, "lead_returned")) == 1
    assert_books_agree(conn)


def test_persons_who_decide_at_once_decide_once(
    conn: Connection[Any], database_url: str, offer: int, buyer: int, now: datetime
) -> None:
    lead = a_billed_lead(conn, offer, buyer, now)
    return_id = give_back(conn, lead, now, buyer=buyer).stored.return_id
    told = at_once(
        database_url,
        *[lambda mine: decide(mine, return_id, "approve", now)] * 4,
        *[lambda mine: decide(mine, return_id, "reject", now)] * 4,
    )
    assert told == {"done": 4, "return_decided": 4}
    assert_books_agree(conn)


def test_giving_back_and_paying_at_once_leave_books_that_agree(
    conn: Connection[Any], database_url: str, offer: int, buyer: int, now: datetime
) -> None:
    number, leads = an_invoice(conn, offer, buyer, now, *["45.00"] * 4)
    told = at_once(
        database_url,
        *[lambda mine, lead=lead: give_back(mine, lead, now) for lead in leads],
        *[lambda mine, n=n: pay_by_card(mine, buyer, "99.00", now, f"pi_{n}", invoice=number) for n in range(4)],
    )
    assert told == {"done": 8}
    # 198.00 were owed and given back, 396.00 came: all of it is prepaid.
    assert money_of(conn, buyer) == ("0.00", "396.00")
    assert_books_agree(conn)


def test_leads_taken_and_not_billed_are_given_back_while_they_are_billed(
    conn: Connection[Any], database_url: str, offer: int, buyer: int, now: datetime
) -> None:
    leads = [a_taken_lead(conn, offer, buyer, now) for _ in range(6)]
    told = at_once(
        database_url, *[lambda mine, lead=lead: give_back(mine, lead, now) for lead in leads for _ in (1, 2)]
    )  # fmt: skip
    assert told == {"done": 6, "already_returned": 6}
    assert money_of(conn, buyer) == ("0.00", "0.00")
    assert_books_agree(conn)


def test_a_return_that_waits_while_its_lead_is_credited_is_only_rejected(
    conn: Connection[Any], offer: int, buyer: int, now: datetime
) -> None:
    number, (lead,) = an_invoice(conn, offer, buyer, now)
    asked = give_back(conn, lead, now, buyer=buyer).stored
    credit(conn, number, [lead], now)
    with pytest.raises(Refusal, match="was credited meanwhile"):
        decide(conn, asked.return_id, "approve", now)
    assert decide(conn, asked.return_id, "reject", now).stored.status == "rejected"
    assert_books_agree(conn)
