"""Writes XML elements with escaped text."""

import re
from collections.abc import Mapping

# What XML 1.0 has no way to hold, not even escaped: almost all control characters.
_UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

# A parser makes a line feed of a carriage return, and of either in an attribute a space, unless they are escaped.
_ESCAPED = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})
_ESCAPED_IN_ATTRIBUTE = _ESCAPED | str.maketrans({'"': "&quot;", "\n": "&#10;", "\t": "&#9;"})

DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'


def text(written: str) -> str:
    """Text between tags. What XML cannot hold is left out."""
    return _UNWRITABLE.sub("", written).translate(_ESCAPED)


def element(name: str, content: str = "", attributes: Mapping[str, str] | None = None) -> str:
    """An element; its content is XML already, and its attributes are text."""
    written = "".join(
        f' {key}="{_UNWRITABLE.sub("", value).translate(_ESCAPED_IN_ATTRIBUTE)}"'
        for key, value in (attributes or {}).items()
    )
    return f"<{name}{written}>{content}</{name}>" if content else f"<{name}{written}/>"
