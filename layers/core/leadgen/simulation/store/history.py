"""Reads recorded routing decisions in one snapshot."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row

from leadgen.simulation.domain.track_records import Past

_CHUNK = 500


def read_only(conn: Connection[Any]) -> None:
    """Make the transaction that has just begun one that sees a single instant and can write nothing."""
    conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")


@dataclass(frozen=True)
class KnownOffer:
    """An offer, and the names it goes by."""

    offer_id: int
    name: str
    market: str
    vertical: str


def offers(conn: Connection[Any]) -> list[KnownOffer]:
    """Every offer there is."""
    with conn.cursor(row_factory=class_row(KnownOffer)) as cursor:
        cursor.execute(
            """
            SELECT o.id AS offer_id, o.name, m.name AS market, v.slug AS vertical
              FROM offers o JOIN markets m ON m.id = o.market_id JOIN verticals v ON v.id = o.vertical_id
             ORDER BY o.name, m.name, v.slug
            """
        )
        return cursor.fetchall()


def enrolled(conn: Connection[Any], offer_ids: Collection[int]) -> dict[int, dict[str, int]]:
    """By offer, the ids of the buyers that are or were enrolled in it, by e-mail address."""
    rows = conn.execute(
        """
        SELECT bo.offer_id, b.email, b.id FROM buyer_offers bo JOIN buyers b ON b.id = bo.buyer_id
         WHERE bo.offer_id = ANY(%s) ORDER BY bo.offer_id, b.email
        """,
        (list(offer_ids),),
    )
    found: dict[int, dict[str, int]] = {offer_id: {} for offer_id in offer_ids}
    for offer_id, email, buyer_id in rows:
        found[offer_id][email] = buyer_id
    return found


def buyer_names(conn: Connection[Any], buyer_ids: Collection[int]) -> dict[int, str]:
    """Buyers' names by id."""
    rows = conn.execute("SELECT id, name FROM buyers WHERE id = ANY(%s)", (list(buyer_ids),))
    return dict(rows.fetchall())


@dataclass(frozen=True)
class RecordSpan:
    """A span of the record: from the first decision of a time to the last, by id, and how many lie in it."""

    first: int
    last: int
    decisions: int


def record_span(
    conn: Connection[Any], *, since: datetime, until: datetime, offer_ids: Collection[int] | None
) -> RecordSpan | None:
    """The decisions on routing from ``since`` to before ``until``; None where there is none.

    Without a gap in the ids: a lead that is left out would shift all that follow.
    """
    row = conn.execute(
        """
        WITH ends AS (
          SELECT min(id) AS first, max(id) AS last FROM lead_decisions
           WHERE stage = 'routing' AND decided_at >= %(since)s AND decided_at < %(until)s
        )
        SELECT ends.first, ends.last, count(*)
          FROM ends
          JOIN lead_decisions d ON d.stage = 'routing' AND d.id BETWEEN ends.first AND ends.last
          JOIN leads l ON l.id = d.lead_id AND (%(offers)s::int[] IS NULL OR l.offer_id = ANY(%(offers)s))
         GROUP BY ends.first, ends.last
        """,
        {"since": since, "until": until, "offers": None if offer_ids is None else list(offer_ids)},
    ).fetchone()
    return None if row is None else RecordSpan(*row)


@dataclass(frozen=True)
class RecordedRouting:
    """A recorded decision to route a lead: its inputs as JSON text, and the sale or the reason that came of it."""

    lead_id: int
    inputs: str
    reason: str | None
    buyer_id: int | None
    buyer_offer_id: int | None
    price: Decimal | None


def routings(
    conn: Connection[Any], part: RecordSpan, *, offer_ids: Collection[int] | None
) -> Iterator[Sequence[RecordedRouting]]:
    """The decisions of a span in the order of their ids, which is that of the claims under the locks; in chunks."""
    with conn.cursor(name="routings", row_factory=class_row(RecordedRouting)) as cursor:
        cursor.itersize = _CHUNK
        cursor.execute(
            """
            SELECT d.lead_id, d.inputs::text AS inputs, d.reason, (d.trace->>'buyer_id')::int AS buyer_id,
                   (d.trace->>'buyer_offer_id')::int AS buyer_offer_id,
                   (d.trace->'price'->>'amount')::numeric AS price
              FROM lead_decisions d
              JOIN leads l ON l.id = d.lead_id AND (%(offers)s::int[] IS NULL OR l.offer_id = ANY(%(offers)s))
             WHERE d.stage = 'routing' AND d.id BETWEEN %(first)s AND %(last)s
             ORDER BY d.id
            """,
            {"first": part.first, "last": part.last, "offers": None if offer_ids is None else list(offer_ids)},
        )
        while chunk := cursor.fetchmany(_CHUNK):
            yield chunk


def validations(conn: Connection[Any], lead_ids: Collection[int]) -> dict[int, str]:
    """By lead, the inputs of the last decision on its validation, as JSON text."""
    rows = conn.execute(
        """
        SELECT DISTINCT ON (lead_id) lead_id, inputs::text FROM lead_decisions
         WHERE stage = 'validation' AND lead_id = ANY(%s) ORDER BY lead_id, id DESC
        """,
        (list(lead_ids),),
    )
    return dict(rows.fetchall())


@dataclass(frozen=True)
class RecordedRejection:
    """A lead that validation turned away, and the inputs of that decision as JSON text."""

    offer_id: int
    inputs: str


def rejections(
    conn: Connection[Any], *, since: datetime, until: datetime, offer_ids: Collection[int]
) -> Iterator[Sequence[RecordedRejection]]:
    """What validation turned away from ``since`` to before ``until``, in chunks."""
    with conn.cursor(name="rejections", row_factory=class_row(RecordedRejection)) as cursor:
        cursor.execute(
            """
            SELECT l.offer_id, d.inputs::text AS inputs
              FROM lead_decisions d
              JOIN leads l ON l.id = d.lead_id AND l.offer_id = ANY(%s)
             WHERE d.stage = 'validation' AND d.outcome = 'rejected' AND d.decided_at >= %s AND d.decided_at < %s
             ORDER BY d.id
            """,
            (list(offer_ids), since, until),
        )
        while chunk := cursor.fetchmany(_CHUNK):
            yield chunk


def past(conn: Connection[Any], offer_id: int, *, since: datetime) -> list[Past]:
    """The leads of an offer that were sold since then, and what became of them."""
    with conn.cursor(row_factory=class_row(Past)) as cursor:
        cursor.execute(
            """
            SELECT bo.id AS buyer_offer_id, l.delivered_at,
                   CASE WHEN l.status IN ('accepted', 'rejected')
                        THEN coalesce(CASE l.status WHEN 'accepted' THEN l.accepted_at ELSE l.rejected_at END,
                                      l.delivered_at) END AS answered_at,
                   l.status = 'accepted' AS accepted,
                   d.created_at AS handed_at, d.settled_at, coalesce(d.status = 'succeeded', false) AS succeeded
              FROM leads l
              JOIN buyer_offers bo ON bo.buyer_id = l.buyer_id AND bo.offer_id = l.offer_id
              LEFT JOIN deliveries d ON d.lead_id = l.id AND d.status <> 'released'
             WHERE l.offer_id = %s AND l.delivered_at >= %s
            """,
            (offer_id, since),
        )
        return cursor.fetchall()
