"""Reads the lead that an explanation is about, and which other buyers were enrolled."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row

from leadgen.buyers.store import NamedBuyer


@dataclass(frozen=True)
class Subject:
    """A lead that decisions are about: what can be shown of it without a name, an address or a number."""

    lead_id: int
    created_at: datetime
    status: str
    offer_id: int
    offer: str
    market: str
    timezone: str
    currency: str
    source_key: str
    postal_code: str
    buyer_id: int | None
    delivered_price: Decimal | None
    rejection_reason: str | None
    unrouted_reason: str | None
    route_again_at: datetime | None
    in_review_since: datetime | None
    review_reason: str | None
    review_detail: str | None
    released_at: datetime | None


def subject(conn: Connection[Any], lead_id: int) -> Subject | None:
    """The lead, or None."""
    with conn.cursor(row_factory=class_row(Subject)) as cursor:
        cursor.execute(
            """
            SELECT l.id AS lead_id, l.created_at, l.status::text, l.offer_id, o.name AS offer, m.name AS market,
                   m.timezone, m.currency, s.source_key, l.postal_code, l.buyer_id, l.delivered_price,
                   coalesce(l.rejection_reason, l.validation_reason) AS rejection_reason, l.unrouted_reason,
                   l.route_again_at, l.in_review_since, l.review_reason, l.review_detail, l.released_at
              FROM leads l
              JOIN offers o ON o.id = l.offer_id
              JOIN markets m ON m.id = l.market_id
              JOIN sources s ON s.id = l.source_id
             WHERE l.id = %s
            """,
            (lead_id,),
        )
        return cursor.fetchone()


@dataclass(frozen=True)
class Others:
    """Buyers enrolled in an offer that a routing decision did not look at: the first of them, and how many in all."""

    first: tuple[NamedBuyer, ...]
    count: int


def enrolled_besides(
    conn: Connection[Any], offer_id: int, buyer_ids: Collection[int], *, at: datetime, limit: int
) -> Others:
    """The buyers actively enrolled in an offer, since before an instant, besides these."""
    rows = conn.execute(
        """
        SELECT b.id, b.name, count(*) OVER ()
          FROM buyer_offers bo
          JOIN buyers b ON b.id = bo.buyer_id
         WHERE bo.offer_id = %s AND bo.is_active AND bo.created_at <= %s AND bo.buyer_id <> ALL(%s)
         ORDER BY lower(b.name), b.id LIMIT %s
        """,
        (offer_id, at, sorted(buyer_ids), limit),
    ).fetchall()
    return Others(tuple(NamedBuyer(buyer_id, name) for buyer_id, name, _ in rows), rows[0][2] if rows else 0)
