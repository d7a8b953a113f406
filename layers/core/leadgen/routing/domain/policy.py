"""The policies an offer points to, as they stand in ``validation_policies.rules`` and ``routing_policies.config``.

Typed once: what these models refuse is refused when a policy is written and again when it is read.
"""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError, model_validator

from leadgen.kernel.calendar import Day
from leadgen.leads.domain.conditions import Condition, refuse_unwieldy
from leadgen.kernel.errors import PolicyInvalid
from leadgen.kernel.model_errors import describe
from leadgen.kernel.model import Model

ContactKey = Literal["phone", "email"]
ClockTime = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
ClosingTime = Annotated[str, Field(pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$")]
LeadStatus = Literal["received", "validated", "delivered", "accepted", "rejected"]
PlaceList = Annotated[tuple[Annotated[str, Field(min_length=1, max_length=128)], ...], Field(min_length=1)]
FieldName = Annotated[str, Field(pattern=r"^\S{1,80}$")]
CountryCode = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
Points = Annotated[int, Field(ge=1, le=1000)]
Threshold = Annotated[int, Field(ge=-10_000, le=10_000)]
Rule = Annotated[Condition, AfterValidator(refuse_unwieldy)]

# A lead's own fields that a policy may require; any other name is looked for in its attributes.
LEAD_FIELDS = (
    "name", "email", "phone", "postal_code", "city", "region_code", "message",
    "utm_source", "utm_medium", "utm_campaign", "consent", "gdpr_consent",
)  # fmt: skip


class Normalization(Model):
    """The one strategy the contract names for each field."""

    email: Literal["lower_trim"] = "lower_trim"
    phone: Literal["e164_or_digits"] = "e164_or_digits"
    postal_code: Literal["upper_trim"] = "upper_trim"


class DuplicateDetection(Model):
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


class ConsentDemand(Model):
    """What must be recorded of a lead's consent before it is sold.

    ``given`` is the post's ``consent``; the rest are the attributes ``consent_text``, ``consent_at`` (an instant with
    its offset) and ``consent_certificate_url``.
    """

    given: bool = True
    text: bool = False
    text_contains: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    max_age_days: Annotated[int, Field(ge=1, le=3650)] | None = None
    certificate: bool = False
    certificate_hosts: (
        Annotated[tuple[Annotated[str, Field(pattern=r"^[a-z0-9.-]{1,253}$")], ...], Field(min_length=1)] | None
    ) = None


class Signal(Model):
    """What a sign of fraud counts."""

    points: Points


class Velocity(Signal):
    """More posts than this from one address or number, within the minutes before the lead, itself included."""

    more_than: Annotated[int, Field(ge=1, le=10_000)]
    within_minutes: Annotated[int, Field(ge=1, le=43_200)]


class AreaCodes(Signal):
    """The phone's area code belongs to places whose postal codes begin otherwise than the lead's.

    ``postal_prefixes`` gives by area code the beginnings of the postal codes it serves; an area code that is not in it
    tells nothing.
    """

    postal_prefixes: Annotated[
        Mapping[
            Annotated[str, Field(pattern=r"^[0-9]{1,6}$")],
            Annotated[tuple[Annotated[str, Field(min_length=1, max_length=16)], ...], Field(min_length=1)],
        ],
        Field(min_length=1),
    ]


class Honeypot(Signal):
    """A field that people do not see holds something."""

    field: FieldName


class TimeToFill(Signal):
    """The form was filled in faster than a person could; ``field`` holds the seconds it took."""

    field: FieldName
    under_seconds: Annotated[Decimal, Field(gt=0, le=3600)]


class FraudDetection(Model):
    """A score of stated signs, added up. At a threshold and above the lead is flagged, held for review or rejected."""

    ip_velocity: Velocity | None = None
    phone_velocity: Velocity | None = None
    disposable_email: Signal | None = None
    phone_country_mismatch: Signal | None = None
    phone_area_mismatch: AreaCodes | None = None
    postal_region_mismatch: Signal | None = None
    ip_country_mismatch: Signal | None = None
    honeypot: Honeypot | None = None
    time_to_fill: TimeToFill | None = None
    flag_at: Threshold | None = None
    review_at: Threshold | None = None
    reject_at: Threshold | None = None

    @model_validator(mode="after")
    def _rises(self) -> Self:
        given = [limit for limit in (self.flag_at, self.review_at, self.reject_at) if limit is not None]
        if given != sorted(set(given)):
            raise ValueError("flag_at, review_at and reject_at must rise in this order")
        return self


class ScorePart(Model):
    """Points for a lead that meets a condition; negative ones take away."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
    points: Annotated[int, Field(ge=-1000, le=1000)]
    when: Rule


class LeadScoring(Model):
    """How good a lead is: the parts it meets, added to ``base``. Below a threshold it is flagged, held or rejected."""

    base: Annotated[int, Field(ge=-1000, le=1000)] = 0
    parts: Annotated[tuple[ScorePart, ...], Field(min_length=1, max_length=50)]
    flag_below: Threshold | None = None
    review_below: Threshold | None = None
    reject_below: Threshold | None = None

    @model_validator(mode="after")
    def _falls(self) -> Self:
        given = [limit for limit in (self.flag_below, self.review_below, self.reject_below) if limit is not None]
        if given != sorted(set(given), reverse=True):
            raise ValueError("flag_below, review_below and reject_below must fall in this order")
        names = [part.name for part in self.parts]
        if len(names) != len(set(names)):
            raise ValueError("two parts have the same name")
        return self


class ValidationPolicy(Model):
    """``validation_policies.rules``. A rule that is absent is not asked.

    ``duplicate_window_hours`` is the short form of ``duplicate_detection`` with only a window; ``detection`` is either.
    """

    email_validation: bool = False
    phone_validation: bool = False
    zip_validation: bool = False
    required_fields: tuple[FieldName, ...] = ()
    allowed_postal_codes: PlaceList | None = None
    allowed_cities: PlaceList | None = None
    allowed_country_codes: Annotated[tuple[CountryCode, ...], Field(min_length=1)] | None = None
    phone_region: CountryCode | None = None
    disposable_email_blocklist_enabled: bool = False
    mx_lookup_enabled: bool = False
    duplicate_window_hours: Annotated[int, Field(gt=0, le=8760)] | None = None
    duplicate_detection: DuplicateDetection = DuplicateDetection()
    conditions: Rule | None = None
    consent: ConsentDemand | None = None
    fraud_detection: FraudDetection | None = None
    lead_scoring: LeadScoring | None = None

    @model_validator(mode="after")
    def _says_once_what_a_duplicate_is(self) -> Self:
        if self.duplicate_window_hours is not None and "duplicate_detection" in self.model_fields_set:
            raise ValueError("duplicate_window_hours is the short form of duplicate_detection: give one of them")
        return self

    @property
    def detection(self) -> DuplicateDetection:
        """What a duplicate is, from either form."""
        if self.duplicate_window_hours is None:
            return self.duplicate_detection
        return DuplicateDetection(enabled=True, window_hours=self.duplicate_window_hours)


class Exclusivity(Model):
    """What happens when the exclusive buyer of a place cannot take the lead."""

    fallback: Literal["fail_closed", "fallback_allowed"] = "fail_closed"


class Unrouted(Model):
    """What becomes of a lead that no buyer can take: held and tried again, or rejected at once."""

    action: Literal["hold", "reject"] = "hold"
    retry_minutes: int = Field(default=15, ge=1, le=10_080)
    give_up_hours: int = Field(default=24, ge=1, le=8760)


class Refusal(Model):
    """What becomes of a lead that its buyer refused: the next buyer is asked, a person decides, or nobody gets it.

    After ``most_buyers`` have refused it, a person decides.
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
    refusal: Refusal = Refusal()


class PriorityBased(_Routing):
    """The highest ``routing_priority`` first."""

    strategy: Literal["priority_based"]


class RoundRobin(_Routing):
    """Each in turn: of the leads that the same buyers could have had, each gets as many."""

    strategy: Literal["round_robin"]


class Weighted(_Routing):
    """In turn by weight. ``weights`` are by buyer: its id where the policy is stored, its e-mail address in a file.

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
    """Only the buyer who has the place to itself; where that fails, ``exclusivity.fallback`` says what follows."""

    strategy: Literal["exclusive_zip"]


# The closed set of strategies: a new one joins this union, and the type checker names every place that must know it.
RoutingPolicy = Annotated[
    PriorityBased | RoundRobin | Weighted | CapacityBased | PerformanceBased | ExclusiveZip,
    Field(discriminator="strategy"),
]
_ROUTING: TypeAdapter[RoutingPolicy] = TypeAdapter(RoutingPolicy)
_CONDITION: TypeAdapter[Condition] = TypeAdapter(Rule)


def parse_validation(rules: object, *, label: str) -> ValidationPolicy:
    """Raises PolicyInvalid; ``label`` names the policy in its message."""
    try:
        return ValidationPolicy.model_validate_json(json.dumps(rules))
    except ValidationError as error:
        raise PolicyInvalid(f"validation policy {label}: {describe(error)}") from None


def parse_routing(config: object, *, label: str) -> RoutingPolicy:
    """Raises PolicyInvalid; ``label`` names the policy in its message."""
    try:
        return _ROUTING.validate_json(json.dumps(config))
    except ValidationError as error:
        raise PolicyInvalid(f"routing policy {label}: {describe(error)}") from None


def parse_filter(filter_: object, *, label: str) -> Condition:
    """A buyer's filter. Raises PolicyInvalid; ``label`` names the enrolment in its message."""
    try:
        return _CONDITION.validate_json(json.dumps(filter_))
    except ValidationError as error:
        raise PolicyInvalid(f"the filter of {label}: {describe(error)}") from None


def parse_consent(demand: object, *, label: str) -> ConsentDemand:
    """What a buyer demands. Raises PolicyInvalid; ``label`` names the enrolment in its message."""
    try:
        return ConsentDemand.model_validate_json(json.dumps(demand))
    except ValidationError as error:
        raise PolicyInvalid(f"the consent of {label}: {describe(error)}") from None
