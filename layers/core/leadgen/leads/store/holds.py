"""Puts leads on hold for manual review."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection


@dataclass(frozen=True)
class LeadHold:
    """A lead that no rule may decide, and why; ``detail`` holds nothing personal."""

    lead_id: int
    reason: str
    detail: str


def hold(conn: Connection[Any], held: Sequence[LeadHold], *, now: datetime) -> None:
    """Hold locked leads for review: no stage touches them until a person has decided."""
    conn.execute(
        """
        UPDATE leads l
           SET in_review_since = %(now)s, review_reason = h.reason, review_detail = left(h.detail, 1000),
               updated_at = %(now)s
          FROM unnest(%(ids)s::int[], %(reasons)s::text[], %(details)s::text[]) AS h(lead_id, reason, detail)
         WHERE l.id = h.lead_id AND l.status IN ('received', 'validated')
        """,
        {
            "ids": [h.lead_id for h in held],
            "reasons": [h.reason for h in held],
            "details": [h.detail for h in held],
            "now": now,
        },
    )
