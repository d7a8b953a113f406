"""Writes a lead as ADF 1.0 XML, the format of car dealers' systems; other trades use it without the vehicle."""

from collections.abc import Iterable, Iterator
from typing import Annotated, Literal

from pydantic import Field

from leadgen.delivery.domain.formats import dates, field_mapping, xml_writer
from leadgen.delivery.domain.formats.field_mapping import Entry, Place
from leadgen.delivery.domain.formats.xml_writer import element, text
from leadgen.delivery.domain.lead_facts import LeadFacts
from leadgen.kernel.model import Model
from leadgen.leads.domain import phone_formats
from leadgen.leads.domain.phone_formats import PhoneFormat

Words = Annotated[str, Field(min_length=1, max_length=200)]

_DEMANDED = ("year", "make", "model")
_OPTIONAL = ("vin", "stock", "trim")
_INSTRUCTION = '<?ADF version="1.0"?>\n'


class Vehicle(Model):
    """What is wanted; ``condition`` stands in the attribute ``status``."""

    interest: Literal["buy", "lease", "sell", "trade-in", "test-drive"] = "buy"
    condition: Literal["new", "used"] = "new"
    year: Entry
    make: Entry
    model: Entry
    vin: Entry | None = None
    stock: Entry | None = None
    trim: Entry | None = None


class Provider(Model):
    """Who sends the lead; ``service`` is the offer unless another is given."""

    name: Words = "LeadGen"
    service: Words | None = None
    url: Words | None = None
    email: Words | None = None
    phone: Words | None = None


class AdfFormat(Model):
    """``vendor`` is the business that gets the lead. ``details`` are lines after the comments, by their labels."""

    type: Literal["adf"]
    vendor: Words
    provider: Provider = Provider()
    vehicle: Vehicle | None = None
    phone: PhoneFormat = "e164"
    street: Entry = "attributes.street"
    comments: Entry = "message"
    details: Annotated[dict[Words, Entry], Field(min_length=1, max_length=50)] | None = None
    content_type: Literal["application/x-adf+xml", "application/xml", "text/xml"] = "application/x-adf+xml"


def entries(format: AdfFormat) -> Iterator[tuple[Place, Entry]]:  # noqa: A002 - as the files call it
    """Every entry of the format, and where it stands in it."""
    yield ("street",), format.street
    yield ("comments",), format.comments
    for label, entry in (format.details or {}).items():
        yield ("details", label), entry
    for name in (*_DEMANDED, *_OPTIONAL):
        found = getattr(format.vehicle, name, None)
        if found is not None:
            yield ("vehicle", name), found


def document(format: AdfFormat, facts: LeadFacts) -> str:  # noqa: A002 - as the files call it
    """The whole document; its elements are in the order of the standard's DTD."""
    prospect = [
        element("id", text(str(facts.lead_id)), {"sequence": "1", "source": format.provider.name}),
        element("requestdate", text(str(dates.written(facts.received_at, "iso", facts.timezone)))),
        _vehicle(format.vehicle, facts),
        element("customer", _contact(format, facts) + _comments(format, facts)),
        element(
            "vendor",
            element("vendorname", text(format.vendor)) + element("contact", _name("full", format.vendor, "business")),
        ),
        _provider(format.provider, facts),
    ]
    content = element("prospect", "".join(prospect), {"status": "new"})
    return xml_writer.DECLARATION + _INSTRUCTION + element("adf", content) + "\n"


def _vehicle(vehicle: Vehicle | None, facts: LeadFacts) -> str:
    if vehicle is None:
        return ""
    parts = [
        # What the DTD demands is there even where the lead does not have it.
        *(element(name, _found(getattr(vehicle, name), facts)) for name in _DEMANDED),
        *(_optional(name, getattr(vehicle, name), facts) for name in _OPTIONAL),
    ]
    return element("vehicle", "".join(parts), {"interest": vehicle.interest, "status": vehicle.condition})


def _contact(format: AdfFormat, facts: LeadFacts) -> str:  # noqa: A002 - as the files call it
    first, last = facts.first_name, facts.last_name
    names = [("first", first), ("last", last)] if first and last else [("full", facts.name)]
    address = [
        _optional("street", format.street, facts, {"line": "1"}),
        *_present(("city", facts.city), ("regioncode", facts.region)),
        *_present(("postalcode", facts.postal_code), ("country", facts.country_code)),
    ]
    parts = [
        *(_name(part, name, "individual") for part, name in names),
        *_present(("email", facts.email)),
        element("phone", text(phone_formats.written(facts.phone, facts.country_code, format.phone)), {"type": "voice"}),
        element("address", "".join(address), {"type": "home"}),
    ]
    return element("contact", "".join(parts))


def _comments(format: AdfFormat, facts: LeadFacts) -> str:  # noqa: A002 - as the files call it
    comments = field_mapping.value(format.comments, facts)
    answers = {label: field_mapping.value(entry, facts) for label, entry in (format.details or {}).items()}
    lines = [
        *([] if comments is None else [field_mapping.text(comments)]),
        *(f"{label}: {field_mapping.text(answer)}" for label, answer in answers.items() if answer is not None),
    ]
    return element("comments", text("\n".join(lines))) if lines else ""


def _provider(provider: Provider, facts: LeadFacts) -> str:
    parts = [
        _name("full", provider.name, "business"),
        *_present(("service", provider.service or facts.offer), ("url", provider.url)),
        *_present(("email", provider.email), ("phone", provider.phone)),
    ]
    return element("provider", "".join(parts))


def _name(part: str, name: str, kind: str) -> str:
    return element("name", text(name), {"part": part, "type": kind})


def _present(*parts: tuple[str, str | None]) -> Iterable[str]:
    return (element(name, text(found)) for name, found in parts if found)


def _optional(name: str, entry: Entry | None, facts: LeadFacts, attributes: dict[str, str] | None = None) -> str:
    found = _found(entry, facts) if entry is not None else ""
    return element(name, found, attributes) if found else ""


def _found(entry: Entry, facts: LeadFacts) -> str:
    return text(field_mapping.text(field_mapping.value(entry, facts)))
