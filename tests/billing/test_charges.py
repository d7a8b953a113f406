"""Billing: when an invoice is due, and what is on it."""

from datetime import timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from leadgen.billing.domain import charges, documents
from leadgen.billing.domain import terms as billing_terms
from leadgen.invoicing import domain as invoicing_domain
from leadgen.invoicing.domain import BilledLead
from tests.support.domain_values import NOON


@pytest.mark.parametrize(
    ("uninvoiced", "threshold", "due"),
    [
        ("499.99", "500", False),
        ("500.00", "500", True),
        ("500.01", "500", True),
        ("0", "0", False),
        ("0.01", "0", True),
    ],
)
def test_an_invoice_is_due_at_the_threshold_but_never_for_nothing(uninvoiced: str, threshold: str, due: bool) -> None:
    assert charges.crosses_threshold(Decimal(uninvoiced), Decimal(threshold)) is due


def billed(lead_id: int, hours_ago: float, price: str = "45.00") -> BilledLead:
    return BilledLead(lead_id, NOON - timedelta(hours=hours_ago), Decimal(price))


def a_draft(
    *leads: BilledLead, last_hours_ago: float | None = None, **billing: object
) -> invoicing_domain.InvoiceDraft:
    last = None if last_hours_ago is None else NOON - timedelta(hours=last_hours_ago)
    return invoicing_domain.draft(
        buyer_id=1,
        offer_id=2,
        currency="USD",
        timezone="America/Denver",
        occasion="cycle",
        leads=leads,
        last_period_end=last,
        period_end=NOON,
        billing=billing_terms.parse_buyer(billing, label="buyer 1"),
        seller=billing_terms.parse_seller(None),
        now=NOON + timedelta(minutes=5),
    )


def test_the_lines_are_in_the_order_of_delivery_and_add_up() -> None:
    leads = [billed(3, 1, "10.01"), billed(2, 5, "20.02"), billed(1, 1, "30.03")]
    draft = a_draft(*leads)
    assert [line.lead_id for line in draft.lines] == [2, 1, 3]
    assert draft.subtotal == Decimal("60.06")


def test_the_first_period_begins_with_the_first_lead() -> None:
    draft = a_draft(billed(1, 2), billed(2, 9))
    assert (draft.period_start, draft.period_end) == (NOON - timedelta(hours=9), NOON)


def test_the_next_period_begins_where_the_last_one_ended() -> None:
    assert a_draft(billed(1, 2), last_hours_ago=24).period_start == NOON - timedelta(hours=24)


def test_a_straggler_of_an_earlier_period_does_not_move_the_label() -> None:
    draft = a_draft(billed(1, 100), last_hours_ago=24)
    assert draft.period_start == NOON - timedelta(hours=24)
    assert [line.lead_id for line in draft.lines] == [1]


@pytest.mark.parametrize("last_hours_ago", [0, -1])
def test_a_period_is_never_empty_and_never_begins_before_the_last_one_ended(last_hours_ago: float) -> None:
    draft = a_draft(billed(1, 0), last_hours_ago=last_hours_ago)
    assert NOON - timedelta(hours=last_hours_ago) == draft.period_start < draft.period_end


@pytest.mark.parametrize(("terms", "day"), [({}, 1), ({"terms_days": 0}, 17), ({"terms_days": 30}, 17)])
def test_payment_is_due_at_the_end_of_the_terms_by_the_markets_calendar(terms: dict[str, int], day: int) -> None:
    due = a_draft(billed(1, 1), **terms).due_date.astimezone(ZoneInfo("America/Denver"))
    assert (due.day, due.hour) == (day, 0)


def test_numbers_are_padded_and_grow_beyond_their_padding() -> None:
    assert [documents.number("INV", n) for n in (1, 999_999, 1_000_000)] == ["INV-000001", "INV-999999", "INV-1000000"]
