"""``validation_policies.rules``: what a lead must meet. Typed once, for writing and for reading."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError, model_validator

from leadgen.kernel.errors import PolicyInvalid
from leadgen.kernel.model import Model
from leadgen.kernel.model_errors import describe
from leadgen.leads.domain.conditions import Rule
from leadgen.leads.domain.consent import ConsentDemand
from leadgen.leads.domain.lead import ContactKey, LeadStatus

PlaceList = Annotated[tuple[Annotated[str, Field(min_length=1, max_length=128)], ...], Field(min_length=1)]


FieldName = Annotated[str, Field(pattern=r"^\S{1,80}$")]


CountryCode = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]


Points = Annotated[int, Field(ge=1, le=1000)]


Threshold = Annotated[int, Field(ge=-10_000, le=10_000)]


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
    decides nothing.
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
    """``validation_policies.rules``. A rule that is absent is not checked.

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
    def _duplicate_is_defined_once(self) -> Self:
        if self.duplicate_window_hours is not None and "duplicate_detection" in self.model_fields_set:
            raise ValueError("duplicate_window_hours is the short form of duplicate_detection: give one of them")
        return self

    @property
    def detection(self) -> DuplicateDetection:
        """What a duplicate is, from either form."""
        if self.duplicate_window_hours is None:
            return self.duplicate_detection
        return DuplicateDetection(enabled=True, window_hours=self.duplicate_window_hours)


def parse_validation(rules: object, *, label: str) -> ValidationPolicy:
    """Raises PolicyInvalid; ``label`` names the policy in its message."""
    try:
        return ValidationPolicy.model_validate_json(json.dumps(rules))
    except ValidationError as error:
        raise PolicyInvalid(f"validation policy {label}: {describe(error)}") from None
