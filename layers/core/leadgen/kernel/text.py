"""Text that somebody posts and the database keeps or is asked for."""

from typing import Annotated

from pydantic import AfterValidator

from leadgen.intake.domain.submission import storable_text


def _storable(text: str) -> str:
    if not storable_text(text):
        raise ValueError("holds a NUL or a broken surrogate character")
    return text


StorableText = Annotated[str, AfterValidator(_storable)]
