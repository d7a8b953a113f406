"""Reads the configuration as it stands, for export. Of secrets only the SHA-256, in hex."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row


@dataclass(frozen=True)
class StoredOffer:
    """An offer with its market, vertical and policies; ``*_latest`` is whether the policy has no later version."""

    id: int
    name: str
    price: Decimal
    invoice_threshold: Decimal
    is_active: bool
    market_id: int
    market: str
    country_code: str
    region_code: str | None
    timezone: str
    currency: str
    market_active: bool
    vertical: str
    vertical_name: str
    vertical_active: bool
    validation_name: str
    validation_version: int
    validation_latest: bool
    rules: dict[str, Any]
    routing_name: str
    routing_version: int
    routing_latest: bool
    config: dict[str, Any]
    returns: dict[str, Any] | None


def offers(conn: Connection[Any]) -> list[StoredOffer]:
    """Every offer, by market and vertical, the oldest first."""
    with conn.cursor(row_factory=class_row(StoredOffer)) as cursor:
        cursor.execute(
            """
            SELECT o.id, o.name, o.default_price_per_lead AS price, o.invoice_threshold, o.is_active,
                   m.id AS market_id, m.name AS market, m.country_code, m.region_code, m.timezone, m.currency,
                   m.is_active AS market_active,
                   v.slug AS vertical, v.name AS vertical_name, v.is_active AS vertical_active,
                   vp.name AS validation_name, vp.version AS validation_version, vp.rules,
                   NOT EXISTS (SELECT FROM validation_policies later
                                WHERE later.name = vp.name AND later.version > vp.version) AS validation_latest,
                   rp.name AS routing_name, rp.version AS routing_version, rp.config, o.returns,
                   NOT EXISTS (SELECT FROM routing_policies later
                                WHERE later.name = rp.name AND later.version > rp.version) AS routing_latest
              FROM offers o
              JOIN markets m ON m.id = o.market_id
              JOIN verticals v ON v.id = o.vertical_id
              JOIN validation_policies vp ON vp.id = o.validation_policy_id
              JOIN routing_policies rp ON rp.id = o.routing_policy_id
             ORDER BY m.name, v.slug, o.id
            """
        )
        return cursor.fetchall()


@dataclass(frozen=True)
class StoredSource:
    """Where an offer's leads come from."""

    offer_id: int
    source_key: str
    kind: str
    name: str
    hostname: str | None
    path_prefix: str | None
    api_key_sha256: str | None
    is_active: bool
    publisher: str | None
    earning: dict[str, Any] | None


def sources(conn: Connection[Any]) -> list[StoredSource]:
    """Every source, the oldest first."""
    with conn.cursor(row_factory=class_row(StoredSource)) as cursor:
        cursor.execute(
            """
            SELECT s.offer_id, s.source_key, s.kind, s.name, s.hostname, s.path_prefix,
                   s.api_key_hash AS api_key_sha256, s.is_active, p.name AS publisher, s.earning
              FROM sources s LEFT JOIN publishers p ON p.id = s.publisher_id ORDER BY s.id
            """
        )
        return cursor.fetchall()


@dataclass(frozen=True)
class StoredBuyer:
    """Who buys."""

    id: int
    name: str
    email: str
    phone: str
    company: str | None
    webhook_url: str | None
    webhook_secret_sha256: str | None
    email_notifications: bool
    sms_notifications: bool
    is_active: bool
    credit_limit: Decimal | None
    billing_cycle: str
    billing: dict[str, Any]


def buyers(conn: Connection[Any]) -> list[StoredBuyer]:
    """Every buyer, the oldest first: among equals the oldest is chosen, here as where the files are applied."""
    with conn.cursor(row_factory=class_row(StoredBuyer)) as cursor:
        cursor.execute(
            """
            SELECT id, name, email, phone, company, webhook_url,
                   encode(sha256(convert_to(webhook_secret, 'UTF8')), 'hex') AS webhook_secret_sha256,
                   email_notifications, sms_notifications, is_active, credit_limit, billing_cycle, billing
              FROM buyers ORDER BY id
            """
        )
        return cursor.fetchall()


@dataclass(frozen=True)
class StoredEnrollment:
    """A buyer's terms for an offer."""

    buyer_id: int
    offer_id: int
    is_active: bool
    priority: int
    price: Decimal | None
    capacity_per_hour: int | None
    capacity_per_day: int | None
    capacity_per_week: int | None
    capacity_per_month: int | None
    budget_per_hour: Decimal | None
    budget_per_day: Decimal | None
    budget_per_week: Decimal | None
    budget_per_month: Decimal | None
    filter: dict[str, Any] | None
    consent: dict[str, Any] | None
    min_balance_required: Decimal | None
    pause_until: datetime | None
    webhook_url: str | None
    email: str | None
    sms: str | None
    delivery: dict[str, Any] | None
    returns: dict[str, Any] | None


def enrollments(conn: Connection[Any]) -> list[StoredEnrollment]:
    """Every enrollment, by offer."""
    with conn.cursor(row_factory=class_row(StoredEnrollment)) as cursor:
        cursor.execute(
            """
            SELECT buyer_id, offer_id, is_active, routing_priority AS priority, price_per_lead AS price,
                   capacity_per_hour, capacity_per_day, capacity_per_week, capacity_per_month,
                   budget_per_hour, budget_per_day, budget_per_week, budget_per_month, filter, consent,
                   min_balance_required, pause_until, webhook_url_override AS webhook_url, email_override AS email,
                   sms_override AS sms, delivery, returns
              FROM buyer_offers ORDER BY offer_id, buyer_id
            """
        )
        return cursor.fetchall()


@dataclass(frozen=True)
class StoredArea:
    """A service area of a buyer."""

    buyer_id: int
    market_id: int
    scope_type: str
    scope_value: str


def areas(conn: Connection[Any]) -> list[StoredArea]:
    """Every active service area, in one order."""
    with conn.cursor(row_factory=class_row(StoredArea)) as cursor:
        cursor.execute(
            """
            SELECT buyer_id, market_id, scope_type, scope_value FROM buyer_service_areas
             WHERE is_active ORDER BY buyer_id, market_id, scope_type, scope_value COLLATE "C"
            """
        )
        return cursor.fetchall()


@dataclass(frozen=True)
class StoredExclusivity:
    """An area whose leads go to one buyer first."""

    offer_id: int
    scope_type: str
    scope_value: str
    buyer: str


def exclusivities(conn: Connection[Any]) -> list[StoredExclusivity]:
    """Every active exclusivity, in one order; the buyer is named by its address."""
    with conn.cursor(row_factory=class_row(StoredExclusivity)) as cursor:
        cursor.execute(
            """
            SELECT e.offer_id, e.scope_type, e.scope_value, b.email AS buyer
              FROM offer_exclusivities e JOIN buyers b ON b.id = e.buyer_id
             WHERE e.is_active ORDER BY e.offer_id, e.scope_type DESC, e.scope_value COLLATE "C"
            """
        )
        return cursor.fetchall()


@dataclass(frozen=True)
class StoredPlace:
    """Where a postal code lies."""

    market_id: int
    postal_code: str
    latitude: Decimal
    longitude: Decimal


def places(conn: Connection[Any]) -> list[StoredPlace]:
    """Every market's places, by postal code."""
    with conn.cursor(row_factory=class_row(StoredPlace)) as cursor:
        cursor.execute(
            """
            SELECT market_id, postal_code, latitude, longitude FROM places
             ORDER BY market_id, postal_code COLLATE "C"
            """
        )
        return cursor.fetchall()
