"""Times as options write them."""

import argparse
import re
from datetime import UTC, datetime, timedelta

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def when(written: str) -> timedelta | datetime:
    """``30d`` ago, or an instant; without an offset it is UTC."""
    ago = re.fullmatch(r"([1-9][0-9]{0,4})([mhdw])", written)
    if ago:
        return timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    try:
        instant = datetime.fromisoformat(written)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{written!r} is neither a time ago such as 30d, 12h, 45m or 2w, nor a date or time such as "
            "2026-06-01T00:00-06:00"
        ) from None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def instant(when: timedelta | datetime, now: datetime) -> datetime:
    """The instant that a written time means."""
    return now - when if isinstance(when, timedelta) else when
