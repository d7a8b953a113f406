"""The specification's normalization of contact fields: one spelling for each, with no country inferred."""

import re

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_E164 = re.compile(r"\+[1-9][0-9]{7,15}")
_NOT_A_DIGIT = re.compile(r"[^0-9]+")
_SPACES = re.compile(r"\s+")

_SHORTEST_PHONE = 7
_LONGEST_PHONE = 32
_LONGEST_EMAIL = 320


def email(raw: str | None) -> str | None:
    """``lower_trim``: trimmed and lower-cased; None when nothing plausible is left."""
    folded = (raw or "").strip().lower()
    return folded if _EMAIL.fullmatch(folded) and len(folded) <= _LONGEST_EMAIL else None


def phone(raw: str | None) -> str | None:
    """``e164_or_digits``: E.164 as it stands, else the digits alone; None under seven digits."""
    trimmed = (raw or "").strip()
    if _E164.fullmatch(trimmed):
        return trimmed
    digits = _NOT_A_DIGIT.sub("", trimmed)
    return digits if _SHORTEST_PHONE <= len(digits) <= _LONGEST_PHONE else None


def postal_code(raw: str) -> str:
    """``upper_trim``."""
    return raw.strip().upper()


def city(raw: str) -> str:
    """Trimmed, with runs of white space made one space; capitals stay as written."""
    return _SPACES.sub(" ", raw.strip())


def folded(raw: str) -> str:
    """The spelling two place names are compared by."""
    return city(raw).lower()


def region(raw: str | None, country_code: str) -> str | None:
    """ISO 3166-2, in capitals, with the country put before a code that goes without; None when nothing is left."""
    code = (raw or "").strip().upper()
    return None if not code else code if code.startswith(f"{country_code}-") else f"{country_code}-{code}"
