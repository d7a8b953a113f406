"""Counts the recent posts from one IP address or telephone number."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row

# More than any policy can need: counting on would only take longer.
MOST_COUNTED = 10_001


@dataclass(frozen=True)
class Window:
    """A lead, and the minutes up to it in which its policy counts posts; None where it does not."""

    lead_id: int
    ip_minutes: int | None
    phone_minutes: int | None


@dataclass(frozen=True)
class Posts:
    """How many there were, the lead included; None where none is needed, or no address or number is there."""

    lead_id: int
    ip_posts: int | None
    phone_posts: int | None


def posts(conn: Connection[Any], windows: Sequence[Window]) -> dict[int, Posts]:
    """Count for a batch, by lead. A post counts in whichever offer it was made."""
    with conn.cursor(row_factory=class_row(Posts)) as cursor:
        cursor.execute(
            """
            SELECT w.lead_id,
                   CASE WHEN w.ip_minutes IS NOT NULL AND l.ip_address IS NOT NULL THEN (
                     SELECT count(*) FROM (
                       SELECT 1 FROM leads p
                        WHERE p.ip_address = l.ip_address AND (p.created_at, p.id) <= (l.created_at, l.id)
                          AND p.created_at > l.created_at - make_interval(mins => w.ip_minutes)
                        LIMIT %(most)s) AS counted) END AS ip_posts,
                   CASE WHEN w.phone_minutes IS NOT NULL AND l.normalized_phone IS NOT NULL THEN (
                     SELECT count(*) FROM (
                       SELECT 1 FROM leads p
                        WHERE p.normalized_phone = l.normalized_phone AND (p.created_at, p.id) <= (l.created_at, l.id)
                          AND p.created_at > l.created_at - make_interval(mins => w.phone_minutes)
                        LIMIT %(most)s) AS counted) END AS phone_posts
              FROM unnest(%(leads)s::int[], %(ip)s::int[], %(phone)s::int[]) AS w(lead_id, ip_minutes, phone_minutes)
              JOIN leads l ON l.id = w.lead_id
            """,
            {
                "leads": [w.lead_id for w in windows],
                "ip": [w.ip_minutes for w in windows],
                "phone": [w.phone_minutes for w in windows],
                "most": MOST_COUNTED,
            },
        )
        return {counted.lead_id: counted for counted in cursor}
