"""A posted lead read: types, lengths, and what no database can keep."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadgen.intake.domain import submission
from leadgen.kernel.errors import Refusal

POST: dict[str, Any] = {"name": "Jane", "email": "jane@example.com", "phone": "+13035550100", "postal_code": "80014"}


def problems(fields: dict[str, Any], *, is_form: bool = False) -> dict[str, str]:
    """What is wrong with a post, by field; empty when it is read."""
    refused = refusal_of(POST | fields, is_form=is_form)
    if refused is None:
        return {}
    found = refused.details["fields"]
    assert isinstance(found, dict)
    assert (refused.status, refused.code) == (400, "invalid_request")
    assert all(field in refused.message for field in found)
    return found


def refusal_of(fields: dict[str, Any], *, is_form: bool = False) -> Refusal | None:
    try:
        submission.read(fields, is_form=is_form)
    except Refusal as refusal:
        return refusal
    return None


def test_the_least_a_post_may_hold_is_read_with_the_documented_defaults() -> None:
    read = submission.read({"name": " Jane "})
    assert (read.name, read.email, read.phone, read.postal_code) == ("Jane", "", "", "")
    assert (read.source, read.country_code) == ("landing_page", "US")
    assert read.consent is None
    assert read.attributes == {}


def test_text_is_trimmed_and_places_are_normalized() -> None:
    read = submission.read(
        {
            "name": "\t Jane ", "postal_code": " sw1a 1aa ", "city": " Fort \n Collins ", "country_code": " gb ",
            "message": "  two\nlines  ", "utm_source": "   ",
        }
    )  # fmt: skip
    assert (read.name, read.postal_code, read.city, read.country_code) == ("Jane", "SW1A 1AA", "Fort Collins", "GB")
    assert (read.message, read.utm_source) == ("two\nlines", None)


@pytest.mark.parametrize("field", sorted(submission.LONGEST))
@pytest.mark.parametrize("value", [1, 1.5, True, ["x"], {"x": 1}], ids=lambda value: type(value).__name__)
def test_a_text_field_takes_text_only(field: str, value: object) -> None:
    assert problems({field: value})[field] == "must be a string"


@pytest.mark.parametrize("field", sorted(submission.LONGEST.keys() - {"country_code"}))
def test_a_text_field_holds_as_many_characters_as_documented_and_no_more(field: str) -> None:
    longest = submission.LONGEST[field]
    assert problems({field: "é" * longest}) == {}
    assert problems({field: f" {'é' * longest} "}) == {}
    assert field in problems({field: "é" * (longest + 1)})


@pytest.mark.parametrize("field", ["name", "email", "message", "city"])
@pytest.mark.parametrize("bad", ["a\x00b", "a\ud800b", "\udfff"])
def test_what_postgres_cannot_keep_is_refused(field: str, bad: str) -> None:
    assert field in problems({field: bad})
    assert "attributes" in problems({"attributes": {"note": [bad]}})
    assert "attributes" in problems({"attributes": {bad: 1}})
    assert "attributes" in problems({"unknown": bad})


@pytest.mark.parametrize("name", [None, "", "  "])
def test_a_name_is_required(name: str | None) -> None:
    assert "name" in problems({"name": name})


@pytest.mark.parametrize("country", ["U", "1a", "ÄÖ", "u-"])
def test_a_country_is_two_letters(country: str) -> None:
    assert "country_code" in problems({"country_code": country})


def test_every_faulty_field_is_named_at_once() -> None:
    found = problems({"name": 1, "email": ["x"], "consent": "yes", "source_id": 0, "attributes": []})
    assert found.keys() == {"name", "email", "consent", "source_id", "attributes"}


@pytest.mark.parametrize("flag", ["consent", "gdpr_consent"])
def test_a_flag_in_json_is_true_false_or_null(flag: str) -> None:
    for value in (True, False, None):
        assert getattr(submission.read(POST | {flag: value}), flag) is value
    others: list[object] = ["true", 1, 0, "", []]
    for other in others:
        assert flag in problems({flag: other}), other


@pytest.mark.parametrize(
    ("text", "expected"),
    [("true", True), (" ON ", True), ("yes", True), ("1", True), ("false", False), ("off", False), ("No", False),
     ("0", False), ("", None), ("  ", None)],
)  # fmt: skip
def test_a_flag_of_a_form_is_read_from_its_text(text: str, expected: bool | None) -> None:
    assert submission.read(POST | {"consent": text}, is_form=True).consent is expected


def test_a_flag_of_a_form_that_means_nothing_is_refused() -> None:
    assert "consent" in problems({"consent": "perhaps"}, is_form=True)


@pytest.mark.parametrize("value", [0, -1, 2**31, True, False, "7", 7.0, math.inf, [7]])
def test_a_source_id_is_a_positive_whole_number(value: object) -> None:
    assert "source_id" in problems({"source_id": value})


def test_a_source_id_of_json_is_a_number_and_of_a_form_its_digits() -> None:
    assert submission.read(POST | {"source_id": 2**31 - 1}).source_id == 2**31 - 1
    assert submission.read(POST | {"source_id": "31"}, is_form=True).source_id == 31
    assert submission.read(POST | {"source_id": ""}, is_form=True).source_id is None
    for text in ("0", "-1", "7.0", "٣", "9" * 400, "2147483648", "00000000001999"):
        assert "source_id" in problems({"source_id": text}, is_form=True), text


def test_fields_the_contract_does_not_name_are_kept_as_attributes() -> None:
    read = submission.read(POST | {"roof_age": 12, "attributes": {"stories": 2, "roof_age": 13}})
    assert read.attributes == {"stories": 2, "roof_age": 13}
    assert submission.read(POST | {"attributes": None}).attributes == {}


def test_the_contracts_own_fields_are_no_attributes() -> None:
    read = submission.read(POST | {"source_id": 1, "source_key": "key", "consent": True, "message": "hi"})
    assert read.attributes == {}


@pytest.mark.parametrize("attributes", ["text", 1, True, ["x"]])
def test_attributes_are_an_object(attributes: object) -> None:
    assert "attributes" in problems({"attributes": attributes})


def test_attributes_are_at_most_a_hundred() -> None:
    assert problems({"attributes": {f"field{n}": n for n in range(100)}}) == {}
    assert "attributes" in problems({"attributes": {f"field{n}": n for n in range(101)}})
    assert "attributes" in problems({"attributes": {f"field{n}": n for n in range(100)}, "one_more": 1})


def nested(levels: int) -> object:
    value: object = "leaf"
    for _ in range(levels):
        value = [value]
    return value


def test_attributes_are_nested_ten_levels_deep_at_most() -> None:
    assert problems({"attributes": {"deep": nested(9)}}) == {}
    assert "attributes" in problems({"attributes": {"deep": nested(10)}})
    assert "attributes" in problems({"attributes": {"deep": nested(900)}})


@pytest.mark.parametrize("number", [math.inf, -math.inf, math.nan])
def test_a_number_that_json_has_not_is_refused(number: float) -> None:
    assert "attributes" in problems({"attributes": {"area": [{"x": number}]}})


def test_the_content_hash_tells_content_apart_and_nothing_else() -> None:
    base = submission.read(POST | {"attributes": {"a": 1, "b": 2}}).content_hash()
    same = POST | {"attributes": {"b": 2, "a": 1}, "source_key": "key", "idempotency_key": "k" * 16, "name": " Jane "}
    assert submission.read(same).content_hash() == base
    changes: list[dict[str, Any]] = [{"message": "hi"}, {"consent": True}, {"attributes": {"a": 1}}, {"city": "A"}]
    for change in changes:
        assert submission.read(POST | {"attributes": {"a": 1, "b": 2}} | change).content_hash() != base, change


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*submission.LONGEST, "consent", "source_id", "attributes", "other"]), JSON))
def test_whatever_is_posted_is_read_or_refused_by_name(fields: dict[str, Any]) -> None:
    refused = refusal_of(fields)
    assert refused is None or (refused.status, refused.code) == (400, "invalid_request")
