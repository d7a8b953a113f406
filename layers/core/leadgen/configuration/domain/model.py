"""The models of a configuration file: one market and vertical, their offers, and the buyers enrolled in them."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from leadgen.billing.domain.earnings import Earning
from leadgen.billing.domain.terms import BuyerBilling, Seller
from leadgen.configuration.domain.fields import (
    Amount,
    Capacity,
    City,
    Country,
    Currency,
    Email,
    Fingerprint,
    Hostname,
    Instant,
    Kilometres,
    Latitude,
    Longitude,
    Name,
    PathPrefix,
    Phone,
    PostalCode,
    Price,
    Region,
    Secret,
    Slug,
    SourceKey,
    Timezone,
    Version,
    WebhookUrl,
)
from leadgen.delivery.domain.terms import DeliveryTerms
from leadgen.kernel.calendar import Cycle
from leadgen.leads.domain import normalization
from leadgen.leads.domain.conditions import Rule
from leadgen.leads.domain.consent import ConsentDemand
from leadgen.returns.domain.policy import ReturnPolicy
from leadgen.routing.domain.policy import RoutingPolicy
from leadgen.validation.domain.policy import ValidationPolicy

ScopeType = Literal["postal_code", "city", "region", "radius", "market"]
ExclusiveScope = Literal["postal_code", "city"]

WHOLE_MARKET: tuple[ScopeType, str] = ("market", "*")


class Section(BaseModel):
    """A part of the file; a field that it does not define is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class PlaceOfMarket(Section):
    """Where a postal code lies, in degrees."""

    postal_code: PostalCode
    latitude: Latitude
    longitude: Longitude


class Market(Section):
    """Known by its name. Amounts are in its currency, days and hours in its time zone.

    Its places are what a radius around a postal code is measured by.
    """

    name: Name
    country_code: Country = "US"
    region_code: Region | None = None
    timezone: Timezone
    currency: Currency = "USD"
    is_active: bool = True
    places: tuple[PlaceOfMarket, ...] = ()

    @field_validator("region_code")
    @classmethod
    def _lies_in_the_country(cls, region: str | None, info: ValidationInfo) -> str | None:
        country = info.data.get("country_code")
        if region and country and not region.startswith(f"{country}-"):
            raise ValueError(f"must begin with {country}-, the market's country")
        return region


class Vertical(Section):
    """Known by its slug."""

    slug: Slug
    name: Name
    is_active: bool = True


class Publisher(Section):
    """Who owns sources and earns by their leads; known by its name, in every file. It is paid what it earned by the
    month, which ends at midnight of its time zone, in the currency of the market.
    """

    name: Name
    email: Email
    timezone: Timezone = "UTC"


class ValidationRules(Section):
    """A validation policy; a change makes it the next version. With ``version`` the offer stays with that one."""

    name: Name
    version: Version | None = None
    rules: ValidationPolicy


class RoutingConfig(Section):
    """A routing policy; a change makes it the next version. With ``version`` the offer stays with that one."""

    name: Name
    version: Version | None = None
    config: RoutingPolicy


class Source(Section):
    """Known by its source_key. Posts that name no source are matched by host and longest path prefix.

    ``api_key_sha256`` stands for the key that has this fingerprint. ``publisher`` is the name of its owner, ``earning``
    what that one gets for each lead that is billed.
    """

    source_key: SourceKey
    kind: Literal["landing_page", "partner_api", "embed_form"]
    name: Name
    hostname: Hostname | None = None
    path_prefix: PathPrefix | None = None
    api_key: Secret | None = None
    api_key_sha256: Fingerprint | None = None
    is_active: bool = True
    publisher: Name | None = None
    earning: Earning | None = None

    @field_validator("path_prefix")
    @classmethod
    def _belongs_to_a_hostname(cls, prefix: str | None, info: ValidationInfo) -> str | None:
        if prefix is not None and info.data.get("hostname", "") is None:
            raise ValueError("needs a hostname beside it")
        return prefix

    @field_validator("api_key_sha256")
    @classmethod
    def _stands_instead_of_the_key(cls, fingerprint: str | None, info: ValidationInfo) -> str | None:
        if fingerprint is not None and info.data.get("api_key") is not None:
            raise ValueError("stands instead of api_key: give one of them")
        return fingerprint

    @field_validator("earning")
    @classmethod
    def _is_somebodys(cls, earning: Earning | None, info: ValidationInfo) -> Earning | None:
        if earning is not None and info.data.get("publisher", "") is None:
            raise ValueError("needs a publisher beside it: whose it is")
        return earning


class ExclusiveArea(Section):
    """One postal code or city whose leads go to one buyer first, named by its e-mail address."""

    postal_code: PostalCode | None = None
    city: City | None = None
    buyer: Email

    @model_validator(mode="after")
    def _names_one_area(self) -> Self:
        if (self.postal_code is None) == (self.city is None):
            raise ValueError("needs either postal_code or city")
        return self

    @property
    def area(self) -> tuple[ExclusiveScope, str]:
        """What it is about."""
        return ("postal_code", self.postal_code) if self.postal_code is not None else ("city", self.city or "")


class Offer(Section):
    """What is sold: the vertical in the market at a price. Known by its name there. ``returns`` is when a buyer may
    give a lead back; without it, only an operator takes one back.
    """

    name: Name
    price: Price
    invoice_threshold: Amount | None = None
    is_active: bool = True
    returns: ReturnPolicy | None = None
    validation_policy: ValidationRules
    routing_policy: RoutingConfig
    sources: tuple[Source, ...] = ()
    exclusivities: tuple[ExclusiveArea, ...] = ()


class Radius(Section):
    """The postal codes of the market's places within so many kilometers of one of them, by the great circle."""

    postal_code: PostalCode
    km: Kilometres

    @property
    def scope_value(self) -> str:
        """Its one spelling."""
        kilometers = f"{self.km:f}"
        return f"{self.postal_code} {kilometers.rstrip('0').rstrip('.') if '.' in kilometers else kilometers}km"


class ServiceAreas(Section):
    """Where in the market a buyer takes leads: ``whole_market``, or all the rest together."""

    postal_codes: tuple[PostalCode, ...] = ()
    cities: tuple[City, ...] = ()
    regions: tuple[Region, ...] = ()
    radius: tuple[Radius, ...] = ()
    whole_market: bool = False

    @model_validator(mode="after")
    def _names_an_area(self) -> Self:
        narrower = [name for name in ("postal_codes", "cities", "regions", "radius") if getattr(self, name)]
        if self.whole_market and narrower:
            raise ValueError(f"whole_market leaves nothing for {', '.join(narrower)} to add: give one or the other")
        if not self.whole_market and not narrower:
            raise ValueError("needs postal_codes, cities, regions, radius or whole_market: true")
        return self

    def areas(self) -> set[tuple[ScopeType, str]]:
        """Every area once; a city that differs from another by its capitals only is the same area."""
        if self.whole_market:
            return {WHOLE_MARKET}
        cities = {normalization.folded(city): city for city in reversed(self.cities)}
        return {
            *(("postal_code", code) for code in self.postal_codes),
            *(("city", city) for city in cities.values()),
            *(("region", region) for region in self.regions),
            *(("radius", radius.scope_value) for radius in self.radius),
        }


class Enrollment(Section):
    """A buyer's terms for one offer of the file. What is absent is no limit, or the offer's or buyer's own.

    Capacities count leads and budgets their prices, by the market's hour, day, week and month. ``delivery`` is how the
    leads are sent: schedule, format, and how the answer is read. ``returns`` replaces the offer's.
    """

    offer: Name
    is_active: bool = True
    priority: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    price: Price | None = None
    capacity_per_hour: Capacity | None = None
    capacity_per_day: Capacity | None = None
    capacity_per_week: Capacity | None = None
    capacity_per_month: Capacity | None = None
    budget_per_hour: Amount | None = None
    budget_per_day: Amount | None = None
    budget_per_week: Amount | None = None
    budget_per_month: Amount | None = None
    filter: Rule | None = None
    consent: ConsentDemand | None = None
    min_balance_required: Amount | None = None
    pause_until: Instant | None = None
    webhook_url: WebhookUrl | None = None
    email: Email | None = None
    sms: Phone | None = None
    delivery: DeliveryTerms | None = None
    returns: ReturnPolicy | None = None


class Buyer(Section):
    """Known by its e-mail address, in every file. ``webhook_secret_sha256`` stands for the stored secret that has this
    fingerprint. ``billing`` is what its invoices state and how they are paid.
    """

    name: Name
    email: Email
    phone: Phone
    company: Name | None = None
    webhook_url: WebhookUrl | None = None
    webhook_secret: Secret | None = None
    webhook_secret_sha256: Fingerprint | None = None
    email_notifications: bool = True
    sms_notifications: bool = False
    is_active: bool = True
    credit_limit: Amount | None = None
    billing_cycle: Cycle = "weekly"
    opening_wallet_balance: Amount | None = None
    billing: BuyerBilling | None = None
    service_areas: ServiceAreas
    offers: tuple[Enrollment, ...] = ()

    @field_validator("webhook_secret_sha256")
    @classmethod
    def _stands_instead_of_the_secret(cls, fingerprint: str | None, info: ValidationInfo) -> str | None:
        if fingerprint is not None and info.data.get("webhook_secret") is not None:
            raise ValueError("stands instead of webhook_secret: give one of them")
        return fingerprint


class Configuration(Section):
    """A whole file. The ``seller``, whose invoices these are, is one for all files; one that leaves it out does not
    change it.
    """

    market: Market
    vertical: Vertical
    seller: Seller | None = None
    publishers: tuple[Publisher, ...] = ()
    offers: Annotated[tuple[Offer, ...], Field(min_length=1)]
    buyers: tuple[Buyer, ...] = ()
