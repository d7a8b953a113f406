"""Computes return rates by buyer, source and offer."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row


@dataclass(frozen=True)
class Rate:
    """Of the leads billed in some time: how many were given back, wait to be, or were not taken back. ``percent`` is of
    those that were sold; ``amount`` what was given back, without tax.
    """

    id: int
    name: str
    currency: str
    sold: int
    returned: int
    waiting: int
    rejected: int
    percent: Decimal
    amount: Decimal


def by_buyer(conn: Connection[Any], *, since: datetime, until: datetime) -> list[Rate]:
    """Of each buyer, whoever gives back most first."""
    with conn.cursor(row_factory=class_row(Rate)) as cursor:
        cursor.execute(
            """
            SELECT b.id, b.name, b.currency, count(*) AS sold,
                   count(*) FILTER (WHERE l.billing_status = 'refunded') AS returned,
                   count(*) FILTER (WHERE r.waits) AS waiting, count(*) FILTER (WHERE r.refused) AS rejected,
                   round(100.0 * count(*) FILTER (WHERE l.billing_status = 'refunded') / count(*), 1) AS percent,
                   coalesce(sum(l.price) FILTER (WHERE l.billing_status = 'refunded'), 0) AS amount
              FROM leads l
              JOIN buyers b ON b.id = l.buyer_id
             CROSS JOIN LATERAL (SELECT coalesce(bool_or(x.status = 'requested'), false) AS waits,
                                        coalesce(bool_and(x.status = 'rejected'), false) AS refused
                                   FROM lead_returns x WHERE x.lead_id = l.id) AS r
             WHERE l.billed_at >= %s AND l.billed_at < %s
             GROUP BY b.id ORDER BY percent DESC, sold DESC, b.id
            """,
            (since, until),
        )
        return cursor.fetchall()


def by_source(conn: Connection[Any], *, since: datetime, until: datetime) -> list[Rate]:
    """Of each source and currency, the one of which most is given back first."""
    with conn.cursor(row_factory=class_row(Rate)) as cursor:
        cursor.execute(
            """
            SELECT s.id, s.source_key AS name, b.currency, count(*) AS sold,
                   count(*) FILTER (WHERE l.billing_status = 'refunded') AS returned,
                   count(*) FILTER (WHERE r.waits) AS waiting, count(*) FILTER (WHERE r.refused) AS rejected,
                   round(100.0 * count(*) FILTER (WHERE l.billing_status = 'refunded') / count(*), 1) AS percent,
                   coalesce(sum(l.price) FILTER (WHERE l.billing_status = 'refunded'), 0) AS amount
              FROM leads l
              JOIN buyers b ON b.id = l.buyer_id
              JOIN sources s ON s.id = l.source_id
             CROSS JOIN LATERAL (SELECT coalesce(bool_or(x.status = 'requested'), false) AS waits,
                                        coalesce(bool_and(x.status = 'rejected'), false) AS refused
                                   FROM lead_returns x WHERE x.lead_id = l.id) AS r
             WHERE l.billed_at >= %s AND l.billed_at < %s
             GROUP BY s.id, b.currency ORDER BY percent DESC, sold DESC, s.id
            """,
            (since, until),
        )
        return cursor.fetchall()
