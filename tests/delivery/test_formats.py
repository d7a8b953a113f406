"""Buyers' formats: what each writes of a lead, whatever stands in it."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl
from xml.etree.ElementTree import Element

import pytest
import simplejson
from defusedxml import ElementTree
from hypothesis import given
from hypothesis import strategies as st

from leadgen.delivery.domain import terms
from leadgen.delivery.domain.formats.payload import LeadFacts, Rendered, render
from tests.support import domain_values


def facts(**values: Any) -> LeadFacts:
    """The specification's own example."""
    example = {
        "received_at": datetime(2024, 1, 15, 10, 30, 0, 999_999, tzinfo=UTC),
        "delivered_at": datetime(2024, 1, 15, 4, 30, 5, tzinfo=timezone(timedelta(hours=-6))),
        "phone": "+15125550123",
        "region_code": "US-TX",
        "message": "Emergency plumbing needed",
        "attributes": {},
    }
    return domain_values.facts(**example | values)


def rendered(written: Mapping[str, Any], lead: LeadFacts | None = None) -> Rendered:
    """A lead in a format as a file or the database would have it."""
    return render(terms.parse({"format": written}, label="a buyer").format, lead or facts())


def as_json(fields: Mapping[str, Any], lead: LeadFacts | None = None, **more: Any) -> Any:
    return simplejson.loads(rendered({"type": "json", "fields": fields, **more}, lead).body, use_decimal=True)


def one(entry: Any, **values: Any) -> Any:
    """What an entry gives of a lead, None for nothing."""
    return as_json({"it": entry}, facts(**values)).get("it")


def as_xml(written: Mapping[str, Any], lead: LeadFacts | None = None) -> Element:
    return ElementTree.fromstring(rendered(written, lead).body, forbid_dtd=True)


SPECIFIED = (
    b'{"event":"lead.delivered","data":{"lead_id":12345,"received_at":"2024-01-15T10:30:00Z",'
    b'"delivered_at":"2024-01-15T10:30:05Z","contact":{"name":"John Smith","phone":"+15125550123",'
    b'"email":"john@example.com","zip":"78701"},"details":{"message":"Emergency plumbing needed",'
    b'"source":"landing_page"},"metadata":{"price":45.00,"buyer_id":7}}}'
)


def test_without_a_format_the_payload_is_the_specified_one_byte_for_byte() -> None:
    assert render(None, facts()) == Rendered("application/json", SPECIFIED)


@pytest.mark.parametrize("price", ["45.00", "0.10", "1234567.89"])
def test_a_price_is_a_json_number_with_its_cents(price: str) -> None:
    assert f'"price":{price},'.encode() in render(None, facts(price=Decimal(price))).body
    assert rendered({"type": "json", "fields": {"cost": "price"}}, facts(price=Decimal(price))).body == (
        f'{{"cost":{price}}}'.encode()
    )


def test_dots_and_sections_nest_alike_in_the_order_they_are_written() -> None:
    body = rendered(
        {
            "type": "json",
            "fields": {
                "z": "lead_id",
                "lead": {"name": "name", "contact.email": "email"},
                "a": {"constant": "x"},
                "lead.contact.phone": "phone",
            },
        }
    ).body
    assert body == (
        b'{"z":12345,"lead":{"name":"John Smith","contact":{"email":"john@example.com","phone":"+15125550123"}},'
        b'"a":"x"}'
    )


@pytest.mark.parametrize("constant", ["x", "5", "", 5, 0, -2, 5.5, 0.0001, True, False])
def test_a_constant_keeps_its_type(constant: object) -> None:
    value = one({"constant": constant})
    assert value == (Decimal(str(constant)) if isinstance(constant, float) else constant)
    assert isinstance(value, bool) == isinstance(constant, bool)


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("John Smith", "John", "Smith"),
        ("  Ana  María   de la Cruz ", "Ana", "María de la Cruz"),
        ("Cher", "Cher", None),
        ("   ", None, None),
    ],
)
def test_the_first_word_is_the_first_name_and_the_rest_the_last(name: str, first: str | None, last: str | None) -> None:
    assert (one("first_name", name=name), one("last_name", name=name)) == (first, last)


def test_a_region_goes_without_its_country() -> None:
    assert (one("region"), one("region_code")) == ("TX", "US-TX")
    assert one("region", region_code=None) is None


@pytest.mark.parametrize(
    ("missing", "expected"),
    [("omit", {"there": 12345}), ("empty", {"there": 12345, "a": None, "b": {"c": None}})],
)
def test_what_a_lead_has_no_value_for_is_left_out_or_empty(missing: str, expected: object) -> None:
    fields = {"there": "lead_id", "a": "utm_source", "b": {"c": "attributes.none"}}
    assert as_json(fields, facts(message=" "), missing=missing) == expected


@pytest.mark.parametrize("attributes", [{}, {"budget": None}, {"budget": ""}, {"budget": " \t"}])
def test_a_default_stands_for_what_is_absent_or_blank(attributes: dict[str, Any]) -> None:
    entry = {"from": "attributes.budget", "default": "unknown"}
    assert one(entry, attributes=attributes) == "unknown"
    assert one(entry, attributes={"budget": 0}) == 0
    assert one(entry, attributes={"budget": False}) is False


def test_an_attribute_keeps_what_was_posted_in_json_and_is_text_elsewhere() -> None:
    lead = facts(attributes={"n": 3, "yes": True, "list": ["a", 2], "deep": {"x": [1, {"y": None}]}, "a.b": 1.50})
    fields = {name: f"attributes.{name}" for name in ("n", "yes", "list", "deep")}
    assert as_json({**fields, "dotted": "attributes.a.b"}, lead) == {
        "n": 3, "yes": True, "list": ["a", 2], "deep": {"x": [1, {"y": None}]}, "dotted": Decimal("1.5"),
    }  # fmt: skip
    assert dict(parse_qsl(rendered({"type": "form", "fields": fields}, lead).body.decode())) == {
        "n": "3", "yes": "true", "list": "a, 2", "deep": '{"x":[1,{"y":null}]}',
    }  # fmt: skip


PHONES = [
    ("+15125550123", "US", "+15125550123", "15125550123", "(512) 555-0123", "512-555-0123", "5125550123"),
    ("(512) 555-0123", "US", "+15125550123", "15125550123", "(512) 555-0123", "512-555-0123", "5125550123"),
    ("1 512 555 0123", "CA", "+15125550123", "15125550123", "(512) 555-0123", "512-555-0123", "5125550123"),
    # No country can be told: nobody's country code is guessed.
    ("5125550123", "DE", "5125550123", "5125550123", "5125550123", "5125550123", "5125550123"),
    ("+442079460123", "US", "+442079460123", "442079460123", "+442079460123", "+442079460123", "+442079460123"),
    ("+2125550123", "US", "+2125550123", "2125550123", "+2125550123", "+2125550123", "+2125550123"),
    ("+12", "US", "+12", "12", "+12", "+12", "+12"),
    ("1115550123", "US", "1115550123", "1115550123", "1115550123", "1115550123", "1115550123"),
    ("call me", "US", "call me", "call me", "call me", "call me", "call me"),
]


@pytest.mark.parametrize("row", PHONES, ids=[row[0] for row in PHONES])
def test_a_telephone_number_is_spelled_as_the_buyer_wants_it(row: tuple[str, ...]) -> None:
    phone, country, *expected = row
    spellings = ("e164", "digits", "national", "dashed", "ten_digits")
    got = [one({"from": "phone", "phone": spelling}, phone=phone, country_code=country) for spelling in spellings]
    assert got == expected


DATES = [
    ({}, "2024-01-15T10:30:00Z"),
    ({"date": "iso"}, "2024-01-15T10:30:00Z"),
    ({"date": "iso", "timezone": "market"}, "2024-01-15T04:30:00-06:00"),
    ({"date": "epoch"}, 1705314600),
    ({"date": "epoch_milliseconds"}, 1705314600999),
    ({"date": "%m/%d/%Y %I:%M:%S %p", "timezone": "market"}, "01/15/2024 04:30:00 AM"),
    ({"date": "%-m/%-d/%y %-H:%M", "timezone": "utc"}, "1/15/24 10:30"),
    ({"date": "%A %a %B %b %j 100%% %f %z"}, "Monday Mon January Jan 015 100% 999999 +0000"),
]


@pytest.mark.parametrize(("spelling", "expected"), DATES)
def test_a_date_is_spelled_as_the_buyer_wants_it(spelling: dict[str, str], expected: object) -> None:
    assert one({"from": "received_at", **spelling}) == expected


@pytest.mark.parametrize(
    ("posted", "expected"),
    [
        ("2024-05-01", "05/01/2024 00"),
        ("2024-05-01T23:30:00", "05/01/2024 23"),
        ("2024-05-01T03:30:00Z", "04/30/2024 22"),
        ("soon", None),
        ("0001-01-01T00:00:00+14:00", None),
        (20240501, "05/01/2024 00"),
        (7, None),
        (None, None),
    ],
)
def test_a_posted_date_without_an_offset_is_the_markets_and_no_date_is_nothing(
    posted: object, expected: str | None
) -> None:
    entry = {"from": "attributes.when", "date": "%m/%d/%Y %H", "timezone": "market"}
    assert one(entry, attributes={"when": posted}) == expected


def test_midnight_and_noon_are_twelve() -> None:
    for hour, expected in ((0, "12 AM"), (11, "11 AM"), (12, "12 PM"), (23, "11 PM")):
        at = datetime(2024, 1, 15, hour, tzinfo=UTC)
        assert one({"from": "received_at", "date": "%I %p"}, received_at=at) == expected


def test_a_form_keeps_dots_and_brackets_in_its_names() -> None:
    body = rendered({"type": "form", "fields": {"lead[phone]": "phone", "a.b": "utm_source"}, "missing": "empty"})
    assert body == Rendered("application/x-www-form-urlencoded", b"lead%5Bphone%5D=%2B15125550123&a.b=")


def test_xml_has_attributes_text_and_elements_in_order() -> None:
    written = {
        "type": "xml",
        "root": "post",
        "content_type": "text/xml",
        "fields": {
            "name": "name",
            "@id": "lead_id",
            "phone": {"@type": {"constant": "cell"}, "#text": "phone"},
            "no": "utm_source",
        },
        "missing": "empty",
    }
    assert rendered(written) == Rendered(
        "text/xml",
        b'<?xml version="1.0" encoding="UTF-8"?>\n<post id="12345"><name>John Smith</name>'
        b'<phone type="cell">+15125550123</phone><no/></post>\n',
    )


ADF: dict[str, Any] = {
    "type": "adf",
    "vendor": "Lone Star Drains",
    "provider": {"name": "LeadGen", "url": "https://leadgen.example"},
    "phone": "dashed",
    "details": {"Roof age": "attributes.roof_age", "Budget": "attributes.budget"},
}


def test_adf_has_the_parts_of_the_standard_in_its_order() -> None:
    lead = facts(attributes={"roof_age": 12, "street": "1 Main St"}, name="Ana María Cruz")
    root = as_xml(ADF, lead)
    (prospect,) = root
    assert root.tag == "adf"
    assert [part.tag for part in prospect] == ["id", "requestdate", "customer", "vendor", "provider"]
    assert prospect.findtext("requestdate") == "2024-01-15T04:30:00-06:00"
    contact = prospect.find("customer/contact")
    assert contact is not None
    assert [(part.tag, part.get("part"), part.text) for part in contact if part.tag != "address"] == [
        ("name", "first", "Ana"),
        ("name", "last", "María Cruz"),
        ("email", None, "john@example.com"),
        ("phone", None, "512-555-0123"),
    ]
    assert [(part.tag, part.text) for part in contact.findall("address/*")] == [
        ("street", "1 Main St"),
        ("city", "Austin"),
        ("regioncode", "TX"),
        ("postalcode", "78701"),
        ("country", "US"),
    ]
    assert prospect.findtext("customer/comments") == "Emergency plumbing needed\nRoof age: 12"
    assert prospect.findtext("vendor/vendorname") == prospect.findtext("vendor/contact/name") == "Lone Star Drains"
    assert [part.text for part in prospect.findall("provider/*")] == [
        "LeadGen",
        "Austin plumbing",
        "https://leadgen.example",
    ]
    assert b'\n<?ADF version="1.0"?>\n' in rendered(ADF).body


def test_adf_has_a_vehicle_where_one_is_asked_for_with_what_the_standard_demands() -> None:
    vehicle = {
        "condition": "used",
        "year": "attributes.year",
        "make": {"constant": "Ford"},
        "model": "attributes.model",
    }
    found = as_xml({**ADF, "vehicle": vehicle}, facts(attributes={"year": 2019})).find("prospect/vehicle")
    assert found is not None
    assert found.attrib == {"interest": "buy", "status": "used"}
    assert [(part.tag, part.text) for part in found] == [("year", "2019"), ("make", "Ford"), ("model", None)]


def test_who_has_one_name_has_it_in_full() -> None:
    (name,) = as_xml(ADF, facts(name="Cher")).findall("prospect/customer/contact/name")
    assert (name.get("part"), name.text) == ("full", "Cher")


def strict_json(body: bytes) -> object:
    """JSON as its standard has it: without NaN and infinities."""
    return json.loads(body, parse_constant=pytest.fail)


# Whatever PostgreSQL can hold: no NUL and no surrogate.
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=60) | st.sampled_from(
    ["</name><name>x", "]]>", "<!--", "&lt;", "a&b=c", "\r\n", '"/><x y="', "\x1b[2J", "\ufffe", "%00", "{}", "﻿"]
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
instants = st.datetimes(timezones=st.just(UTC))
leads = st.builds(
    facts,
    name=texts,
    email=texts,
    phone=texts,
    message=st.none() | texts,
    city=st.none() | texts,
    received_at=instants,
    delivered_at=instants,
    country_code=st.sampled_from(["US", "DE"]),
    attributes=st.fixed_dictionaries({}, optional={"a": values, "street": values, "when": values}),
)
EVERYTHING: dict[str, Any] = {
    "name": "name",
    "message": "message",
    "phone": {"from": "phone", "phone": "national"},
    "any": "attributes.a",
    "at": {"from": "received_at", "date": "%A %-d %B %Y %I %p %z", "timezone": "market"},
    "when": {"from": "attributes.when", "date": "epoch_milliseconds"},
    "called": {"from": "attributes.a", "phone": "dashed"},
}
FORMATS: list[dict[str, Any]] = [
    {"type": "json", "fields": EVERYTHING},
    {"type": "form", "fields": EVERYTHING, "missing": "empty"},
    {"type": "xml", "fields": {**EVERYTHING, "@name": "name"}, "missing": "empty"},
    {**ADF, "street": "attributes.street", "details": EVERYTHING},
]


@pytest.mark.parametrize("written", FORMATS, ids=[str(written["type"]) for written in FORMATS])
@given(lead=leads)
def test_every_lead_can_be_written_and_always_with_the_same_bytes(written: dict[str, Any], lead: LeadFacts) -> None:
    body = rendered(written, lead)
    assert body == rendered(written, lead)
    readers: dict[str, Callable[[bytes], object]] = {"json": strict_json, "form": bytes.decode}
    readers.get(written["type"], ElementTree.fromstring)(body.body)


def test_a_number_that_json_does_not_have_is_null() -> None:
    # PostgreSQL keeps 1e400 as a number; Python reads it as infinity.
    lead = facts(attributes={"a": float("inf"), "b": [1, float("nan")]})
    written = {"type": "json", "fields": {"a": "attributes.a", "b": "attributes.b"}}
    assert strict_json(rendered(written, lead).body) == {"a": None, "b": [1, None]}


@given(text=texts)
def test_any_text_comes_out_of_json_as_it_went_in(text: str) -> None:
    assert as_json({"a": "message", "b": {"c": "city"}}, facts(message=text, city=text), missing="empty") == {
        "a": text if text.strip() else None,
        "b": {"c": text if text.strip() else None},
    }


@given(text=texts)
def test_any_text_comes_out_of_a_form_as_it_went_in(text: str) -> None:
    body = rendered(
        {"type": "form", "fields": {"a": "message", "b": "lead_id"}, "missing": "empty"}, facts(message=text)
    )
    assert parse_qsl(body.body.decode("ascii"), keep_blank_values=True, strict_parsing=True) == [
        ("a", text if text.strip() else ""),
        ("b", "12345"),
    ]


def writable(text: str) -> str:
    """What XML 1.0 can hold of a text."""
    return "".join(
        sign
        for sign in text
        if sign in "\t\n\r" or " " <= sign <= "\ud7ff" or "\ue000" <= sign <= "\ufffd" or sign > "\uffff"
    )


@given(text=texts)
def test_any_text_comes_out_of_xml_as_it_went_in_but_for_what_xml_cannot_hold(text: str) -> None:
    root = as_xml(
        {"type": "xml", "fields": {"@a": "message", "b": "message", "c": "lead_id"}, "missing": "empty"},
        facts(message=text),
    )
    expected = writable(text) if text.strip() else ""
    assert root.attrib == {"a": expected}
    assert [(part.tag, part.text or "", len(part)) for part in root] == [("b", expected, 0), ("c", "12345", 0)]


def shape(element: Element) -> object:
    return element.tag, sorted(element.attrib), [shape(part) for part in element]


@given(text=texts.filter(str.strip))
def test_no_text_changes_the_structure_of_adf(text: str) -> None:
    written = {**ADF, "vendor": "V", "details": {"D": "attributes.d"}}
    lead = facts(name=f"x {text} x", message=text, city=f"x{text}", attributes={"street": f"x{text}", "d": text})
    ordinary = facts(name="x x", message="x", city="x", attributes={"street": "x", "d": "x"})
    assert shape(as_xml(written, lead)) == shape(as_xml(written, ordinary))
