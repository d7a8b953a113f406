"""Formats e-mail addresses for the headers of a mail."""

from email.errors import MessageError
from email.headerregistry import Address


def parse(text: str) -> Address:
    """An address without a name before it, of ASCII before the @. Raises ValueError for what is none."""
    try:
        return Address(addr_spec=text)
    except (MessageError, AttributeError, IndexError) as error:  # the standard library's parser stumbles in many ways
        raise ValueError("no e-mail address") from error
