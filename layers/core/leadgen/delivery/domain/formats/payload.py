"""Renders what a buyer is sent: the specification's payload, or the buyer's own format."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Literal, assert_never
from urllib.parse import urlencode

from pydantic import AfterValidator, Field

from leadgen.delivery.domain.formats import adf, field_mapping, xml
from leadgen.delivery.domain.formats.adf import AdfFormat
from leadgen.delivery.domain.formats.field_mapping import Entry, FromLead, Missing, Place, Section
from leadgen.delivery.domain.formats.xml import XmlFormat
from leadgen.delivery.domain.lead_facts import LeadFacts
from leadgen.kernel.model import Model
from leadgen.leads.domain.phone_formats import PhoneFormat

__all__ = ["BuyerFormat", "LeadFacts", "Rendered", "render"]

_EVENT = "lead.delivered"


def _agrees(section: Section) -> Section:
    field_mapping.nested(section)
    return section


class JsonFormat(Model):
    """JSON with the buyer's own fields. What a lead has no value for is left out, or null."""

    type: Literal["json"]
    fields: Annotated[Section, AfterValidator(_agrees)]
    missing: Missing = "omit"


class FormFormat(Model):
    """Form-encoded, in UTF-8. Its fields are flat: a dot or a bracket in a name is nothing but that.

    What a lead has no value for is left out, or empty.
    """

    type: Literal["form"]
    fields: Annotated[dict[Annotated[str, AfterValidator(field_mapping.named)], Entry], Field(min_length=1)]
    missing: Missing = "omit"


# The closed set of formats: a new one joins this union, and the type checker names every place that must handle it.
BuyerFormat = Annotated[JsonFormat | FormFormat | XmlFormat | AdfFormat, Field(discriminator="type")]


@dataclass(frozen=True)
class Rendered:
    """A body as it is sent, signed and stored, and its media type."""

    content_type: str
    body: bytes


def render(format: BuyerFormat | None, facts: LeadFacts) -> Rendered:  # noqa: A002 - as the files call it
    """The lead as the buyer wants it; without a format of its own, the specified payload.

    Total: every lead can be written in every format. The same facts always give the same bytes.
    """
    match format:
        case None:
            return Rendered("application/json", _specified(facts))
        case JsonFormat(fields=fields, missing=missing):
            values = field_mapping.resolved(field_mapping.nested(fields), facts, missing=missing)
            return Rendered("application/json", field_mapping.json(values).encode())
        case FormFormat():
            return Rendered("application/x-www-form-urlencoded", _form(format, facts))
        case XmlFormat(content_type=content_type):
            return Rendered(content_type, xml.document(format, facts).encode())
        case AdfFormat(content_type=content_type):
            return Rendered(content_type, adf.document(format, facts).encode())
        case _:
            assert_never(format)


def entries(format: BuyerFormat) -> Iterator[tuple[Place, Entry]]:  # noqa: A002 - as the files call it
    """Every entry of a format, and where it stands in it."""
    match format:
        case JsonFormat(fields=fields) | XmlFormat(fields=fields):
            yield from field_mapping.places(fields, ("fields",))
        case FormFormat(fields=fields):
            for name, entry in fields.items():
                yield ("fields", name), entry
        case AdfFormat():
            yield from adf.entries(format)
        case _:
            assert_never(format)


def phone_spellings(format: BuyerFormat) -> Iterator[tuple[Place, PhoneFormat]]:  # noqa: A002 - as the files call it
    """Every spelling of a telephone number that a format uses, and where it stands in it."""
    if isinstance(format, AdfFormat):
        yield ("phone",), format.phone
    for place, entry in entries(format):
        if isinstance(entry, FromLead) and entry.phone is not None:
            yield (*place, "phone"), entry.phone


def _form(format: FormFormat, facts: LeadFacts) -> bytes:  # noqa: A002 - as the files call it
    values = field_mapping.resolved({**format.fields}, facts, missing=format.missing)
    return urlencode([(name, field_mapping.text(found)) for name, found in values.items()]).encode()


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
    return field_mapping.json(payload).encode()


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
