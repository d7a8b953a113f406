"""The reference of delivery formats: every example of it is one that the models take, and can be written."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import pytest

from leadgen.configuration.domain import yaml_reader
from leadgen.configuration.domain.files import typed
from leadgen.configuration.domain.model import Enrollment
from leadgen.delivery.domain import lead_facts
from leadgen.delivery.domain import terms as delivery_terms
from leadgen.delivery.domain.formats import dates, field_mapping, payload
from leadgen.leads.domain import phone_formats
from leadgen.outbound.domain.response_mapping import JsonAnswer, TextTest
from tests.delivery.test_formats import facts

TEXT = (Path(__file__).parents[3] / "docs" / "delivery-formats.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```yaml (\w+)\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(("kind", "written"), EXAMPLES, ids=[kind for kind, _ in EXAMPLES])
def test_an_example_of_the_reference_is_taken_and_can_be_written(kind: str, written: str) -> None:
    if kind != "enrollment":
        written = f"offer: any\ndelivery:\n  {kind}:\n" + "".join(f"    {line}\n" for line in written.splitlines())
    enrollment, problems = typed(yaml_reader.parse(written, kind, {}), Enrollment)
    assert problems == []
    assert enrollment is not None
    assert enrollment.delivery is not None
    assert payload.render(enrollment.delivery.format, facts()).body


def test_the_reference_has_every_kind_of_format_and_of_answer() -> None:
    assert {kind for kind, _ in EXAMPLES} == {"enrollment", "format", "answer"}
    kinds = {
        (kind, typed) for kind, written in EXAMPLES for typed in re.findall(r"^type: (\w+)", written, re.MULTILINE)
    }
    assert kinds == {("format", kind) for kind in ("json", "form", "xml", "adf")} | {
        ("answer", kind) for kind in ("json", "form", "xml", "text")
    }


def test_every_field_spelling_and_operator_has_its_place_in_the_reference() -> None:
    words = set(re.findall(r"[A-Za-z_%][\w%-]*", TEXT))
    operators = (field.alias or name for name, field in TextTest.model_fields.items())
    for name in (*lead_facts.FIELDS, *get_args(phone_formats.PhoneFormat), *JsonAnswer.model_fields, *operators):
        assert name in words, name
    assert dates.DIRECTIVES in TEXT


PHONES = re.findall(r"^\| `(\w+)` \| `([^`]+)` \| `([^`]+)` \|$", TEXT, re.MULTILINE)


@pytest.mark.parametrize(("spelling", "american", "british"), PHONES)
def test_a_telephone_number_is_spelled_as_the_reference_shows(spelling: str, american: str, british: str) -> None:
    written = {"type": "form", "fields": {"it": {"from": "phone", "phone": spelling}}}
    terms = delivery_terms.parse({"format": written}, label="x")
    entry = dict(payload.entries(terms.format))[("fields", "it")] if terms.format else None
    assert entry is not None
    for phone, expected in (("+15125550123", american), ("+442079460123", british)):
        assert field_mapping.value(entry, facts(phone=phone)) == expected


def test_all_five_spellings_are_shown() -> None:
    assert [spelling for spelling, _, _ in PHONES] == list(get_args(phone_formats.PhoneFormat))


def test_the_instant_of_the_reference_is_written_as_it_says() -> None:
    assert dates.written(datetime(2024, 1, 15, 10, 30, tzinfo=UTC), "iso", "UTC") == "2024-01-15T10:30:00Z"
    assert "`2024-01-15T10:30:00Z`" in TEXT
