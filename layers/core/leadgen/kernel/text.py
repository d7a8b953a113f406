"""Checks that posted text can be stored and searched by the database."""

from typing import Annotated

from pydantic import AfterValidator


def storable_text(value: str) -> bool:
    """Whether PostgreSQL can keep it: no NUL, no half of a surrogate pair."""
    return "\x00" not in value and not any("\ud800" <= character <= "\udfff" for character in value)


def _storable(text: str) -> str:
    if not storable_text(text):
        raise ValueError("holds a NUL or a broken surrogate character")
    return text


StorableText = Annotated[str, AfterValidator(_storable)]
