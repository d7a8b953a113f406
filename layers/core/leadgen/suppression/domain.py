"""Hashes e-mail addresses and telephone numbers (SHA-256) of people who must not be sold."""

import hashlib
import re
from dataclasses import dataclass
from typing import Literal

Kind = Literal["phone", "email"]
_HASH = re.compile(r"[0-9a-fA-F]{64}")
_NOT_A_DIGIT = re.compile(r"[^0-9]+")


@dataclass(frozen=True)
class Hashed:
    """An address or number that is not disclosed: ``hash`` is SHA-256 in hex."""

    kind: Kind
    hash: str


def of_email(raw: str) -> Hashed:
    """An address in its one spelling, ``lower_trim``."""
    return Hashed("email", _sha256(raw.strip().lower()))


def of_phone(raw: str, country_code: str) -> tuple[Hashed, ...]:
    """A number in the spellings that lists are hashed from: +15125550102, 15125550102 and 5125550102, in this order.

    One that cannot be a number in that country has only its digits, one without digits nothing.
    """
    # Route calls this too, but only for leads that were held: it does not wait for the library at its start.
    from leadgen.leads.domain import contacts

    number = contacts.parsed(raw, country_code)
    if number is None:
        spellings = [_NOT_A_DIGIT.sub("", raw)]
    else:
        international = contacts.e164(number)
        spellings = [international, international[1:], international[1 + len(str(number.country_code)) :]]
    return tuple(Hashed("phone", _sha256(spelling)) for spelling in spellings if spelling)


def of_lead(email: str, phone: str, country_code: str) -> tuple[Hashed, ...]:
    """Everything a lead may stand on a list by."""
    return (of_email(email), *of_phone(phone, country_code))


def given_hash(text: str) -> str | None:
    """A SHA-256 in hex as a list may hold it, in lower case; None where the text is none."""
    return text.lower() if _HASH.fullmatch(text) else None


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
