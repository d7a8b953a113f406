"""How money is split, and what is credited: the decisions, without a database."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadgen.billing.domain import documents
from leadgen.kernel import amounts
from leadgen.kernel.errors import Refusal
from leadgen.kernel.money import NOTHING
from leadgen.payments.domain import chargebacks, payments
from leadgen.payments.domain.payments import Payment
from leadgen.receivables.domain import credit_notes
from leadgen.receivables.domain.credit_notes import Billed, CreditableLine
from leadgen.receivables.domain.debts import Debt
from leadgen.returns.domain import rules
from leadgen.returns.domain.policy import Quota, ReturnPolicy
from leadgen.returns.domain.proof import Proof, Records, prove
from leadgen.returns.domain.rules import ReturnRequest, Sale

NOW = datetime(2026, 6, 17, 12, tzinfo=UTC)
CENTS = st.integers(1, 1_000_000).map(lambda cents: Decimal(cents) / 100)
PARTS = st.integers(0, 1_000_000).map(lambda cents: Decimal(cents) / 100)
DEBTS = st.lists(PARTS, max_size=4).map(lambda open_: [Debt(n, one) for n, one in enumerate(open_)])


@given(amount=CENTS, takes=PARTS, debts=DEBTS)
def test_the_parts_of_a_payment_are_the_payment(amount: Decimal, takes: Decimal, debts: list[Debt]) -> None:
    split = payments.split(amount, invoice_takes=takes, debts=debts)
    assert split.to_invoice + split.to_debt + split.to_wallet == amount
    assert split.to_invoice == min(amount, takes)
    open_ = {debt.chargeback_id: debt.open for debt in debts}
    assert all(0 < part.amount <= open_[part.chargeback_id] for part in split.repaid)
    # Nothing is prepaid while a debt is open, and no debt is paid while an older one is.
    assert split.to_wallet == 0 or split.to_debt == sum(open_.values())
    left = [debt.open - sum(p.amount for p in split.repaid if p.chargeback_id == debt.chargeback_id) for debt in debts]
    paid = [debt.open > 0 and rest < debt.open for debt, rest in zip(debts, left, strict=True)]
    assert all(not later or before == 0 for before, later in zip(left, paid[1:], strict=False))
    assert sum(entry.amount for entry in split.entries) == amount


@st.composite
def _charged_back(draw: st.DrawFn) -> tuple[Payment, Decimal, bool, Decimal]:
    to_invoice, to_wallet = draw(PARTS), draw(CENTS)
    reopened = draw(st.integers(0, int(to_invoice * 100)).map(lambda cents: Decimal(cents) / 100))
    payment = _payment(to_invoice=to_invoice, to_wallet=to_wallet, reopened=reopened, charged_back=reopened)
    left = int((payment.amount - reopened) * 100)
    amount = Decimal(draw(st.integers(1, left))) / 100
    return payment, amount, draw(st.booleans()), draw(PARTS)


def _payment(**values: Any) -> Payment:
    given_: dict[str, Any] = {
        "payment_id": 1, "buyer_id": 1, "invoice_id": 1, "method": "stripe", "status": "succeeded", "currency": "USD",
        "to_invoice": NOTHING, "to_debt": NOTHING, "to_wallet": NOTHING, "provider_id": "pi_1", "refunded": NOTHING,
        "refunds_pending": NOTHING, "charged_back": NOTHING, "reopened": NOTHING,
    } | values  # fmt: skip
    total = given_["to_invoice"] + given_["to_debt"] + given_["to_wallet"]
    return Payment(**{"amount": total} | given_)


@given(_charged_back())
def test_a_chargeback_takes_its_amount_and_won_gives_the_same_back(
    found: tuple[Payment, Decimal, bool, Decimal],
) -> None:
    payment, amount, reopens, wallet = found
    taken = chargebacks.take(payment, amount, reopens=reopens, wallet=wallet)
    assert taken.from_invoice + taken.from_wallet + taken.from_nothing == amount
    assert taken.from_invoice <= (payment.to_invoice - payment.reopened if reopens else 0)
    assert taken.from_wallet <= wallet
    # As long as nothing has happened since, everything is as it was.
    own = Debt(1, taken.from_nothing)
    back = chargebacks.give_back(taken, invoice_due=taken.from_invoice, own=own, others=[])
    assert (back.to_invoice, back.to_debt, back.to_wallet) == (
        taken.from_invoice, taken.from_nothing, taken.from_wallet,
    )  # fmt: skip


@st.composite
def _invoices(draw: st.DrawFn) -> tuple[list[CreditableLine], list[list[int]], Decimal, str, Decimal]:
    currency = draw(st.sampled_from(["USD", "EUR", "JPY"]))
    unit = Decimal(1) if currency == "JPY" else Decimal("0.01")
    prices = draw(st.lists(st.integers(1, 20_000), min_size=1, max_size=12))
    lines = [CreditableLine(n, unit * price, False) for n, price in enumerate(prices)]
    order = draw(st.permutations(range(len(lines))))
    cuts = sorted(draw(st.sets(st.integers(1, len(lines)), max_size=4)) | {0, len(lines)})
    pieces = [list(order[start:end]) for start, end in pairwise(cuts)]
    rate = draw(st.sampled_from(["0", "7", "7.7", "8.875", "19", "20", "33.333"]).map(Decimal))
    return lines, [piece for piece in pieces if piece], rate, currency, draw(PARTS)


@given(_invoices())
def test_edge_25_an_invoice_credited_in_any_pieces_in_any_order_ends_at_exactly_its_tax_and_total(
    invoice: tuple[list[CreditableLine], list[list[int]], Decimal, str, Decimal],
) -> None:
    lines, pieces, rate, currency, paid = invoice
    subtotal = sum((line.amount for line in lines), NOTHING)
    tax = documents.tax(subtotal, rate, currency)
    due = max(subtotal + tax - paid, NOTHING)
    net = taxed = wallet = NOTHING
    for piece in pieces:
        billed = Billed(subtotal, tax, rate, currency, net, taxed, due)
        figures = credit_notes.credit(billed, [lines[n] for n in piece])
        assert figures.tax >= 0
        assert figures.to_due + figures.to_wallet == figures.total == sum(entry.amount for entry in figures.entries)
        assert figures.to_due == min(figures.total, due)
        net, taxed, wallet, due = (
            net + figures.net,
            taxed + figures.tax,
            wallet + figures.to_wallet,
            due - figures.to_due,
        )
    assert (net, taxed, due) == (subtotal, tax, NOTHING)
    assert wallet == min(paid, subtotal + tax)


def test_edge_25_tax_of_many_small_lines_is_rounded_once_over_all_of_them() -> None:
    # Each line alone would be credited 0.0019, rounded to nothing; together they are 0.19.
    billed = Billed(Decimal("1.00"), Decimal("0.19"), Decimal(19), "USD", NOTHING, NOTHING, Decimal("1.19"))
    taxes: list[Decimal] = []
    for n in range(100):
        credited = Decimal(n) / 100
        before = Billed(
            billed.subtotal, billed.tax, billed.tax_rate, "USD", credited, sum(taxes, NOTHING), Decimal("1.19")
        )
        taxes.append(credit_notes.credit(before, [CreditableLine(n, Decimal("0.01"), False)]).tax)
    assert sum(taxes) == Decimal("0.19")
    assert set(taxes) == {Decimal("0.00"), Decimal("0.01")}


@pytest.mark.parametrize(
    ("written", "amount"),
    [("45", "45.00"), ("45.5", "45.50"), (45, "45.00"), (Decimal("0.01"), "0.01"), ("99999999.99", "99999999.99"),
     (Decimal("1e2"), "100.00"), ("45.500", "45.50")],
    ids=str,
)  # fmt: skip
def test_an_amount_is_read_exactly(written: object, amount: str) -> None:
    assert str(amounts.read(written, "USD")) == amount


@pytest.mark.parametrize(
    "written",
    ["", "0", 0, "-1", -1, "45.005", Decimal("0.001"), 45.5, True, None, "NaN", Decimal("NaN"), "1e999",
     Decimal("1e999"), Decimal("-Infinity"), "10000000000", 10**400, "٤٥", "1,000.00", " 45", [], {}],
    ids=lambda value: repr(value)[:20],
)  # fmt: skip
def test_what_is_no_amount_is_refused(written: object) -> None:
    with pytest.raises(Refusal) as refused:
        amounts.read(written, "USD")
    assert (refused.value.status, refused.value.code) == (400, "invalid_amount")


POLICY = ReturnPolicy(
    window_hours=72, reasons=("duplicate", "other"), auto_approve=("duplicate",),
    quota=Quota(type="percent", value=Decimal(10)),
)  # fmt: skip
PROVEN = Proof("duplicate", True, {"earlier_lead_id": 1})


def a_sale(**values: Any) -> Sale:
    ordinary: dict[str, Any] = {
        "lead_id": 7, "buyer_id": 1, "is_sold": True, "is_refunded": False, "taken_at": NOW, "return_status": None,
        "given_back": 0, "billed": 10,
    }  # fmt: skip
    return Sale(**ordinary | values)


def decided(sale: Sale, *, reason: Any = "duplicate", proof: Proof | None = PROVEN, requested_by: int | None = 1,
            policy: ReturnPolicy | None = POLICY, at: datetime = NOW) -> rules.Decision:  # fmt: skip
    return rules.decide(ReturnRequest(reason=reason), sale, policy, proof, requested_by=requested_by, now=at)


def test_what_the_records_prove_needs_nobody_and_all_else_waits() -> None:
    assert decided(a_sale()).is_approved
    for waits in (
        decided(a_sale(), proof=None),
        decided(a_sale(), proof=Proof("duplicate", False, None)),
        decided(a_sale(), reason="other", proof=Proof("other", True, None)),
    ):
        assert (waits.is_approved, waits.failed) == (False, ())


def test_edge_29_the_window_ends_after_its_last_second() -> None:
    end = NOW + timedelta(hours=72)
    assert decided(a_sale(), at=end - timedelta(seconds=1)).failed == ()
    assert decided(a_sale(), at=end).failed == ()
    assert decided(a_sale(), at=end + timedelta(seconds=1)).failed == ("window",)


@pytest.mark.parametrize(
    ("quota", "billed", "allowed"),
    [(("count", 3), 0, 3), (("percent", 10), 10, 1), (("percent", 10), 19, 1), (("percent", 10), 9, 0),
     (("percent", 0), 1000, 0), (("percent", "33.33"), 3, 0), (("percent", 100), 3, 3)],
    ids=str,
)  # fmt: skip
def test_edge_29_a_quota_is_a_count_or_a_part_of_what_was_billed_rounded_down(
    quota: tuple[Any, Any], billed: int, allowed: int
) -> None:
    terms = Quota(type=quota[0], value=Decimal(quota[1]))
    assert rules.allowed(terms, billed) == allowed
    policy = POLICY.model_copy(update={"quota": terms})
    for given_back in range(5):
        failed = decided(a_sale(given_back=given_back, billed=billed), policy=policy).failed
        assert failed == (() if given_back < allowed else ("quota",))


@pytest.mark.parametrize(
    ("values", "reason", "requested_by", "rule", "status", "code"),
    [
        ({"is_sold": False, "taken_at": None}, "duplicate", 1, "sold", 409, "lead_not_sold"),
        ({"buyer_id": 2}, "duplicate", 1, "own", 404, "not_found"),
        ({"return_status": "requested"}, "duplicate", 1, "not_returned", 409, "already_returned"),
        ({"is_refunded": True}, "duplicate", None, "not_returned", 409, "already_returned"),
        ({}, "spam", 1, "reason", 409, "return_not_allowed"),
        ({"given_back": 1}, "duplicate", 1, "quota", 409, "return_not_allowed"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_rule_refuses_by_its_name(
    values: dict[str, Any], reason: str, requested_by: int | None, rule: str, status: int, code: str
) -> None:
    sale = a_sale(**values)
    decision = decided(sale, reason=reason, requested_by=requested_by)
    assert rule in decision.failed
    assert not decision.is_approved
    with pytest.raises(Refusal) as refused:
        rules.refuse(decision, sale)
    assert (refused.value.status, refused.value.code) == (status, code)


def test_an_operator_does_without_policy_reason_window_and_quota_and_that_is_on_record() -> None:
    late = decided(a_sale(given_back=5), reason="spam", requested_by=None, proof=None, at=NOW + timedelta(days=30))
    assert (late.is_approved, late.overridden) == (True, ("reason", "window", "quota"))
    assert decided(a_sale(), requested_by=None, policy=None, proof=None).overridden == ("policy",)
    assert decided(a_sale(), policy=None).failed == ("policy",)
    assert not decided(a_sale(is_sold=False), requested_by=None).is_approved


@pytest.mark.parametrize(
    ("reason", "records", "holds"),
    [
        ("duplicate", Records(earlier_lead_id=3, within=timedelta(hours=24)), True),
        ("duplicate", Records(within=timedelta(hours=24)), False),
        ("invalid_phone", Records(phone_is_possible=False), True),
        ("invalid_phone", Records(phone_is_possible=True), False),
        ("invalid_phone", Records(), False),
        ("invalid_email", Records(email_domain="x.example", is_disposable=True), True),
        ("invalid_email", Records(email_domain="x.example", is_disposable=False, accepts_mail=False), True),
        ("invalid_email", Records(email_domain="x.example", is_disposable=False, accepts_mail=None), False),
        ("invalid_email", Records(email_domain="x.example", is_disposable=False, accepts_mail=True), False),
        ("invalid_email", Records(), True),
        ("wrong_area", Records(area="postal_code 80014"), False),
        ("wrong_area", Records(), True),
    ],
)
def test_records_prove_only_what_they_say(reason: Any, records: Records, holds: bool) -> None:
    proof = prove(reason, records)
    assert proof is not None
    assert proof.holds is holds


def test_of_other_reasons_the_records_say_nothing() -> None:
    assert prove("unreachable", Records()) is None
