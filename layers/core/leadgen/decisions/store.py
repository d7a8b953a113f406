"""Records decisions, and reads a lead's decisions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from leadgen.kernel.trace import Json

Stage = Literal["duplicates", "validation", "routing"]


@dataclass(frozen=True)
class Record:
    """A decision as it is kept: ``inputs`` are enough to decide again, ``trace`` holds the reasons."""

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
