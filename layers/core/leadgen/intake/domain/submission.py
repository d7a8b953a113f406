"""Reads a posted lead: types, lengths and trimming of its fields, before anything is stored."""

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from leadgen.kernel.errors import Refusal
from leadgen.kernel.text import storable_text
from leadgen.leads.domain import normalization

# Characters; the columns' own widths where the specification gives one.
LONGEST = {
    "source": 100,
    "name": 200,
    "email": 200,
    "phone": 20,
    "country_code": 2,
    "postal_code": 16,
    "city": 128,
    "region_code": 20,
    "message": 10_000,
    "utm_source": 100,
    "utm_medium": 100,
    "utm_campaign": 100,
}
_KEYS = ("source_key", "idempotency_key")
_FLAGS = ("consent", "gdpr_consent")
_KNOWN = (*LONGEST, *_KEYS, *_FLAGS, "source_id", "attributes")
_FORM_FLAGS = {"true": True, "on": True, "yes": True, "1": True, "false": False, "off": False, "no": False, "0": False}
_POSITIVE_NUMBER = re.compile(r"[1-9][0-9]{0,9}")
_LARGEST_ID = 2**31 - 1
_MOST_ATTRIBUTES = 100
_DEEPEST_ATTRIBUTE = 10


@dataclass(frozen=True)
class Submission:
    """The fields of ``POST /api/leads``, trimmed; an empty optional field is None.

    ``attributes`` holds the vertical's own fields and every field the contract does not name: nothing is dropped.
    """

    source_id: int | None
    source_key: str | None
    idempotency_key: str | None
    source: str
    name: str
    email: str
    phone: str
    country_code: str
    postal_code: str
    city: str | None
    region_code: str | None
    message: str | None
    utm_source: str | None
    utm_medium: str | None
    utm_campaign: str | None
    consent: bool | None
    gdpr_consent: bool | None
    attributes: Mapping[str, object]

    def content_hash(self) -> str:
        """SHA-256 in hex of what was posted, keys and source apart: separates a replay from a reused key."""
        content = [
            self.source, self.name, self.email, self.phone, self.country_code, self.postal_code, self.city,
            self.region_code, self.message, self.utm_source, self.utm_medium, self.utm_campaign, self.consent,
            self.gdpr_consent, self.attributes,
        ]  # fmt: skip
        return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def read(fields: Mapping[str, object], *, is_form: bool = False) -> Submission:
    """Read the decoded body of a post. A form's values are all text, so its flags and ids are read from text.

    Raises Refusal 400 ``invalid_request`` naming every faulty field. Contact fields may come out empty: whether they
    may be is the idempotency contract's question.
    """
    reader = _Reader(fields, is_form)
    texts = {field: reader.text(field) for field in LONGEST}
    keys = {field: reader.key(field) for field in _KEYS}
    flags = {field: reader.flag(field) for field in _FLAGS}
    source_id = reader.identifier("source_id")
    attributes = reader.attributes()
    country = texts["country_code"] or "US"
    if not (len(country) == 2 and country.isascii() and country.isalpha()):
        reader.problems["country_code"] = "must be two letters, ISO 3166-1 alpha-2"
    if not texts["name"]:
        reader.problems.setdefault("name", "is required")
    if reader.problems:
        raise Refusal(
            400,
            "invalid_request",
            "; ".join(f"{field} {problem}" for field, problem in reader.problems.items()),
            {"fields": dict(reader.problems)},
        )
    city = texts["city"]
    return Submission(
        source_id=source_id,
        source_key=keys["source_key"],
        idempotency_key=keys["idempotency_key"],
        source=texts["source"] or "landing_page",
        name=texts["name"] or "",
        email=texts["email"] or "",
        phone=texts["phone"] or "",
        country_code=country.upper(),
        postal_code=normalization.postal_code(texts["postal_code"] or ""),
        city=normalization.city(city) if city else None,
        region_code=texts["region_code"],
        message=texts["message"],
        utm_source=texts["utm_source"],
        utm_medium=texts["utm_medium"],
        utm_campaign=texts["utm_campaign"],
        consent=flags["consent"],
        gdpr_consent=flags["gdpr_consent"],
        attributes=attributes,
    )


def positive_number(text: str) -> int | None:
    """An id written in digits, or None for anything that is no id."""
    number = int(text) if _POSITIVE_NUMBER.fullmatch(text) else 0
    return number if 0 < number <= _LARGEST_ID else None


class _Reader:
    """Takes typed values out of a decoded body and gathers what is wrong with it, by field."""

    def __init__(self, fields: Mapping[str, object], is_form: bool) -> None:
        self.fields = fields
        self.is_form = is_form
        self.problems: dict[str, str] = {}

    def key(self, field: str) -> str | None:
        """As it came: its contract limits what a key may be. An empty field is an absent one."""
        value = self.fields.get(field)
        if value is not None and not isinstance(value, str):
            self.problems[field] = "must be a string"
            return None
        return value or None

    def text(self, field: str) -> str | None:
        """Trimmed; an empty field is an absent one."""
        value = self.fields.get(field)
        if value is None:
            return None
        if not isinstance(value, str):
            self.problems[field] = "must be a string"
            return None
        if not storable_text(value):
            self.problems[field] = "holds a NUL or a broken surrogate character"
            return None
        trimmed = value.strip()
        if len(trimmed) > LONGEST[field]:
            self.problems[field] = f"is longer than {LONGEST[field]} characters"
        return trimmed or None

    def flag(self, field: str) -> bool | None:
        value = self.fields.get(field)
        if self.is_form and isinstance(value, list):
            value = value[-1]  # a hidden "no" before the box whose value is "yes"
        if self.is_form and isinstance(value, str):
            value = _FORM_FLAGS.get(value.strip().lower(), None if not value.strip() else value)
        if value is None or isinstance(value, bool):
            return value
        self.problems[field] = "must be true or false"
        return None

    def identifier(self, field: str) -> int | None:
        value = self.fields.get(field)
        if value is None or (self.is_form and value == ""):
            return None
        is_number = isinstance(value, int) and not isinstance(value, bool)
        number = positive_number(str(value)) if is_number or (self.is_form and isinstance(value, str)) else None
        if number is None:
            self.problems[field] = "must be a positive whole number"
        return number

    def attributes(self) -> Mapping[str, object]:
        given = self.fields.get("attributes")
        if given is None:
            given = {}
        if not isinstance(given, Mapping):
            self.problems["attributes"] = "must be an object"
            return {}
        merged = {key: value for key, value in self.fields.items() if key not in _KNOWN} | dict(given)
        if len(merged) > _MOST_ATTRIBUTES:
            self.problems["attributes"] = f"holds more than {_MOST_ATTRIBUTES} fields"
        flaw = _flaw(merged, _DEEPEST_ATTRIBUTE)
        if flaw:
            self.problems["attributes"] = flaw
        return merged


def _flaw(value: object, levels: int) -> str | None:
    """Why a decoded JSON value cannot be kept, or None."""
    if levels < 0:
        return f"is nested deeper than {_DEEPEST_ATTRIBUTE} levels"
    match value:
        case str() if not storable_text(value):
            return "holds a NUL or a broken surrogate character"
        case float() if not math.isfinite(value):
            return "holds a number that is too large"
        case Mapping():
            parts: list[object] = [*value.keys(), *value.values()]
        case list():
            parts = value
        case _:
            return None
    return next((flaw for part in parts if (flaw := _flaw(part, levels - 1))), None)
