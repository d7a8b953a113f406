"""Keeps who did what, in the transaction in which it is done."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from psycopg import Connection

from leadgen.audit_trail import store
from leadgen.audit_trail.domain import Actor
from leadgen.kernel.trace import Json


def record(
    conn: Connection[Any],
    actor: Actor,
    action: str,
    row: tuple[str, int],
    before: Json,
    after: Mapping[str, Json],
    *,
    now: datetime,
) -> None:
    """Keep what a person did to a row, named by its kind and id: ``("invoice", 7)``. The states are as much of the row
    as the action changed; the one after also holds who did it, as ``by``.
    """
    entry = store.RecordedAction(action, *row, before, {**after, "by": actor.name})
    store.record(conn, entry, at=now, ip_address=actor.ip_address, user_agent=actor.user_agent)
