"""The spellings of a telephone number that a buyer's format may choose."""

import re
from typing import Literal

PhoneFormat = Literal["e164", "digits", "national", "dashed", "ten_digits"]

# Those that only the North American plan has: for any other number they give E.164.
NORTH_AMERICAN = ("national", "dashed", "ten_digits")

# The countries and territories of the North American plan: a number of theirs has ten digits after +1.
NORTH_AMERICA = frozenset(
    "AG AI AS BB BM BS CA DM DO GD GU JM KN KY LC MP MS PR SX TC TT US VC VG VI".split()  # noqa: SIM905 - a table
)

_NOT_A_DIGIT = re.compile(r"[^0-9]+")
_TEN_DIGITS = re.compile(r"1?([2-9][0-9]{2})([2-9][0-9]{2})([0-9]{4})")


def written(phone: str, country_code: str, spelling: PhoneFormat) -> str:
    """A lead's number in a buyer's spelling.

    A number without + is taken for one of its lead's country where that has the North American plan. Where no country
    is found there is no E.164: its digits alone, or what was posted if it has none.
    """
    digits = _NOT_A_DIGIT.sub("", phone)
    is_international = phone.lstrip().startswith("+")
    parts = _TEN_DIGITS.fullmatch(digits)
    if parts is None or (not digits.startswith("1") if is_international else country_code not in NORTH_AMERICA):
        return f"+{digits}" if is_international and digits and spelling != "digits" else digits or phone
    area, exchange, line = parts.groups()
    match spelling:
        case "e164":
            return f"+1{area}{exchange}{line}"
        case "digits":
            return f"1{area}{exchange}{line}"
        case "national":
            return f"({area}) {exchange}-{line}"
        case "dashed":
            return f"{area}-{exchange}-{line}"
        case "ten_digits":
            return f"{area}{exchange}{line}"
