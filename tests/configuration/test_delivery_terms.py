"""Delivery terms: what they take, and what is told of what they do not take. Each file's fault stands on line 3."""

import pytest
from hypothesis import given

from leadgen.configuration.domain import yaml_reader
from leadgen.configuration.domain.checks import contradictions
from leadgen.configuration.domain.files import ConfigurationFile, parse, typed
from leadgen.configuration.domain.model import Enrollment
from leadgen.delivery.domain import terms as delivery_terms
from leadgen.delivery.domain.terms import DeliveryTerms
from leadgen.kernel.errors import PolicyInvalid
from tests.support.configurations import changed
from tests.support.strategies.configurations import Fields, deliveries

FAULTS = [
    ("schedule: [5, 0]", "schedule[1]: must be greater than or equal to 1"),
    ("schedule: [86401]", "schedule[0]: must be less than or equal to 86400"),
    ("schedule: []", "schedule: must have at least 1 entry"),
    ("schedule: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]", "schedule: must have at most 10 entries"),
    ("schedule: [86400, 86400, 86400, 1]", "schedule: lasts longer than 72 hours in all"),
    ("format: {type: csv}", "format.type: must be 'json', 'form', 'xml' or 'adf'"),
    ("format: {fields: {a: name}}", "format.type: is missing"),
    ("format: {type: json}", "format.fields: is missing"),
    ("format: {type: json, fields: {}}", "format.fields: must have at least 1 entry"),
    ("format: {type: json, fields: {a: {}}}", "format.fields.a: must have at least 1 entry"),
    (
        "format: {type: json, fields: {a: first}}",
        "format.fields.a: first is no field of a lead: there are delivery_id, ",
    ),
    (
        "format: {type: json, fields: {a: attributes.}}",
        "format.fields.a: attributes. is no field of a lead: there are ",
    ),
    ("format: {type: json, fields: {a: {b: [x]}}}", "format.fields.a.b: must be a field of the lead such as phone, "),
    (
        "format: {type: json, fields: {a: {b: {from: phone, phone: short}}}}",
        "format.fields.a.b.phone: must be 'e164', 'digits', 'national', 'dashed' or 'ten_digits'",
    ),
    (
        "format: {type: json, fields: {a: {from: phone, defualt: x}}}",
        "format.fields.a.defualt: is no field here; there are from, default, phone, date, timezone",
    ),
    (
        "format: {type: json, fields: {a: {from: name, phone: e164}}}",
        "format.fields.a: name is no telephone number: a phone's spelling goes with phone or an attribute",
    ),
    (
        "format: {type: json, fields: {a: {from: name, date: iso}}}",
        "format.fields.a: name is no date: a date's spelling goes with received_at, delivered_at or an attribute",
    ),
    (
        "format: {type: json, fields: {a: {from: attributes.x, date: iso, phone: e164}}}",
        "format.fields.a: is either a phone or a date: give one of them",
    ),
    (
        "format: {type: json, fields: {a: {from: received_at, timezone: market}}}",
        "format.fields.a: timezone needs a date beside it, and one that is not counted from the epoch",
    ),
    (
        "format: {type: json, fields: {a: {from: received_at, date: '%d.%Q'}}}",
        "format.fields.a.date: has %Q, which is no directive of a date: it is iso, epoch, epoch_milliseconds, or ",
    ),
    ("format: {type: json, fields: {a: {from: received_at, date: ISO}}}", "format.fields.a.date: has no directive"),
    (
        "format: {type: json, fields: {a: {constant: 1.00001}}}",
        "format.fields.a.constant: must be a number of at most 15 digits, 4 of them after the point; "
        "in quotes it is a text",
    ),
    ("format: {type: json, fields: {a: {constant: [x]}}}", "format.fields.a.constant: must be a text, a number, true"),
    ("format: {type: json, fields: {a: name, a.b: name}}", "format.fields: a is both a value and a section"),
    ("format: {type: json, fields: {a.b: name, a: {b: name}}}", "format.fields: a.b stands twice"),
    ("format: {type: json, fields: {a..b: name}}", "format.fields: '' is no name of a field: it has 1 to 100 "),
    ("format: {type: json, fields: {a.b.c.d.e.f.g.h.i.j.k: name}}", "format.fields: a.b.c.d.e.f.g.h.i.j.k is nested "),
    ("format: {type: form, fields: {a: {b: name}}}", "format.fields.a: must be a field of the lead such as phone, "),
    ("format: {type: xml, fields: {1st: name}}", "format.fields: '1st' is no name of an element: it has letters, "),
    ("format: {type: xml, fields: {XmlName: name}}", "format.fields: 'XmlName' is no name of an element: "),
    ("format: {type: xml, root: a b, fields: {a: name}}", "format.root: 'a b' is no name of an element: "),
    ("format: {type: xml, fields: {'@a.b': name}}", "format.fields: @a cannot have fields in it"),
    ("format: {type: xml, fields: {'#text': name, b: name}}", "format.fields: #text stands beside elements: "),
    ("format: {type: adf}", "format.vendor: is missing"),
    ("format: {type: adf, vendor: V, vehicle: {year: attributes.y, make: name}}", "format.vehicle.model: is missing"),
    ("answer: {type: html}", "answer.type: must be 'json', 'xml', 'form' or 'text'"),
    ("answer: {type: text, reference: x}", "answer.reference: is no field here; there are rejected_statuses, "),
    ("answer: {type: json, rejected_when: {path: a, equals: b}}", "answer.rejected_when: must be a list"),
    (
        "answer: {type: json, rejected_when: [{path: a, equals: b, in: [c]}]}",
        "answer.rejected_when[0]: needs exactly one operator, and has equals and in; "
        "there are present, equals, in, contains, starts_with",
    ),
    (
        "answer: {type: json, rejected_when: [{path: a, matches: b}]}",
        "answer.rejected_when[0].matches: is no field here; there are present, equals, in, contains, starts_with, path",
    ),
    ("answer: {type: json, rejected_when: [{path: a..b, equals: 5}]}", "answer.rejected_when[0].path: must be names "),
    ("answer: {type: json, otherwise: rejected}", "answer: otherwise needs accepted_when or rejected_when beside it"),
    (
        "answer: {type: json, rejected_statuses: [409, 410]}",
        "answer.rejected_statuses[1]: must be a status from 200 to 299 or from 400 to 499, and none of 408, 410, 425, "
        "429",
    ),
    (
        "answer: {type: json, rejected_statuses: [500]}",
        "answer.rejected_statuses[0]: must be a status from 200 to 299 ",
    ),
]


@pytest.mark.parametrize(("written", "told"), FAULTS, ids=[written for written, _ in FAULTS])
def test_a_fault_is_told_once_with_its_place_and_how_to_mend_it(written: str, told: str) -> None:
    document = yaml_reader.parse(f"offer: Lawns\ndelivery:\n  {written}", "a.yaml", {})
    enrollment, problems = typed(document, Enrollment)
    assert enrollment is None
    assert len(problems) == 1
    assert str(problems[0]).startswith(f"a.yaml:3: delivery.{told}")


def test_a_number_without_quotes_is_a_number_and_with_quotes_a_text() -> None:
    fields = "{a: {constant: 5}, b: {constant: '5'}, c: {constant: 07030}, d: {constant: true}}"
    text = f"offer: x\ndelivery: {{format: {{type: json, fields: {fields}}}}}"
    enrollment, problems = typed(yaml_reader.parse(text, "a.yaml", {}), Enrollment)
    assert problems == []
    assert enrollment is not None
    assert enrollment.delivery is not None
    assert enrollment.delivery.model_dump(mode="json", exclude_unset=True)["format"]["fields"] == {
        "a": {"constant": 5},
        "b": {"constant": "5"},
        "c": {"constant": "07030"},
        "d": {"constant": True},
    }


@pytest.mark.parametrize(
    ("country", "spelling", "told"),
    [
        ("CA", "national", []),
        ("DE", "e164", []),
        (
            "DE",
            "national",
            [
                "a.yaml:55: buyers[1].offers[0].delivery.format.fields.to.phone.phone: national is for numbers of "
                "North America, and the market is in DE: choose e164 or digits"
            ],
        ),
    ],
)
def test_a_spelling_that_the_market_does_not_have_is_refused(country: str, spelling: str, told: list[str]) -> None:
    text = changed(("timezone: America/Denver", f"timezone: America/Denver\n  country_code: {country}"))
    fields = f"{{to: {{phone: {{from: phone, phone: {spelling}}}}}}}"
    text += f"        delivery:\n          format: {{type: json, fields: {fields}}}\n"
    document = yaml_reader.parse(text, "a.yaml", {})
    configuration, problems = parse(document)
    assert problems == []
    assert configuration is not None
    assert [str(problem) for problem in contradictions([ConfigurationFile(document, configuration)])] == told


def test_no_terms_are_those_of_the_specification() -> None:
    assert delivery_terms.parse(None, label="x") == DeliveryTerms(schedule=None, format=None, answer=None)


def test_stored_terms_that_do_not_parse_are_told_by_their_enrollment() -> None:
    with pytest.raises(
        PolicyInvalid, match=r"^the delivery of Green in Lawns: format.type: must be .*'adf', not 'csv'$"
    ):
        delivery_terms.parse({"format": {"type": "csv"}}, label="Green in Lawns")


@given(written=deliveries)
def test_terms_are_stored_as_they_are_written(written: Fields) -> None:
    terms = delivery_terms.parse(written, label="x")
    stored = terms.model_dump(mode="json", exclude_unset=True)
    assert delivery_terms.parse(stored, label="x") == terms
    assert delivery_terms.parse(stored, label="x").model_dump(mode="json", exclude_unset=True) == stored
