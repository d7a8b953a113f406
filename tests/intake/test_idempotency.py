"""The Lead Ingestion Idempotency Contract: keys given and keys derived."""

import hashlib
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadgen.intake.domain import idempotency
from leadgen.kernel.errors import Refusal

ALLOWED = string.ascii_letters + string.digits + "._:-"
FIELDS: dict[str, Any] = {
    "name": " John Smith ",
    "email": " John@Example.COM ",
    "phone": "+1 512 555\t0123",
    "country_code": "us",
    "postal_code": " sw1a 1aa ",
    "message": " Emergency plumbing needed ",
}


def test_a_given_key_is_trimmed_and_nothing_else() -> None:
    assert idempotency.canonicalize("  AbC.def:ghi_-0123 \n") == "AbC.def:ghi_-0123"


@pytest.mark.parametrize("length", [16, 17, 127, 128])
def test_a_key_of_16_to_128_characters_is_accepted(length: int) -> None:
    assert idempotency.canonicalize("k" * length) == "k" * length


@pytest.mark.parametrize(
    "key",
    [
        "",
        " ",
        "k" * 15,
        "k" * 129,
        f" {'k' * 15} ",
        "k" * 15 + "é",
        "k" * 16 + "/",
        "inner blank here1",
        "k" * 16 + "\nk",
    ],
)
def test_any_other_key_is_refused(key: str) -> None:
    with pytest.raises(Refusal) as refused:
        idempotency.canonicalize(key)
    assert (refused.value.status, refused.value.code) == (400, "invalid_idempotency_key_format")


@given(st.text(st.one_of(st.sampled_from(ALLOWED), st.characters()), min_size=14, max_size=20))
def test_the_charset_is_exactly_the_contracts(key: str) -> None:
    valid = 16 <= len(key.strip()) <= 128 and set(key.strip()) <= set(ALLOWED)
    try:
        assert idempotency.canonicalize(key) == key.strip()
        accepted = True
    except Refusal:
        accepted = False
    assert accepted is valid


def test_a_derived_key_is_the_sha256_of_the_labeled_lines() -> None:
    written_out = (
        "source_id=31\n"
        "name=John Smith\n"
        "email=john@example.com\n"
        "phone=+15125550123\n"
        "country=US\n"
        "postal=SW1A 1AA\n"
        "message=Emergency plumbing needed"
    )
    derived = idempotency.derive(31, idempotency.material(**FIELDS))
    assert derived == hashlib.sha256(written_out.encode("utf-8")).hexdigest()
    assert idempotency.canonicalize(derived) == derived


def test_no_message_is_an_empty_message() -> None:
    assert idempotency.material(**FIELDS | {"message": None}).endswith("\nmessage=")
    assert idempotency.material(**FIELDS | {"message": None}) == idempotency.material(**FIELDS | {"message": "  "})


@pytest.mark.parametrize("missing", ["email", "phone", "postal_code"])
@pytest.mark.parametrize("blank", ["", " \t"])
def test_a_key_is_not_derived_without_email_phone_and_postal_code(missing: str, blank: str) -> None:
    with pytest.raises(Refusal) as refused:
        idempotency.material(**FIELDS | {missing: blank})
    assert (refused.value.status, refused.value.code) == (400, "idempotency_derivation_failed")
    assert refused.value.details == {"missing": [missing]}


def test_every_missing_field_is_named_at_once() -> None:
    with pytest.raises(Refusal) as refused:
        idempotency.material(**FIELDS | {"email": "", "phone": "", "postal_code": ""})
    assert refused.value.details == {"missing": ["email", "phone", "postal_code"]}


@pytest.mark.parametrize("changed", ["name", "email", "phone", "country_code", "postal_code", "message"])
def test_every_field_of_the_formula_makes_another_key(changed: str) -> None:
    other = idempotency.material(**FIELDS | {changed: FIELDS[changed] + "x"})
    assert idempotency.derive(31, other) != idempotency.derive(31, idempotency.material(**FIELDS))


def test_the_source_makes_another_key() -> None:
    payload = idempotency.material(**FIELDS)
    assert idempotency.derive(31, payload) != idempotency.derive(32, payload)


@pytest.mark.parametrize(
    ("field", "variant"),
    [
        ("email", "JOHN@example.com"),
        ("phone", "+15125550123"),
        ("country_code", " US "),
        ("postal_code", "SW1A 1AA"),
        ("name", "John Smith"),
    ],
)
def test_capitals_and_spaces_that_mean_nothing_make_the_same_key(field: str, variant: str) -> None:
    assert idempotency.material(**FIELDS | {field: variant}) == idempotency.material(**FIELDS)
