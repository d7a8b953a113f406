"""What is known of a number, an address and a postal code without telling them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadgen.leads.domain import contacts
from leadgen.leads.domain.contacts import Phone, PostalCode


@pytest.mark.parametrize(
    ("raw", "country", "valid", "region", "kind", "area_code"),
    [
        ("(303) 866-2471", "US", True, "US", "fixed_line_or_mobile", "303"),
        ("+1 303 866 2471", "DE", True, "US", "fixed_line_or_mobile", "303"),
        ("13038662471", "US", True, "US", "fixed_line_or_mobile", "303"),
        ("+442079460018", "US", True, "GB", "fixed_line", "20"),
        ("+4915123456789", "US", True, "DE", "mobile", None),
        ("8002345678", "US", True, "US", "toll_free", None),
        ("900-234-5678", "US", True, "US", "premium_rate", None),
        ("7872345678", "US", True, "PR", "fixed_line_or_mobile", "787"),
        ("55501", "US", False, None, "unknown", None),
        ("123-456-7890", "US", False, None, "unknown", None),
        ("call me", "US", False, None, "unknown", None),
        ("5125550102", "XX", False, None, "unknown", None),
    ],
)  # fmt: skip
def test_a_number_is_known_by_its_plan(
    raw: str, country: str, valid: bool, region: str | None, kind: str, area_code: str | None
) -> None:
    found = contacts.phone(raw, country)
    assert found is not None
    assert (found.valid, found.region, found.kind, found.area_code) == (valid, region, kind, area_code)


@pytest.mark.parametrize(
    ("raw", "country", "fictional"),
    [
        ("512-555-0100", "US", True),
        ("+1 613 555 0199", "CA", True),
        ("+15125550102", "GB", True),
        ("512-555-0200", "US", False),
        ("512-555-1010", "US", False),
        ("512-554-0100", "US", False),
        ("+49 512 555 0100", "DE", False),
    ],
)
def test_numbers_for_stories_are_told_from_people_s(raw: str, country: str, fictional: bool) -> None:
    found = contacts.phone(raw, country)
    assert found is not None
    assert found.fictional is fictional


@pytest.mark.parametrize(
    ("raw", "patterned"),
    [
        ("5555555555", True), ("+1 (222) 222-2222", True), ("1234567890", True), ("0123456789", True),
        ("9876543210", True), ("0987654321", True), ("1111111", True), ("+1 303 866 2471", False),
        ("5125555555", True), ("602-222-2222", True), ("1111112", False), ("111111", False),
    ],
)  # fmt: skip
def test_one_digit_over_and_over_and_counting_are_patterns(raw: str, patterned: bool) -> None:
    found = contacts.phone(raw, "US")
    assert found is not None
    assert found.patterned is patterned


@pytest.mark.parametrize("blank", ["", "   ", "\t"])
def test_of_nothing_nothing_is_known(blank: str) -> None:
    assert contacts.phone(blank, "US") is None
    assert contacts.postal_code("", "US", "TX") is None


@given(raw=st.text(max_size=40), country=st.sampled_from(["US", "CA", "DE", "XX", "", "zz"]))
def test_whatever_is_written_has_facts_or_is_blank(raw: str, country: str) -> None:
    assert isinstance(contacts.phone(raw, country), Phone | None)
    contacts.email_domain(raw)
    contacts.postal_code(raw, country, raw)


@pytest.mark.parametrize(
    ("raw", "domain"),
    [
        ("jane@example.com", "example.com"),
        ("  Jane.Doe+x@EXAMPLE.Com ", "example.com"),
        ("jane@münchen.example", "xn--mnchen-3ya.example"),
        ("jane@example", None),
        ("jane@@example.com", None),
        ("jane example.com", None),
        ("jane@-example.com", None),
        ("jane@example..com", None),
        ("", None),
    ],
)
def test_an_address_has_a_domain_or_is_none(raw: str, domain: str | None) -> None:
    assert contacts.email_domain(raw) == domain


@pytest.mark.parametrize(
    ("code", "country", "region", "expected"),
    [
        ("78701", "US", "TX", PostalCode(True, True)),
        ("78701", "US", "US-TX", PostalCode(True, True)),
        ("78701", "US", "us-tx", PostalCode(True, True)),
        ("78701", "US", "Texas", PostalCode(True, True)),
        ("78701-1234", "US", "TX", PostalCode(True, True)),
        ("33602", "US", "TX", PostalCode(True, False)),
        ("33602", "US", None, PostalCode(True, None)),
        ("33602", "US", "Atlantis", PostalCode(True, None)),
        ("7870", "US", "TX", PostalCode(False, True)),
        ("787011", "US", None, PostalCode(False, None)),
        ("K1A 0B1", "CA", "ON", PostalCode(True, True)),
        ("K1A 0B1", "CA", "CA-BC", PostalCode(True, False)),
        ("K1A 0B1", "US", None, PostalCode(False, None)),
        ("SW1A 1AA", "GB", None, PostalCode(True, None)),
        ("SW1A 1AAX", "GB", None, PostalCode(False, None)),
        ("anything", "HK", None, PostalCode(None, None)),
        ("anything", "XX", "TX", PostalCode(None, None)),
    ],
)
def test_a_postal_code_is_held_against_its_country_and_region(
    code: str, country: str, region: str | None, expected: PostalCode
) -> None:
    assert contacts.postal_code(code, country, region) == expected
