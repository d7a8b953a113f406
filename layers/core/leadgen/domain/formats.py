"""What a buyer is sent: the specification's payload, or its own format of the same facts."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Literal

import simplejson
from pydantic import Field

from leadgen.domain.lead_facts import LeadFacts
from leadgen.domain.model import Model

__all__ = ["BuyerFormat", "LeadFacts", "Rendered", "render"]

_EVENT = "lead.delivered"


class JsonFormat(Model):
    """JSON with the buyer's own fields."""

    type: Literal["json"]


class FormFormat(Model):
    """Form-encoded, with the buyer's own fields."""

    type: Literal["form"]


# The closed set of formats: a new one joins this union, and the type checker names every place that must know it.
BuyerFormat = Annotated[JsonFormat | FormFormat, Field(discriminator="type")]


@dataclass(frozen=True)
class Rendered:
    """A body as it is sent, signed and stored, and its media type."""

    content_type: str
    body: bytes


def render(format: BuyerFormat | None, facts: LeadFacts) -> Rendered:  # noqa: A002 - as the files call it
    """The lead as the buyer wants it; without a format of its own, the specified payload.

    Total: every lead can be written in every format. The same facts always give the same bytes.
    """
    return Rendered("application/json", _specified(facts))


def _specified(facts: LeadFacts) -> bytes:
    payload = {
        "event": _EVENT,
        "data": {
            "lead_id": facts.lead_id,
            "received_at": _instant(facts.received_at),
            "delivered_at": _instant(facts.delivered_at),
            "contact": {
                "name": facts.name,
                "phone": facts.phone,
                "email": facts.email,
                "zip": facts.postal_code,
            },
            "details": {"message": facts.message, "source": facts.source},
            "metadata": {"price": facts.price, "buyer_id": facts.buyer_id},
        },
    }
    return simplejson.dumps(payload, use_decimal=True, ensure_ascii=False, separators=(",", ":")).encode()


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
