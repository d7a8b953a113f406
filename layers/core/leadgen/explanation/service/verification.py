"""Recomputes recorded decisions from their inputs, over the whole database or a span of it."""

from collections.abc import Iterator
from typing import Any

from psycopg import Connection

from leadgen.decisions import store as decisions_store
from leadgen.decisions.store import RecordedDecision
from leadgen.explanation.domain import verification
from leadgen.explanation.domain.verification import Comparison
from leadgen.validation.domain.screening import RecordedVerdict

_PAGE = 200


def verify_decisions(conn: Connection[Any], lead_id: int | None) -> Iterator[tuple[RecordedDecision, Comparison]]:
    """Every decision about a lead, or with None about all leads, in the order they were kept. Reads only."""
    after = 0
    while page := decisions_store.recorded(conn, lead_id=lead_id, after=after, limit=_PAGE):
        for decision in page:
            kept = RecordedVerdict(decision.outcome, decision.reason, decision.trace)
            yield decision, verification.compare(decision.stage, decision.inputs, kept)
        after = page[-1].decision_id
