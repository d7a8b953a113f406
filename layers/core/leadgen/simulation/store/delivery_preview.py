"""Reads the enrollment and the lead of a delivery preview."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row, dict_row


@dataclass(frozen=True)
class Enrolled:
    """A buyer's enrollment in an offer; ``delivery`` as it is stored, ``signed`` whether the buyer has a secret."""

    buyer_id: int
    buyer: str
    offer: str
    market: str
    country_code: str
    region_code: str | None
    timezone: str
    currency: str
    vertical: str
    price: Decimal
    url: str | None
    signed: bool
    delivery: object


def enrollments(conn: Connection[Any], buyer_id: int) -> list[Enrolled]:
    """Every enrollment of the buyer, by offer and market."""
    with conn.cursor(row_factory=class_row(Enrolled)) as cursor:
        cursor.execute(
            """
            SELECT b.id AS buyer_id, b.name AS buyer, o.name AS offer, m.name AS market, m.country_code, m.region_code,
                   m.timezone, m.currency, v.slug AS vertical,
                   coalesce(bo.price_per_lead, o.default_price_per_lead) AS price,
                   coalesce(bo.webhook_url_override, b.webhook_url) AS url,
                   coalesce(b.webhook_secret, '') <> '' AS signed, bo.delivery
              FROM buyer_offers bo
              JOIN buyers b ON b.id = bo.buyer_id
              JOIN offers o ON o.id = bo.offer_id
              JOIN markets m ON m.id = o.market_id
              JOIN verticals v ON v.id = o.vertical_id
             WHERE bo.buyer_id = %s ORDER BY o.name, m.name
            """,
            (buyer_id,),
        )
        return cursor.fetchall()


def lead(conn: Connection[Any], lead_id: int) -> dict[str, Any] | None:
    """A lead's own part of the facts that a delivery is made of; None where there is no such lead."""
    with conn.cursor(row_factory=dict_row) as cursor:
        cursor.execute(
            """
            SELECT id AS lead_id, created_at AS received_at, name, email, phone, country_code, postal_code, city,
                   region_code, message, source, utm_source, utm_medium, utm_campaign, attributes
              FROM leads WHERE id = %s
            """,
            (lead_id,),
        )
        return cursor.fetchone()
