"""Keeps which mail domains accept mail, and finds the leads whose policies need it."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from psycopg import Connection


def leads_to_look_up(conn: Connection[Any], lead_ids: Sequence[int]) -> list[int]:
    """Those of the undecided leads whose policies need a lookup of whether their mail domain takes mail."""
    rows = conn.execute(
        """
        SELECT l.id
          FROM leads l
          JOIN offers o ON o.id = l.offer_id
          JOIN validation_policies v ON v.id = o.validation_policy_id
         WHERE l.id = ANY(%s) AND l.status = 'received' AND l.in_review_since IS NULL
           AND v.rules @> '{"mx_lookup_enabled": true}'
         ORDER BY l.id
        """,
        (list(lead_ids),),
    )
    return [row[0] for row in rows]


def addresses(conn: Connection[Any], lead_ids: Sequence[int]) -> list[str]:
    """The e-mail addresses of leads, each once."""
    rows = conn.execute("SELECT DISTINCT email FROM leads WHERE id = ANY(%s) ORDER BY email", (list(lead_ids),))
    return [row[0] for row in rows]


def known(conn: Connection[Any], domains: Collection[str], *, since: datetime) -> dict[str, bool]:
    """Whether domains take mail, of those that were looked up since then."""
    rows = conn.execute(
        "SELECT domain, accepts_mail FROM mail_domains WHERE domain = ANY(%s) AND checked_at >= %s",
        (sorted(domains), since),
    )
    return dict(rows.fetchall())


def last_known(conn: Connection[Any], domain: str) -> bool | None:
    """Whether a domain takes mail, by the last DNS answer; None where it was never looked up."""
    row = conn.execute("SELECT accepts_mail FROM mail_domains WHERE domain = %s", (domain,)).fetchone()
    return None if row is None else bool(row[0])


def save(conn: Connection[Any], found: Mapping[str, bool], *, now: datetime) -> None:
    """Keep what DNS answered."""
    domains = sorted(found)
    conn.execute(
        """
        INSERT INTO mail_domains (domain, accepts_mail, checked_at)
        SELECT f.domain, f.accepts_mail, %(now)s
          FROM unnest(%(domains)s::text[], %(accepts)s::bool[]) AS f(domain, accepts_mail)
         ORDER BY f.domain
        ON CONFLICT (domain) DO UPDATE SET accepts_mail = excluded.accepts_mail, checked_at = excluded.checked_at
        """,
        {"domains": domains, "accepts": [found[domain] for domain in domains], "now": now},
    )
