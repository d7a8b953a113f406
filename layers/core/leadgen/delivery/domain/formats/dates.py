"""The spellings of an instant that a buyer's format may choose. None depends on a locale."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field

Zone = Literal["utc", "market"]

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip

_DIRECTIVES: dict[str, Callable[[datetime], str]] = {
    "%Y": lambda at: f"{at.year:04}",
    "%y": lambda at: f"{at.year % 100:02}",
    "%m": lambda at: f"{at.month:02}",
    "%-m": lambda at: f"{at.month}",
    "%B": lambda at: _MONTHS[at.month - 1],
    "%b": lambda at: _MONTHS[at.month - 1][:3],
    "%d": lambda at: f"{at.day:02}",
    "%-d": lambda at: f"{at.day}",
    "%j": lambda at: f"{at.timetuple().tm_yday:03}",
    "%A": lambda at: _DAYS[at.weekday()],
    "%a": lambda at: _DAYS[at.weekday()][:3],
    "%H": lambda at: f"{at.hour:02}",
    "%-H": lambda at: f"{at.hour}",
    "%I": lambda at: f"{(at.hour - 1) % 12 + 1:02}",
    "%-I": lambda at: f"{(at.hour - 1) % 12 + 1}",
    "%p": lambda at: "AM" if at.hour < 12 else "PM",
    "%M": lambda at: f"{at.minute:02}",
    "%S": lambda at: f"{at.second:02}",
    "%f": lambda at: f"{at.microsecond:06}",
    "%z": lambda at: at.strftime("%z"),
    "%%": lambda at: "%",
}
_DIRECTIVE = re.compile(r"%-?.|%", re.DOTALL)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DIRECTIVES = " ".join(_DIRECTIVES)
_NAMED = ("iso", "epoch", "epoch_milliseconds")


def _known(pattern: str) -> str:
    if pattern in _NAMED:
        return pattern
    used = _DIRECTIVE.findall(pattern)
    unknown = [directive for directive in used if directive not in _DIRECTIVES]
    if unknown or not used:
        finding = f"has {', '.join(unknown)}, which is" if unknown else "has"
        raise ValueError(f"{finding} no directive of a date: it is {', '.join(_NAMED)}, or a pattern of {DIRECTIVES}")
    return pattern


DateFormat = Annotated[str, Field(min_length=1, max_length=60), AfterValidator(_known)]


def is_epoch(pattern: str) -> bool:
    """Whether a format counts from the epoch: it has no time zone, and is a number."""
    return pattern.startswith("epoch")


def written(found: object, pattern: str, zone: str) -> str | int | None:
    """An instant in a buyer's spelling, UTC as Z in ISO 8601; None for what is no date.

    ``found`` may be a date as it was posted, in ISO 8601; without an offset it is one of ``zone``, an IANA name.
    """
    try:
        at = found if isinstance(found, datetime) else datetime.fromisoformat(str(found).strip())
        there = UTC if zone == "UTC" else ZoneInfo(zone)
        return _written((at if at.tzinfo else at.replace(tzinfo=there)).astimezone(there), pattern)
    except (ValueError, OverflowError):
        return None


def _written(at: datetime, pattern: str) -> str | int:
    match pattern:
        case "epoch":
            return (at - _EPOCH) // timedelta(seconds=1)
        case "epoch_milliseconds":
            return (at - _EPOCH) // timedelta(milliseconds=1)
        case "iso":
            local = at.isoformat(timespec="seconds")
            return f"{local.removesuffix('+00:00')}Z" if at.tzinfo is UTC else local
        case _:
            return _DIRECTIVE.sub(lambda directive: _DIRECTIVES[directive[0]](at), pattern)
