"""The Normalization Strategy of the Duplicate Detection Contract."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadgen.leads.domain import normalization


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("  John.Smith@Example.COM\t", "john.smith@example.com"),
        ("a@b.c", "a@b.c"),
        ("tag+one@example.com", "tag+one@example.com"),
        ("zoë@exämple.com", "zoë@exämple.com"),
        ("", None),
        ("   ", None),
        (None, None),
        ("no-at.example.com", None),
        ("two@@example.com", None),
        ("no-dot@localhost", None),
        ("inner space@example.com", None),
        ("a@b.c\nd@e.f", None),
        ("x" * 309 + "@example.com", None),
        ("x" * 308 + "@example.com", "x" * 308 + "@example.com"),
    ],
)
def test_an_email_is_trimmed_and_lowered_or_none(raw: str | None, expected: str | None) -> None:
    assert normalization.email(raw) == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("+15125550123", "+15125550123"),
        ("  +15125550123 ", "+15125550123"),
        ("+12345678", "+12345678"),  # E.164 begins at eight digits here
        ("+1234567890123456", "+1234567890123456"),  # and ends at sixteen
        ("+12345678901234567", "12345678901234567"),
        ("+1234567", "1234567"),
        ("+05125550123", "05125550123"),
        ("+1 (512) 555-0123", "15125550123"),
        ("(512) 555-0123", "5125550123"),
        ("512.555.0123 ext. 4", "51255501234"),
        ("1234567", "1234567"),
        ("123456", None),
        ("12-34-56", None),
        ("call me", None),
        ("", None),
        (None, None),
        ("١٢٣٤٥٦٧٨", None),  # Arabic-Indic digits are no digits of a phone number
        ("+١٢٣٤٥٦٧٨٩", None),
        ("512555٠١٢٣", None),
        ("1" * 32, "1" * 32),
        ("1" * 33, None),
    ],
)
def test_a_phone_stays_e164_or_becomes_its_digits_or_none(raw: str | None, expected: str | None) -> None:
    assert normalization.phone(raw) == expected


@given(st.text(max_size=60))
def test_normalizing_twice_changes_nothing_and_fits_the_columns(raw: str) -> None:
    phone, email = normalization.phone(raw), normalization.email(raw)
    assert normalization.phone(phone) == phone
    assert phone is None or 7 <= len(phone) <= 32
    assert email is None or (normalization.email(email) == email and 3 <= len(email) <= 320)


@given(st.from_regex(r"[0-9]{7,15}", fullmatch=True), st.sampled_from([" ", "-", ".", "(", ")", "/", "x"]))
def test_symbols_between_the_digits_do_not_make_another_phone(digits: str, symbol: str) -> None:
    assert normalization.phone(symbol.join(digits)) == digits


def test_a_postal_code_is_trimmed_and_capital() -> None:
    assert normalization.postal_code(" sw1a 1aa ") == "SW1A 1AA"


def test_a_city_keeps_its_capitals_and_is_compared_without_them() -> None:
    assert normalization.city("  Fort \t Collins ") == "Fort Collins"
    assert normalization.folded(" FORT  collins") == normalization.folded("Fort Collins") == "fort collins"
