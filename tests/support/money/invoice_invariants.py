"""What must hold of invoices whatever was done, and whoever was killed meanwhile: the auditor checks."""

from datetime import UTC, datetime
from typing import Any

from psycopg import Connection

from leadgen.reconciliation import service as reconciliation_service

# So early that no account is late for an invoice.
_EARLY = datetime(2000, 1, 1, tzinfo=UTC)


def faults(conn: Connection[Any]) -> dict[str, Any]:
    """The invariants that do not hold, with the rows; nothing where all is well."""
    return {one.name: one.broken for one in reconciliation_service.audit(conn, now=_EARLY) if one.broken}
