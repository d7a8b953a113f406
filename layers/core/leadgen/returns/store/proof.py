"""Reads what is on record of a returned lead: personal data, for this check only."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row


def earlier_sale(conn: Connection[Any], lead_id: int, buyer_id: int, *, since: datetime) -> int | None:
    """The latest earlier lead of the same vertical, since then, that the buyer has and that is not given back, with
    this one's normalized phone number or e-mail address.
    """
    row = conn.execute(
        """
        SELECT e.id
          FROM leads l JOIN leads e ON e.buyer_id = %(buyer)s AND e.vertical_id = l.vertical_id
         WHERE l.id = %(lead)s AND e.billing_status NOT IN ('pending', 'refunded') AND e.created_at >= %(since)s
           AND (e.created_at, e.id) < (l.created_at, l.id)
           AND (e.normalized_phone = l.normalized_phone OR e.normalized_email = l.normalized_email)
         ORDER BY e.created_at DESC, e.id DESC LIMIT 1
        """,
        {"lead": lead_id, "buyer": buyer_id, "since": since},
    ).fetchone()
    return None if row is None else int(row[0])


@dataclass(frozen=True)
class WrittenContacts:
    """How a lead can be reached, as it was written."""

    phone: str
    email: str
    country_code: str


def written(conn: Connection[Any], lead_id: int) -> WrittenContacts:
    """A lead's phone number and e-mail address."""
    with conn.cursor(row_factory=class_row(WrittenContacts)) as cursor:
        cursor.execute("SELECT phone, email, country_code FROM leads WHERE id = %s", (lead_id,))
        found = cursor.fetchone()
        assert found is not None
        return found


def area(conn: Connection[Any], lead_id: int, buyer_id: int, *, taken_at: datetime) -> str | None:
    """A service area of the buyer that covers the lead's place now, or did when the buyer took it."""
    row = conn.execute(
        """
        SELECT a.scope_type || ' ' || a.scope_value
          FROM leads l
          JOIN buyer_service_areas a ON a.buyer_id = %(buyer)s AND a.market_id = l.market_id
         WHERE l.id = %(lead)s AND (a.is_active OR a.updated_at >= %(taken_at)s)
           AND CASE a.scope_type
                 WHEN 'postal_code' THEN lower(a.scope_value) = lower(l.postal_code)
                 WHEN 'city' THEN lower(a.scope_value) = lower(l.city)
                 WHEN 'region' THEN lower(a.scope_value) IN (lower(l.region_code),
                                                                    lower(l.country_code || '-' || l.region_code))
                 WHEN 'market' THEN true
                 ELSE EXISTS (SELECT FROM radius_postal_codes r
                               WHERE r.area_id = a.id AND lower(r.postal_code) = lower(l.postal_code)) END
         ORDER BY a.id LIMIT 1
        """,
        {"lead": lead_id, "buyer": buyer_id, "taken_at": taken_at},
    ).fetchone()
    return None if row is None else str(row[0])
