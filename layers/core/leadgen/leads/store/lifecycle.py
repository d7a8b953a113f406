"""Keeps the log of lifecycle events, each event once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb


@dataclass(frozen=True)
class LoggedEvent:
    """A lifecycle event: ``event_key`` names what it is the only one of."""

    event_key: str
    event: str
    occurred_at: datetime
    lead_id: int | None
    message: dict[str, Any]


def log(conn: Connection[Any], events: Sequence[LoggedEvent]) -> set[str]:
    """Keep the events that are new; their keys."""
    rows = conn.execute(
        """
        INSERT INTO lifecycle_events (event_key, event, occurred_at, lead_id, message)
        SELECT event_key, event, occurred_at, lead_id, message
          FROM unnest(%s::text[], %s::text[], %s::timestamptz[], %s::int[], %s::jsonb[])
               AS e(event_key, event, occurred_at, lead_id, message)
         ORDER BY event_key
        ON CONFLICT (event_key) DO NOTHING
        RETURNING event_key
        """,
        (
            [e.event_key for e in events],
            [e.event for e in events],
            [e.occurred_at for e in events],
            [e.lead_id for e in events],
            [Jsonb(e.message) for e in events],
        ),
    )
    return {row[0] for row in rows}


@dataclass(frozen=True)
class TimelineEntry:
    """One step of a lead's life."""

    event: str
    occurred_at: datetime


def of_lead(conn: Connection[Any], lead_id: int) -> list[TimelineEntry]:
    """A lead's events, oldest first."""
    with conn.cursor(row_factory=class_row(TimelineEntry)) as cursor:
        cursor.execute(
            "SELECT event, occurred_at FROM lifecycle_events WHERE lead_id = %s ORDER BY occurred_at, recorded_at",
            (lead_id,),
        )
        return cursor.fetchall()
