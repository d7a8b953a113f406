"""Reads an operator's verdict on a lead in review, and decides what follows from it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from leadgen.kernel.errors import Refusal
from leadgen.kernel.events import Event, Topic
from leadgen.kernel.model import Model
from leadgen.kernel.model_errors import describe
from leadgen.kernel.text import StorableText


class LeadVerdict(Model):
    """An operator's verdict; ``reason`` is kept in the audit trail."""

    verdict: Literal["release", "reject"]
    reason: Annotated[StorableText, Field(max_length=500)] | None = None


def read(fields: Mapping[str, object]) -> LeadVerdict:
    """A posted verdict. Raises Refusal 400."""
    try:
        return LeadVerdict.model_validate(dict(fields))
    except ValidationError as error:
        raise Refusal(
            400, "invalid_request", describe(error, whole="the verdict"), {"verdicts": ["release", "reject"]}
        ) from None


def status_after(verdict: LeadVerdict, status: str) -> str:
    """The state of a lead of this state after the verdict."""
    return status if verdict.verdict == "release" else "rejected"


def event(verdict: LeadVerdict, lead_id: int, status: str, trace_id: str | None, now: datetime) -> Event:
    """The event: a released lead goes on where it was held."""
    if verdict.verdict == "reject":
        topic = Topic.LEAD_REJECTED
    else:
        topic = Topic.LEAD_RECEIVED if status == "received" else Topic.LEAD_VALIDATED
    return Event(topic, now, lead_id, trace_id)
