"""The Buyer Scoping Contract: may this buyer have this lead now? Each rule is held and recorded, none is skipped.

A limit that is not set is not asked.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated

from leadgen.kernel.calendar import PERIODS, Period
from leadgen.kernel.model import renamed
from leadgen.kernel.trace import Check, plain
from leadgen.leads.domain import conditions
from leadgen.leads.domain import consent as leads_consent
from leadgen.leads.domain.conditions import Condition, Observed
from leadgen.leads.domain.consent import ConsentDemand, Evidence


@dataclass(frozen=True)
class Enrollment:
    """A buyer's enrollment in an offer and its configuration. None, or an absent period, is no limit.

    ``area`` is the service area that covers the lead, None where none does; ``capacity`` and ``budget`` are the
    leads and the money of each period; ``fault`` is what of the stored ``filter`` or ``consent`` does not parse;
    ``reachable`` is whether the buyer has a webhook or takes leads by e-mail; ``rejected`` whether it has rejected
    this lead already; ``paused_since`` is when deliveries stopped because its invoices are overdue for too long.
    """

    buyer_id: int
    buyer_offer_id: int
    buyer_active: bool
    enrolled: bool
    area: str | None
    priority: int
    buyer_price: Decimal | None
    pause_until: datetime | None
    capacity: Mapping[Period, int]
    budget: Mapping[Period, Decimal]
    filter: Condition | None
    consent: ConsentDemand | None
    fault: str | None
    min_balance_required: Decimal | None
    credit_limit: Decimal | None
    currency: str
    reachable: bool
    rejected: Annotated[bool, renamed("rejected", "refused")] = False
    paused_since: datetime | None = None


@dataclass(frozen=True)
class Used:
    """What was claimed in a period: how many leads, at which prices together."""

    leads: int
    amount: Decimal


UNUSED = Used(0, Decimal(0))


@dataclass(frozen=True)
class TrackRecord:
    """What became of a buyer's leads in a policy's lookback: zero where it has none.

    ``answered`` are those it accepted or rejected; ``delivered`` those it took, ``on_time`` within the SLA.
    """

    answered: int = 0
    accepted: int = 0
    delivered: int = 0
    on_time: int = 0


NO_RECORD = TrackRecord()


@dataclass(frozen=True)
class Usage:
    """What a buyer has taken so far: it races, so it is read under the buyer's lock.

    ``used`` is by period of now; ``owed`` is what is billed and unpaid, ``pending`` what is claimed and not yet billed,
    ``wallet`` prepaid money.
    """

    used: Mapping[Period, Used]
    owed: Decimal
    pending: Decimal
    wallet: Decimal
    record: TrackRecord = NO_RECORD

    @property
    def exposure(self) -> Decimal:
        """What the platform has at risk with this buyer."""
        return self.owed + self.pending - self.wallet

    @property
    def available(self) -> Decimal:
        """Prepaid money not yet spoken for."""
        return -self.exposure

    def after_claims(self, leads: int, amount: Decimal, *, of_buyer: Decimal) -> "Usage":
        """With so many leads more of this enrollment, and ``of_buyer`` more claimed of the buyer in all its offers."""
        used = {p: Used(u.leads + leads, u.amount + amount) for p, u in self.used.items()} if leads else self.used
        return Usage(used, self.owed, self.pending + of_buyer, self.wallet, self.record)


@dataclass(frozen=True)
class Terms:
    """The terms of one lead: its price for the buyer, and what the rules need of it.

    ``hours`` is the policy's check of the time of day, the same for every buyer; ``assigned_to`` is the one buyer whom
    an operator has chosen.
    """

    price: Decimal
    currency: str
    postal_code: str
    observed: Observed
    evidence: Evidence
    now: datetime
    hours: Check
    assigned_to: int | None = None


@dataclass(frozen=True)
class EligibilityVerdict:
    """Every rule held against one buyer. ``merit`` is what the strategy went by, None where it did not look at it."""

    buyer_id: int
    eligible: bool
    checks: tuple[Check, ...]
    merit: Mapping[str, str | int | bool] | None = None


def judge(enrollment: Enrollment, usage: Usage, terms: Terms) -> EligibilityVerdict:
    """Hold every rule against one buyer for one lead."""
    found = tuple(checks(enrollment, usage, terms))
    return EligibilityVerdict(enrollment.buyer_id, all(check.passed for check in found), found)


def is_eligible(enrollment: Enrollment, usage: Usage, terms: Terms) -> bool:
    """The outcome alone: no rule is checked after the first that fails."""
    for check in checks(enrollment, usage, terms):  # noqa: SIM110 - a loop is faster, and what-if runs it a million times
        if not check.passed:
            return False
    return True


def checks(enrollment: Enrollment, usage: Usage, terms: Terms) -> Iterator[Check]:
    """Each rule in turn."""
    yield Check("buyer_active", enrollment.buyer_active, True, enrollment.buyer_active)
    yield Check("enrolled", enrollment.enrolled, True, enrollment.enrolled)
    yield Check("service_area", enrollment.area, terms.postal_code, enrollment.area is not None)
    if terms.assigned_to is not None:
        is_chosen = enrollment.buyer_id == terms.assigned_to
        yield Check("assigned", enrollment.buyer_id, terms.assigned_to, is_chosen)
    if enrollment.rejected and terms.assigned_to != enrollment.buyer_id:
        yield Check("not_refused", True, False, False)
    yield from _own_rules(enrollment, terms)
    if enrollment.pause_until is not None:
        # As the record has instants: whatever zone the database's session speaks, the text is the same.
        yield Check("not_paused", plain(terms.now), plain(enrollment.pause_until), enrollment.pause_until <= terms.now)
    if enrollment.paused_since is not None:
        yield Check("not_paused_for_overdue", plain(enrollment.paused_since), None, False)
    for period in PERIODS:
        used = usage.used.get(period, UNUSED)
        if (most := enrollment.capacity.get(period)) is not None:
            yield Check(f"capacity_per_{period}", used.leads, most, used.leads < most)
        if (budget := enrollment.budget.get(period)) is not None:
            spent = used.amount + terms.price
            yield Check(f"budget_per_{period}", str(spent), str(budget), spent <= budget)
    if (minimum := enrollment.min_balance_required) is not None:
        yield Check("min_balance_required", str(usage.available), str(minimum), usage.available >= minimum)
    if (limit := enrollment.credit_limit) is not None:
        exposure = usage.exposure + terms.price
        yield Check("credit_limit", str(exposure), str(limit), exposure <= limit)
    yield Check("reachable", enrollment.reachable, True, enrollment.reachable)
    yield Check("currency", enrollment.currency, terms.currency, enrollment.currency == terms.currency)
    yield terms.hours


def _own_rules(enrollment: Enrollment, terms: Terms) -> Iterator[Check]:
    if enrollment.fault is not None:
        yield Check("configuration", enrollment.fault, None, False)
    if enrollment.filter is not None:
        met = conditions.holds(enrollment.filter, terms.observed)
        yield Check("filter", conditions.shown(enrollment.filter, terms.observed), plain(enrollment.filter), met)
    if enrollment.consent is not None:
        unmet = leads_consent.unmet(enrollment.consent, terms.evidence, now=terms.now)
        yield Check("consent", {"unmet": list(unmet)}, plain(enrollment.consent), not unmet)
