"""Reads a request's single text field, such as the reason for a decision."""

from collections.abc import Mapping

from leadgen.kernel.errors import Refusal
from leadgen.kernel.text import storable_text

LONGEST = 500


def read(fields: Mapping[str, object], name: str, *, longest: int = LONGEST) -> str:
    """The one field of a body. Raises Refusal 400."""
    if strange := sorted(set(fields) - {name}):
        raise Refusal(400, "invalid_request", f"{', '.join(strange)}: is no field here; send {name}")
    return text(fields.get(name), name, longest=longest)


def text(written: object, name: str, *, longest: int = LONGEST) -> str:
    """A remark, trimmed. Raises Refusal 400."""
    if not isinstance(written, str) or not 0 < len(written.strip()) <= longest or not storable_text(written):
        raise Refusal(400, "invalid_request", f"{name}: say why, in 1 to {longest} characters")
    return written.strip()
