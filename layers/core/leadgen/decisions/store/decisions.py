"""The record of every decision."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from leadgen.kernel.trace import Json

Stage = Literal["duplicates", "validation", "routing"]


@dataclass(frozen=True)
class Record:
    """A decision as it is kept: ``inputs`` are enough to decide again, ``trace`` says why."""

    lead_id: int
    stage: Stage
    outcome: str
    reason: str | None
    policy_id: int
    policy_version: int
    inputs: Json
    trace: Json


def record(conn: Connection[Any], records: Sequence[Record], *, decided_at: datetime) -> None:
    """Keep a batch of decisions, in the order given."""
    conn.execute(
        """
        INSERT INTO lead_decisions (decided_at, lead_id, stage, outcome, reason, policy_id, policy_version, inputs,
                                    trace)
        SELECT %(at)s, d.lead_id, d.stage, d.outcome, d.reason, d.policy_id, d.policy_version, d.inputs, d.trace
          FROM unnest(%(leads)s::int[], %(stages)s::text[], %(outcomes)s::text[], %(reasons)s::text[],
                      %(policies)s::int[], %(versions)s::int[], %(inputs)b::jsonb[], %(traces)b::jsonb[])
               WITH ORDINALITY
               AS d(lead_id, stage, outcome, reason, policy_id, policy_version, inputs, trace, position)
         ORDER BY d.position
        """,
        {
            "at": decided_at,
            "leads": [r.lead_id for r in records],
            "stages": [r.stage for r in records],
            "outcomes": [r.outcome for r in records],
            "reasons": [r.reason for r in records],
            "policies": [r.policy_id for r in records],
            "versions": [r.policy_version for r in records],
            "inputs": [Jsonb(r.inputs) for r in records],
            "traces": [Jsonb(r.trace) for r in records],
        },
    )


@dataclass(frozen=True)
class StoredDecision:
    """A decision as it was kept, and the name of the policy it went by."""

    decision_id: int
    decided_at: datetime
    stage: str
    outcome: str
    reason: str | None
    policy_id: int
    policy_name: str | None
    policy_version: int
    inputs: Json
    trace: Json


def of_lead(conn: Connection[Any], lead_id: int) -> list[StoredDecision]:
    """Every decision about a lead, oldest first."""
    with conn.cursor(row_factory=class_row(StoredDecision)) as cursor:
        cursor.execute(
            """
            SELECT d.id AS decision_id, d.decided_at, d.stage, d.outcome, d.reason, d.policy_id,
                   CASE WHEN d.stage = 'routing' THEN r.name ELSE v.name END AS policy_name, d.policy_version,
                   d.inputs, d.trace
              FROM lead_decisions d
              LEFT JOIN routing_policies r ON r.id = d.policy_id
              LEFT JOIN validation_policies v ON v.id = d.policy_id
             WHERE d.lead_id = %s ORDER BY d.id
            """,
            (lead_id,),
        )
        return cursor.fetchall()


@dataclass(frozen=True)
class RecordedDecision:
    """What is held against the decision made again; ``inputs`` are JSON text."""

    decision_id: int
    lead_id: int
    stage: str
    outcome: str
    reason: str | None
    policy_version: int
    inputs: str
    trace: Json


def recorded(conn: Connection[Any], *, lead_id: int | None, after: int, limit: int) -> list[RecordedDecision]:
    """The next decisions about a lead, or all leads, in the order they were kept; ``after`` is the last one's id."""
    with conn.cursor(row_factory=class_row(RecordedDecision)) as cursor:
        cursor.execute(
            """
            SELECT id AS decision_id, lead_id, stage, outcome, reason, policy_version, inputs::text AS inputs, trace
              FROM lead_decisions
             WHERE id > %(after)s AND (%(lead)s::bigint IS NULL OR lead_id = %(lead)s)
             ORDER BY id LIMIT %(limit)s
            """,
            {"lead": lead_id, "after": after, "limit": limit},
        )
        return cursor.fetchall()


@dataclass(frozen=True)
class Subject:
    """A lead that decisions are about: what there is to say of it without a name, an address or a number."""

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
class NamedBuyer:
    """A buyer by its name."""

    buyer_id: int
    name: str


def buyers_named(conn: Connection[Any], buyer_ids: Collection[int]) -> dict[int, str]:
    """The buyers' names, by id."""
    rows = conn.execute("SELECT id, name FROM buyers WHERE id = ANY(%s)", (sorted(buyer_ids),))
    return dict(rows.fetchall())


def find_buyer(conn: Connection[Any], id_or_email: str) -> NamedBuyer | None:
    """The buyer with this id or e-mail address, or None."""
    with conn.cursor(row_factory=class_row(NamedBuyer)) as cursor:
        cursor.execute(
            "SELECT id AS buyer_id, name FROM buyers WHERE id::text = %(who)s OR lower(email) = lower(%(who)s)",
            {"who": id_or_email.strip()},
        )
        return cursor.fetchone()


def is_enrolled(conn: Connection[Any], offer_id: int, buyer_id: int) -> bool:
    """Whether a buyer is enrolled in an offer, actively or not."""
    found = conn.execute(
        "SELECT 1 FROM buyer_offers WHERE offer_id = %s AND buyer_id = %s", (offer_id, buyer_id)
    ).fetchone()
    return found is not None


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
