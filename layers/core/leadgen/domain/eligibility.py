"""The Buyer Scoping Contract: may this buyer have this lead now? Each rule is held and recorded, none is skipped."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from leadgen.domain.trace import Check


@dataclass(frozen=True)
class Enrolment:
    """A buyer's enrolment in an offer and what the configuration says of it. None means no limit.

    ``serves_area`` is whether an active service area of the buyer covers the lead's postal code or city,
    ``reachable`` whether the buyer has a webhook or takes leads by e-mail.
    """

    buyer_id: int
    buyer_offer_id: int
    buyer_active: bool
    enrolled: bool
    serves_area: bool
    priority: int
    buyer_price: Decimal | None
    pause_until: datetime | None
    capacity_per_day: int | None
    capacity_per_hour: int | None
    min_balance_required: Decimal | None
    credit_limit: Decimal | None
    currency: str
    reachable: bool


@dataclass(frozen=True)
class Standing:
    """What a buyer has taken so far: it races, so it is read under the buyer's lock.

    ``owed`` is what is billed and unpaid, ``pending`` what is claimed and not yet billed, ``wallet`` prepaid money.
    """

    claimed_today: int
    claimed_this_hour: int
    owed: Decimal
    pending: Decimal
    wallet: Decimal

    @property
    def exposure(self) -> Decimal:
        """What the platform has at risk with this buyer."""
        return self.owed + self.pending - self.wallet

    @property
    def available(self) -> Decimal:
        """Prepaid money not yet spoken for."""
        return -self.exposure


@dataclass(frozen=True)
class Verdict:
    """Every rule held against one buyer."""

    buyer_id: int
    eligible: bool
    checks: tuple[Check, ...]


def judge(
    enrolment: Enrolment, standing: Standing, *, price: Decimal, currency: str, now: datetime, hours: Check
) -> Verdict:
    """Hold every rule against one buyer for one lead at ``price``; ``hours`` is the policy's on the time of day."""
    checks = (*_checks(enrolment, standing, price, currency, now), hours)
    return Verdict(enrolment.buyer_id, all(check.passed for check in checks), checks)


def _checks(enrolment: Enrolment, standing: Standing, price: Decimal, currency: str, now: datetime) -> Iterator[Check]:
    yield Check("buyer_active", enrolment.buyer_active, True, enrolment.buyer_active)
    yield Check("enrolled", enrolment.enrolled, True, enrolment.enrolled)
    yield Check("service_area", enrolment.serves_area, True, enrolment.serves_area)
    paused = enrolment.pause_until is not None and enrolment.pause_until > now
    yield Check("not_paused", enrolment.pause_until.isoformat() if enrolment.pause_until else None, None, not paused)
    yield _cap("capacity_per_day", standing.claimed_today, enrolment.capacity_per_day)
    yield _cap("capacity_per_hour", standing.claimed_this_hour, enrolment.capacity_per_hour)
    minimum = enrolment.min_balance_required
    yield Check(
        "min_balance_required", str(standing.available), _text(minimum),
        minimum is None or standing.available >= minimum,
    )  # fmt: skip
    limit = enrolment.credit_limit
    exposure = standing.exposure + price
    yield Check("credit_limit", str(exposure), _text(limit), limit is None or exposure <= limit)
    yield Check("reachable", enrolment.reachable, True, enrolment.reachable)
    yield Check("currency", enrolment.currency, currency, enrolment.currency == currency)


def _cap(rule: str, claimed: int, limit: int | None) -> Check:
    return Check(rule, claimed, limit, limit is None or claimed < limit)


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else str(amount)
