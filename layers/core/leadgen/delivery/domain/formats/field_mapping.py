"""A buyer's field mapping: its fields, and where each value comes from."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal, Self

import simplejson
from pydantic import AfterValidator, ConfigDict, Discriminator, Field, RootModel, Tag, model_validator

from leadgen.delivery.domain import lead_facts
from leadgen.delivery.domain.formats import dates
from leadgen.delivery.domain.formats.dates import DateFormat, Zone
from leadgen.delivery.domain.lead_facts import LeadFacts
from leadgen.kernel.model import Model
from leadgen.kernel.scalars import Scalar
from leadgen.leads.domain import phone_formats
from leadgen.leads.domain.phone_formats import PhoneFormat

_DEEPEST = 10
_LONGEST_NAME = 100
_NAME = re.compile(r"[^\s\x00-\x1f\x7f](?:[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f])?")


def _known(field: str) -> str:
    if field not in lead_facts.FIELDS and lead_facts.attribute(field) is None:
        raise ValueError(
            f"{field} is no field of a lead: there are {', '.join(lead_facts.FIELDS)} and attributes.<name>"
        )
    return field


LeadField = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_known)]


class FromLead(Model):
    """A field of the lead, in a spelling of the buyer's; ``default`` where the lead has none.

    A date's ``timezone`` is UTC unless it is set to the market's.
    """

    from_: Annotated[LeadField, Field(alias="from")]
    default: Scalar | None = None
    phone: PhoneFormat | None = None
    date: DateFormat | None = None
    timezone: Zone | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        is_attribute = lead_facts.attribute(self.from_) is not None
        if self.phone is not None and self.from_ != "phone" and not is_attribute:
            raise ValueError(f"{self.from_} is no telephone number: a phone's spelling goes with phone or an attribute")
        if self.date is not None and self.from_ not in lead_facts.INSTANTS and not is_attribute:
            raise ValueError(
                f"{self.from_} is no date: a date's spelling goes with {', '.join(lead_facts.INSTANTS)} or an attribute"
            )
        if self.phone is not None and self.date is not None:
            raise ValueError("is either a phone or a date: give one of them")
        if self.timezone is not None and (self.date is None or dates.is_epoch(self.date)):
            raise ValueError("timezone needs a date beside it, and one that is not counted from the epoch")
        return self


class Constant(Model):
    """The same for every lead."""

    constant: Scalar


def _kind(written: object) -> str:
    match written:
        case str():
            return "field"
        case FromLead():
            return "from"
        case Constant():
            return "constant"
        case Section():
            return "section"
        case Mapping():
            return next((kind for kind in ("from", "from_", "constant") if kind in written), "section").rstrip("_")
        case _:
            return "nothing"


_ENTRY = "must be a field of the lead such as phone, {from: phone, phone: national} or {constant: a text}"

_Named = Annotated[LeadField, Tag("field")]
_FromLead = Annotated[FromLead, Tag("from")]
_Constant = Annotated[Constant, Tag("constant")]
_ANY_ENTRY = Discriminator(_kind, custom_error_type="entry", custom_error_message=_ENTRY)
_ANY_PART = Discriminator(_kind, custom_error_type="part", custom_error_message=f"{_ENTRY}, or a section of these")

# A lead's field by its name alone is the short form of FromLead.
Entry = Annotated[_Named | _FromLead | _Constant, _ANY_ENTRY]
_Part = Annotated[_Named | _FromLead | _Constant | Annotated["Section", Tag("section")], _ANY_PART]


class Section(RootModel[Annotated[dict[str, _Part], Field(min_length=1)]]):
    """Fields, and sections of them, by the buyer's names; a dot in a name is a section too."""

    model_config = ConfigDict(frozen=True, strict=True)


Tree = dict[str, "Entry | Tree"]
Place = tuple[str, ...]
Missing = Literal["omit", "empty"]


def nested(section: Section) -> Tree:
    """The fields with their dots made sections, in the order they are written.

    Raises ValueError where a name is none, or two fields contradict each other.
    """
    entries = [(tuple(".".join(place).split(".")), entry) for place, entry in places(section, ())]
    values: set[Place] = set()
    sections: set[Place] = set()
    for path, _ in entries:
        for part in path:
            named(part)
        if path in values:
            raise ValueError(f"{'.'.join(path)} stands twice")
        values.add(path)
        sections.update(path[:depth] for depth in range(1, len(path)))
        if len(path) > _DEEPEST:
            raise ValueError(f"{'.'.join(path)} is nested deeper than {_DEEPEST} levels")
    if values & sections:
        raise ValueError(f"{'.'.join(min(values & sections))} is both a value and a section")
    return _tree(entries)


def _tree(entries: Sequence[tuple[Place, Entry]]) -> Tree:
    branches: dict[str, list[tuple[Place, Entry]]] = {}
    for (name, *rest), entry in entries:
        branches.setdefault(name, []).append((tuple(rest), entry))
    return {name: inner[0][1] if not inner[0][0] else _tree(inner) for name, inner in branches.items()}


def named(name: str) -> str:
    """A buyer's name for a field. Raises ValueError."""
    if len(name) > _LONGEST_NAME or not _NAME.fullmatch(name):
        raise ValueError(
            f"{name!r} is no name of a field: it has 1 to {_LONGEST_NAME} characters, none of them a control "
            "character, and no spaces around them"
        )
    return name


def places(section: Section, around: Place) -> Iterator[tuple[Place, Entry]]:
    """Every entry, and where it stands as it is written."""
    for name, entry in section.root.items():
        place = (*around, name)
        if isinstance(entry, Section):
            yield from places(entry, place)
        else:
            yield place, entry


class Resolved(dict[str, object]):
    """A section with its lead's values. An attribute that was posted as an object is no such section."""


def resolved(tree: Tree, facts: LeadFacts, *, missing: Missing) -> Resolved:
    """The tree with a lead's values; what it has none for is left out, with the sections that nothing is left of, or
    is None.
    """
    values = Resolved()
    for name, entry in tree.items():
        found = resolved(entry, facts, missing=missing) if isinstance(entry, dict) else value(entry, facts)
        if missing == "empty" or (found is not None and not (isinstance(entry, dict) and found == {})):
            values[name] = found
    return values


def value(entry: Entry, facts: LeadFacts) -> object:
    """What a lead gives for an entry: a text, a number, a flag or an attribute as it was posted; None for nothing."""
    match entry:
        case Constant(constant=constant):
            return constant
        case str():
            return _spelled(FromLead(from_=entry), facts)
        case FromLead(default=default):
            found = _spelled(entry, facts)
            return default if found is None else found


def _spelled(entry: FromLead, facts: LeadFacts) -> object:
    found = lead_facts.value(facts, entry.from_)
    if found is None:
        return None
    if entry.phone is not None:
        return phone_formats.written(text(found), facts.country_code, entry.phone)
    if entry.date is not None or isinstance(found, datetime):
        zone = facts.timezone if entry.timezone == "market" else "UTC"
        return dates.written(found, entry.date or "iso", zone)
    return found


def text(found: object) -> str:
    """A value where all is text: flags are true and false, a list is its items, what is deeper is JSON."""
    match found:
        case None:
            return ""
        case str():
            return found
        case list() | tuple() if not any(isinstance(item, Mapping | list | tuple) for item in found):
            return ", ".join(text(item) for item in found)
        case float() | Decimal():
            return f"{Decimal(str(found)):f}"
        case _:
            return json(found)


def json(found: object) -> str:
    """A value as JSON, with decimals as exact numbers; what JSON has no number for is null."""
    return simplejson.dumps(found, use_decimal=True, ignore_nan=True, ensure_ascii=False, separators=(",", ":"))
