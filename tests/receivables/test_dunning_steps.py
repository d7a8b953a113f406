"""Reminders and pauses: which step is due, whatever happened before."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadgen.billing.domain.terms import Dunning, Seller
from leadgen.kernel import calendar
from leadgen.kernel.mail_page import MailText
from leadgen.receivables.domain import dunning, dunning_mail
from leadgen.receivables.domain.dunning import RemindableInvoice

DUE = datetime(2026, 6, 15, 6, tzinfo=UTC)  # 0:00 in Denver
DAY = timedelta(days=1)
MORNING = timedelta(hours=8)
TERMS = Dunning(reminders=(-3, 0, 3, 7, 14), pause_after_days=7)


def an_invoice(invoice_id: int = 1, **values: object) -> RemindableInvoice:
    plain = RemindableInvoice(
        invoice_id,
        f"INV-{invoice_id:06d}",
        1,
        "USD",
        "America/Denver",
        DUE - 14 * DAY,
        DUE,
        Decimal("90.00"),
        None,
        None,
    )
    return replace(plain, **values)  # type: ignore[arg-type]  # each of its own type


@pytest.mark.parametrize(
    ("days", "hours", "reminded", "step"),
    [
        (-4, 12, None, None), (-3, 7, None, None), (-3, 8, None, -3), (-2, 0, None, -3), (-2, 12, -3, None),
        (0, 8, -3, 0), (0, 12, 0, None), (5, 12, 0, 3), (9, 12, -3, 7), (9, 12, 7, None), (300, 12, 7, 14),
        (300, 12, 14, None), (4, 12, 7, None),
    ],
)  # fmt: skip
def test_the_latest_step_whose_morning_has_come_is_due_once(
    days: int, hours: int, reminded: int | None, step: int | None
) -> None:
    now = DUE + days * DAY + timedelta(hours=hours)
    assert dunning.due_step(an_invoice(reminded=reminded), TERMS, now) == step


def test_a_step_whose_day_was_over_when_the_invoice_was_issued_is_never_due() -> None:
    issued = an_invoice(issued_at=DUE + timedelta(hours=1))  # due on receipt
    assert dunning.due_step(issued, TERMS, DUE + timedelta(hours=12)) is None
    assert dunning.due_step(issued, TERMS, DUE + 3 * DAY + MORNING) == 3
    assert dunning.due_step(an_invoice(issued_at=DUE - 2 * DAY), TERMS, DUE - DAY) is None


def test_edge_36_an_invoice_is_due_today_all_of_its_due_day_and_overdue_after_it() -> None:
    last = DUE + DAY - timedelta(microseconds=1)
    assert dunning.days_over(an_invoice(), DUE) == dunning.days_over(an_invoice(), last) == 0
    assert dunning.days_over(an_invoice(), DUE + DAY) == 1


@pytest.mark.parametrize(("days", "paused"), [(0, False), (7, False), (8, True), (100, True)])
def test_deliveries_stop_when_an_invoice_is_overdue_for_longer_than_the_terms_allow(days: int, paused: bool) -> None:
    now = DUE + days * DAY
    assert dunning.is_paused([an_invoice(due_date=DUE + 50 * DAY), an_invoice()], TERMS, now) is paused
    assert not dunning.is_paused([an_invoice()], Dunning(), now)
    assert not dunning.is_paused([], TERMS, now)
    assert dunning.is_paused([an_invoice()], Dunning(pause_after_days=0), now) is (days > 0)


def test_edge_34_a_promise_stops_reminders_and_the_pause_until_its_day_is_over() -> None:
    promised = an_invoice(promised_until=calendar.day_after(date(2026, 6, 25), "America/Denver"))
    before, after = DUE + 11 * DAY - timedelta(seconds=1), DUE + 11 * DAY + MORNING
    assert dunning.due_step(promised, TERMS, before) is None
    assert not dunning.is_paused([promised], TERMS, before)
    assert dunning.due_step(promised, TERMS, after) == 7
    assert dunning.is_paused([promised], TERMS, after)


def test_one_mail_a_currency_lists_all_that_is_open_and_begun() -> None:
    invoices = [
        an_invoice(1, reminded=7),
        an_invoice(2, due_date=DUE + 5 * DAY),
        an_invoice(3, due_date=DUE + 60 * DAY),  # its reminders have not begun
        an_invoice(4, currency="EUR"),
        an_invoice(5, promised_until=DUE + 90 * DAY),
    ]
    found = dunning.reminders(invoices, TERMS, DUE + 8 * DAY + MORNING)
    assert [(r.currency, [i.invoice_id for i in r.invoices], r.steps) for r in found] == [
        ("EUR", [4], ((4, 7),)), ("USD", [1, 2], ((2, 3),)),
    ]  # fmt: skip
    assert dunning.reminders([invoices[0]], TERMS, DUE + 8 * DAY + MORNING) == []


STEPS = st.lists(st.integers(-30, 60), max_size=6, unique=True).map(sorted).map(tuple)
ZONES = st.sampled_from(["America/Denver", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia", "UTC"])


@given(STEPS, ZONES, st.lists(st.integers(1, 24 * 40), min_size=1, max_size=25), st.integers(0, 45))
def test_however_the_runs_fall_every_step_is_told_at_most_once_in_order_and_the_latest_is_never_missed(
    steps: tuple[int, ...], zone: str, gaps: list[int], terms: int
) -> None:
    now = datetime(2026, 3, 1, 5, tzinfo=UTC)
    invoice = an_invoice(timezone=zone, issued_at=now, due_date=calendar.local_day(now, zone, terms))
    agreed = Dunning(reminders=steps)
    reminded: list[int] = []
    for hours in gaps:
        now += timedelta(hours=hours)
        step = dunning.due_step(invoice, agreed, now)
        if step is not None:
            reminded.append(step)
            invoice = replace(invoice, reminded=step)
        due = [s for s in steps if -terms < s <= dunning.days_over(invoice, now - MORNING)]
        assert reminded[-1:] == due[-1:]
        assert dunning.due_step(invoice, agreed, now) is None
    assert reminded == sorted(set(reminded))


def mail(*invoices: RemindableInvoice, now: datetime) -> MailText:
    (reminder,) = dunning.reminders(invoices, TERMS, now)
    seller = Seller(legal_name="Leads & Co.", email="billing@leads.example")
    return dunning_mail.compose(reminder, seller, lambda invoice_id: f"https://pay.example/{invoice_id}?a&b", now=now)


def test_the_mail_reads_like_this() -> None:
    now = DUE + 3 * DAY + MORNING
    mailed = mail(an_invoice(1), an_invoice(2, due_date=DUE + 4 * DAY, due=Decimal("1234.50")), now=now)
    assert mailed.subject == "Overdue: 2 open invoices, 1,324.50 USD in all"
    assert mailed.text == (
        "Overdue: 2 open invoices\n"
        "1,324.50 USD in all\n"
        "\n"
        "INV-000001: 90.00 USD, 2026-06-15, 3 days overdue\n"
        "  Pay: https://pay.example/1?a&b\n"
        "INV-000002: 1,234.50 USD, 2026-06-19, due in 1 day\n"
        "  Pay: https://pay.example/2?a&b\n"
        "\n"
        "If you have paid meanwhile, please disregard this mail.\n"
        "\n"
        "Leads & Co.\n"
        "billing@leads.example\n"
    )
    assert 'href="https://pay.example/1?a&amp;b"' in mailed.html
    assert "Leads &amp; Co." in mailed.html


@pytest.mark.parametrize(
    ("days", "subject"),
    [
        (-3, "Due soon: invoice INV-000001, 90.00 USD"),
        (0, "Due today: invoice INV-000001, 90.00 USD"),
        (3, "Overdue: invoice INV-000001, 90.00 USD"),
    ],
)
def test_its_subject_says_how_late_it_is(days: int, subject: str) -> None:
    assert mail(an_invoice(), now=DUE + days * DAY + MORNING).subject == subject
