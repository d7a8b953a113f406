"""The policies an offer points to, as they stand in ``validation_policies.rules`` and ``routing_policies.config``.

Typed once: what these models refuse is refused when a policy is written and again when it is read.
"""

import json
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError, model_validator

from leadgen.kernel.calendar import Day
from leadgen.kernel.errors import PolicyInvalid
from leadgen.kernel.model import Model, renamed
from leadgen.kernel.model_errors import describe

ClockTime = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
ClosingTime = Annotated[str, Field(pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$")]


class Exclusivity(Model):
    """What happens when the exclusive buyer of an area cannot take the lead."""

    fallback: Literal["fail_closed", "fallback_allowed"] = "fail_closed"


class Unrouted(Model):
    """What becomes of a lead that no buyer can take: held and tried again, or rejected at once."""

    action: Literal["hold", "reject"] = "hold"
    retry_minutes: int = Field(default=15, ge=1, le=10_080)
    give_up_hours: int = Field(default=24, ge=1, le=8760)


class Rejection(Model):
    """What becomes of a lead that its buyer rejected: it goes to the next buyer, to a person, or to nobody.

    After ``most_buyers`` have rejected it, a person decides.
    """

    action: Literal["next_buyer", "review", "reject"] = "next_buyer"
    most_buyers: int = Field(default=5, ge=1, le=100)


def _refuse_closed(window: tuple[str, str]) -> tuple[str, str]:
    if window[0] == window[1]:
        raise ValueError("a window that starts and ends at the same time never opens")
    return window


OpeningHours = Annotated[tuple[ClockTime, ClosingTime], AfterValidator(_refuse_closed)]


class Premium(Model):
    """An addition to the base price: percent of it, or an amount in the market's currency."""

    type: Literal["flat", "percent"]
    value: Decimal = Field(gt=0, le=100_000, decimal_places=4)


class TimeOfDayPremium(Premium):
    """A premium for a window of the market's local time, on the days it begins; past midnight where ``end`` is not
    after ``start``.
    """

    days: Annotated[tuple[Day, ...], Field(min_length=1)]
    start: ClockTime
    end: ClosingTime

    @model_validator(mode="after")
    def _opens(self) -> Self:
        _refuse_closed((self.start, self.end))
        return self


class Pricing(Model):
    """The premiums of the Offer-Based Pricing Contract; every one that applies is added."""

    exclusivity_premium: Premium | None = None
    time_of_day_premiums: tuple[TimeOfDayPremium, ...] = ()


class Sla(Model):
    """Of the buyers who can take a lead, those that took enough of their deliveries in time come first.

    A buyer meets it when ``percent`` of what was delivered to it in the lookback was taken within
    ``max_delivery_seconds`` of the claim; one that got nothing yet has failed nothing.
    """

    max_delivery_seconds: Annotated[int, Field(ge=1, le=604_800)]
    lookback_hours: Annotated[int, Field(ge=1, le=8760)] = 24
    percent: Annotated[int, Field(ge=1, le=100)] = 95


class _Routing(Model):
    """What every strategy has.

    ``acceptance_hours`` are windows of the market's local time by the day they begin on; a day without any is closed,
    and without the setting it is always open.
    """

    acceptance_hours: (
        Annotated[dict[Day, Annotated[tuple[OpeningHours, ...], Field(min_length=1)]], Field(min_length=1)] | None
    ) = None
    exclusivity: Exclusivity = Exclusivity()
    pricing: Pricing = Pricing()
    sla: Sla | None = None
    unrouted: Unrouted = Unrouted()
    rejection: Annotated[Rejection, renamed("rejection", "refusal")] = Rejection()


class PriorityBased(_Routing):
    """The highest ``routing_priority`` first."""

    strategy: Literal["priority_based"]


class RoundRobin(_Routing):
    """In rotation: of the leads that the same buyers could have had, each gets as many."""

    strategy: Literal["round_robin"]


class Weighted(_Routing):
    """In rotation by weight. ``weights`` are by buyer: its id where the policy is stored, its e-mail address in a file.

    A buyer who is not named weighs 1.
    """

    strategy: Literal["weighted"]
    weights: Annotated[
        dict[Annotated[str, Field(min_length=1, max_length=200)], Annotated[int, Field(ge=1, le=1000)]],
        Field(min_length=1),
    ]


class CapacityBased(_Routing):
    """The buyer with the largest part of its capacity left; one without a cap has all of it left."""

    strategy: Literal["capacity_based"]
    period: Literal["hour", "day", "week", "month"] = "day"


class PerformanceBased(_Routing):
    """The buyer who accepts the largest part of its leads.

    The rate is (accepted + prior_rate x prior_leads) / (answered + prior_leads): a buyer with few answers stands near
    the prior, and proves itself by what it does.
    """

    strategy: Literal["performance_based"]
    lookback_days: Annotated[int, Field(ge=1, le=365)] = 30
    prior_rate: Annotated[Decimal, Field(ge=0, le=1, decimal_places=4)] = Decimal("0.5")
    prior_leads: Annotated[int, Field(ge=1, le=10_000)] = 10


class ExclusiveZip(_Routing):
    """Only the buyer who has the area to itself; where that fails, ``exclusivity.fallback`` is what follows."""

    strategy: Literal["exclusive_zip"]


# The closed set of strategies: a new one joins this union, and the type checker names every place that must handle it.
RoutingPolicy = Annotated[
    PriorityBased | RoundRobin | Weighted | CapacityBased | PerformanceBased | ExclusiveZip,
    Field(discriminator="strategy"),
]
_ROUTING: TypeAdapter[RoutingPolicy] = TypeAdapter(RoutingPolicy)


def parse_routing(config: object, *, label: str) -> RoutingPolicy:
    """Raises PolicyInvalid; ``label`` names the policy in its message."""
    try:
        return _ROUTING.validate_json(json.dumps(config))
    except ValidationError as error:
        raise PolicyInvalid(f"routing policy {label}: {describe(error)}") from None
