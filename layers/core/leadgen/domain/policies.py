"""The policies an offer points to, as they stand in ``validation_policies.rules`` and ``routing_policies.config``.

Typed once: what these models refuse is refused when a policy is written and again when it is read.
"""

import json
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from leadgen.domain.errors import PolicyInvalid

ContactKey = Literal["phone", "email"]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
ClockTime = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
ClosingTime = Annotated[str, Field(pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$")]
LeadStatus = Literal["received", "validated", "delivered", "accepted", "rejected"]
PlaceList = Annotated[tuple[Annotated[str, Field(min_length=1, max_length=128)], ...], Field(min_length=1)]
FieldName = Annotated[str, Field(pattern=r"^\S{1,80}$")]
CountryCode = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]

# A lead's own fields that a policy may require; any other name is looked for in its attributes.
LEAD_FIELDS = (
    "name", "email", "phone", "postal_code", "city", "region_code", "message",
    "utm_source", "utm_medium", "utm_campaign", "consent", "gdpr_consent",
)  # fmt: skip


class Policy(BaseModel):
    """A frozen value that refuses fields it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Normalization(Policy):
    """The one strategy the contract names for each field."""

    email: Literal["lower_trim"] = "lower_trim"
    phone: Literal["e164_or_digits"] = "e164_or_digits"
    postal_code: Literal["upper_trim"] = "upper_trim"


class DuplicateDetection(Policy):
    """The Duplicate Detection Contract's policy inputs; ``window_hours`` within (0, 8760], None for the platform's."""

    enabled: bool = False
    window_hours: Annotated[int, Field(gt=0, le=8760)] | None = None
    scope: Literal["offer"] = "offer"
    keys: Annotated[tuple[ContactKey, ...], Field(min_length=1)] = ("phone", "email")
    match_mode: Literal["any", "all"] = "any"
    exclude_statuses: tuple[LeadStatus, ...] = ("rejected",)
    include_sources: Literal["any", "same_source_only"] = "any"
    action: Literal["reject", "flag", "accept"] = "reject"
    reason_code: str = Field(default="duplicate_recent", pattern=r"^[a-z][a-z0-9_]{0,63}$")
    min_fields: tuple[ContactKey, ...] = ()
    normalize: Normalization = Normalization()


class ValidationPolicy(Policy):
    """``validation_policies.rules``. A rule that is absent is not asked."""

    required_fields: tuple[FieldName, ...] = ()
    allowed_postal_codes: PlaceList | None = None
    allowed_cities: PlaceList | None = None
    allowed_country_codes: Annotated[tuple[CountryCode, ...], Field(min_length=1)] | None = None
    duplicate_detection: DuplicateDetection = DuplicateDetection()


class Exclusivity(Policy):
    """What happens when the exclusive buyer of a place cannot take the lead."""

    fallback: Literal["fail_closed", "fallback_allowed"] = "fail_closed"


class Unrouted(Policy):
    """What becomes of a lead that no buyer can take: held and tried again, or rejected at once."""

    action: Literal["hold", "reject"] = "hold"
    retry_minutes: int = Field(default=15, ge=1, le=10_080)
    give_up_hours: int = Field(default=24, ge=1, le=8760)


def _refuse_closed(window: tuple[str, str]) -> tuple[str, str]:
    if window[0] == window[1]:
        raise ValueError("a window that starts and ends at the same time never opens")
    return window


OpeningHours = Annotated[tuple[ClockTime, ClosingTime], AfterValidator(_refuse_closed)]


class Premium(Policy):
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


class Pricing(Policy):
    """The premiums of the Offer-Based Pricing Contract; every one that applies is added."""

    exclusivity_premium: Premium | None = None
    time_of_day_premiums: tuple[TimeOfDayPremium, ...] = ()


class PriorityBased(Policy):
    """``routing_policies.config``: the highest ``routing_priority`` first, then the lowest buyer id.

    ``acceptance_hours`` are windows of the market's local time by the day they begin on; a day without any is closed,
    and without the setting it is always open.
    """

    strategy: Literal["priority_based"]
    acceptance_hours: (
        Annotated[dict[Day, Annotated[tuple[OpeningHours, ...], Field(min_length=1)]], Field(min_length=1)] | None
    ) = None
    exclusivity: Exclusivity = Exclusivity()
    pricing: Pricing = Pricing()
    unrouted: Unrouted = Unrouted()


# The closed set of strategies: a new one joins this union, and the type checker names every place that must know it.
RoutingPolicy = PriorityBased


def parse_validation(rules: object, *, label: str) -> ValidationPolicy:
    """Raises PolicyInvalid; ``label`` names the policy in its message."""
    try:
        return ValidationPolicy.model_validate_json(json.dumps(rules))
    except ValidationError as error:
        raise PolicyInvalid(f"validation policy {label}: {describe(error)}") from None


def parse_routing(config: object, *, label: str) -> RoutingPolicy:
    """Raises PolicyInvalid; ``label`` names the policy in its message."""
    try:
        return PriorityBased.model_validate_json(json.dumps(config))
    except ValidationError as error:
        raise PolicyInvalid(f"routing policy {label}: {describe(error)}") from None


def describe(error: ValidationError) -> str:
    """Every fault in one line: the field's path, then what is wrong with it."""
    return "; ".join(
        f"{'.'.join(str(part) for part in fault['loc']) or 'the policy'}: {fault['msg']}" for fault in error.errors()
    )
