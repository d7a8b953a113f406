"""The horizons of the specification's Data Retention Policy."""

from datetime import datetime, timedelta

LEAD_MONTHS = 36
AUDIT_YEARS = 7
NOTICE = timedelta(days=90)
"""How long it is kept what was sent beside the leads, and what came of it: system logs."""

ROTATION = timedelta(days=90)
"""How long a rotation is kept whose buyers were never the eligible ones together; then it begins anew."""

ENDPOINT = timedelta(days=90)
"""How long it is remembered how an endpoint answered that nothing refers to."""


def lead_horizon(now: datetime) -> datetime:
    """Leads created before this have no personal data any more: 36 months."""
    return _years_before(now, LEAD_MONTHS // 12)


def audit_horizon(now: datetime) -> datetime:
    """Audit rows written before this are removed: 7 years."""
    return _years_before(now, AUDIT_YEARS)


def _years_before(now: datetime, years: int) -> datetime:
    # 29 February has no counterpart in most years: one day less is kept longer, never shorter.
    day = 28 if (now.month, now.day) == (2, 29) else now.day
    return now.replace(year=now.year - years, day=day)
