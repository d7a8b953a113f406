"""The credit and caps that a batch of routed leads reserves per buyer and per enrollment, and what is
released again.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from leadgen.kernel.calendar import PERIODS, CapPeriods, Period
from leadgen.routing.domain import reservations
from leadgen.routing.domain.allocation import Choice
from leadgen.routing.domain.decision import Routed

_NEAR = Decimal("0.8")


def nears_limit(exposure_before: Decimal, exposure_after: Decimal, limit: Decimal | None) -> bool:
    """Whether a claim took a buyer's exposure over 80 % of its credit limit, which it was below before."""
    if limit is None or limit <= 0:
        return False
    return exposure_before < limit * _NEAR <= exposure_after


@dataclass(frozen=True)
class CapacityUse:
    """Leads claimed by an enrollment in one period, and their prices together."""

    buyer_offer_id: int
    period: Period
    starts_at: datetime
    claimed: int
    amount: Decimal


def credit(choices: Sequence[Choice]) -> dict[int, Decimal]:
    """What each buyer is going to owe for the leads claimed, by buyer id."""
    amounts: dict[int, Decimal] = defaultdict(Decimal)
    for _, routed in _claims(choices):
        amounts[routed.buyer_id] += routed.price.amount
    return dict(amounts)


@dataclass(frozen=True)
class Exposure:
    """What the platform has at risk with a buyer once a batch's claims are added, and the most it may be."""

    buyer_id: int
    exposure: Decimal
    credit_limit: Decimal | None


def near_limit(choices: Sequence[Choice], exposures: Sequence[Exposure]) -> dict[int, int]:
    """The leads whose claims took their buyers near the credit limit, each with its buyer's id."""
    claimed = credit(choices)
    at_risk = {e.buyer_id: e.exposure - claimed[e.buyer_id] for e in exposures}
    limits = {e.buyer_id: e.credit_limit for e in exposures}
    found = {}
    for choice in choices:
        if not isinstance(choice.decision, Routed):
            continue
        buyer_id, price = choice.decision.buyer_id, choice.decision.price.amount
        before = at_risk[buyer_id]
        at_risk[buyer_id] = before + price
        if reservations.nears_limit(before, before + price, limits[buyer_id]):
            found[choice.request.lead.lead_id] = buyer_id
    return found


def capacity(choices: Sequence[Choice], periods: Mapping[int, CapPeriods]) -> list[CapacityUse]:
    """What each enrollment has used of its periods; ``periods`` are by offer id."""
    prices: dict[tuple[int, int], list[Decimal]] = defaultdict(list)
    for offer_id, routed in _claims(choices):
        prices[routed.buyer_offer_id, offer_id].append(routed.price.amount)
    return [
        CapacityUse(buyer_offer_id, period, getattr(periods[offer_id], period), len(paid), sum(paid, Decimal(0)))
        for (buyer_offer_id, offer_id), paid in sorted(prices.items())
        for period in PERIODS
    ]


@dataclass(frozen=True)
class Claim:
    """What one lead took of its buyer when it was claimed; the periods are those of that instant."""

    buyer_id: int
    buyer_offer_id: int
    price: Decimal
    periods: CapPeriods


def credit_of(given_back: Sequence[Claim]) -> dict[int, Decimal]:
    """What each buyer is going to owe less when it does not get these leads, as a negative amount, by buyer id."""
    amounts: dict[int, Decimal] = defaultdict(Decimal)
    for claim in given_back:
        amounts[claim.buyer_id] -= claim.price
    return dict(amounts)


def capacity_of(given_back: Sequence[Claim]) -> list[CapacityUse]:
    """What each enrollment has used less of its periods when its buyer does not get these leads."""
    prices: dict[tuple[int, Period, datetime], list[Decimal]] = defaultdict(list)
    for claim in given_back:
        for period in PERIODS:
            prices[claim.buyer_offer_id, period, getattr(claim.periods, period)].append(claim.price)
    return [CapacityUse(*key, len(paid), sum(paid, Decimal(0))) for key, paid in sorted(prices.items())]


def _claims(choices: Sequence[Choice]) -> Iterator[tuple[int, Routed]]:
    for choice in choices:
        if isinstance(choice.decision, Routed):
            yield choice.request.offer.offer_id, choice.decision
