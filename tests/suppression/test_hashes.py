"""Hashes by which people stand on lists: one for an address, one for each spelling of a number."""

import hashlib

import pytest

from leadgen.suppression import domain as suppression_domain
from leadgen.suppression.domain import Hashed


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_an_address_has_one_spelling() -> None:
    assert suppression_domain.of_email("  Jane@Example.COM ") == Hashed("email", sha("jane@example.com"))


@pytest.mark.parametrize("raw", ["+15125550102", "(512) 555-0102", "1 512 555 0102", "512.555.0102"])
def test_a_number_has_three_spellings_however_it_was_written(raw: str) -> None:
    assert suppression_domain.of_phone(raw, "US") == tuple(
        Hashed("phone", sha(spelling)) for spelling in ("+15125550102", "15125550102", "5125550102")
    )


def test_a_number_is_read_by_the_country_of_the_lead() -> None:
    assert suppression_domain.of_phone("020 7946 0018", "GB")[0] == Hashed("phone", sha("+442079460018"))


@pytest.mark.parametrize(("raw", "hashes"), [("55501", 3), ("", 0), ("call me", 0), ("+", 0)])
def test_what_is_no_number_has_few_hashes_and_harms_nobody(raw: str, hashes: int) -> None:
    assert len(suppression_domain.of_phone(raw, "US")) == hashes


def test_digits_that_are_no_number_anywhere_are_taken_as_they_stand() -> None:
    assert suppression_domain.of_phone("(512) 555", "XX") == (Hashed("phone", sha("512555")),)


def test_a_hash_is_64_hex_digits_in_either_case() -> None:
    assert suppression_domain.given_hash(sha("x").upper()) == sha("x")
    for text in ("5125550102", sha("x")[:-1], sha("x") + "0", "g" * 64):
        assert suppression_domain.given_hash(text) is None
