"""HTTP of the health checks: the service, its database, its queues."""

import re
from dataclasses import asdict

from fastapi import APIRouter

from leadgen import VERSION
from leadgen.platform import clock, db, settings
from leadgen.platform.messaging import bus
from leadgen.platform.web.app import JsonAnswer

_DEAD_LETTERS = re.compile(r"[-_]dlq$")

router = APIRouter()


@router.get("/health")
def health() -> JsonAnswer:
    """The specification's health check."""
    connected = _database_seconds() is not None
    return JsonAnswer(
        {
            "status": "healthy" if connected else "unhealthy",
            "service": "leadgen_api",
            "environment": settings.current().environment,
            "version": VERSION,
            "database": "connected" if connected else "disconnected",
            "timestamp": clock.now(),
        },
        200 if connected else 503,
    )


@router.get("/health/db")
def health_db() -> JsonAnswer:
    """Whether the database answers, and how fast."""
    seconds = _database_seconds()
    if seconds is None:
        return JsonAnswer({"status": "unhealthy", "database": "disconnected"}, 503)
    return JsonAnswer({"status": "healthy", "database": "connected", "milliseconds": round(seconds * 1000, 2)})


@router.get("/health/queues")
def health_queues() -> JsonAnswer:
    """How full every queue and dead-letter queue is, and the age of its oldest message."""
    with db.current().connection() as conn:
        depths = bus.depths(conn)
    dead = [depth.queue for depth in depths if _DEAD_LETTERS.search(depth.queue) and depth.messages]
    return JsonAnswer({"status": "degraded" if dead else "healthy", "queues": [asdict(depth) for depth in depths]})


def _database_seconds() -> float | None:
    began = clock.seconds()
    try:
        with db.current().connection() as conn:
            db.ping(conn)
    except db.DatabaseAway:
        return None
    return clock.seconds() - began
