"""What mails to buyers are made of: text in which nothing hides, and the page that HTML stands in.

Built by joining strings, each value escaped once where it goes in; nothing is loaded from anywhere when it is read.
"""

import re
from dataclasses import dataclass
from html import escape

_LINE_ENDS = re.compile("\r\n|[\r\v\f\x1c-\x1e\x85\u2028\u2029]")
# Control characters, halves of characters, and marks that turn the order in which the text after them is read.
_UNSEEN = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_NOTHING = "-"


@dataclass(frozen=True)
class MailText:
    """A mail's words. ``subject`` is one line."""

    subject: str
    text: str
    html: str


def lines(text: str) -> str:
    """The text without what cannot be seen; only its line ends stay."""
    return _UNSEEN.sub("", _LINE_ENDS.sub("\n", text)).strip() or _NOTHING


def line(text: str) -> str:
    """The text as one line."""
    return " ".join(lines(text).split())


_STYLE = """
:root{color-scheme:light dark;supported-color-schemes:light dark}
body,.page{background:#f3f4f6}
.card{background:#ffffff;color:#111827}
@media (max-width:480px){
.label,.value{display:block;width:auto!important}
.label{padding-bottom:0!important}
.value{padding-top:2px!important;border:0!important}
}
@media (prefers-color-scheme:dark){
body,.page{background:#0b0f17!important}
.card{background:#161b26!important;color:#e5e7eb!important;border-color:#2b3342!important}
.label{color:#9ca3af!important}
.label,.value{border-color:#2b3342!important}
.link{color:#93c5fd!important}
}
"""
_FONT = "font-family:-apple-system,BlinkMacSystemFont,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;"
CELL = "padding:10px 0;border-top:1px solid #e5e7eb;text-align:left;vertical-align:top;font-size:16px;line-height:22px;"
BUTTON = (
    "display:inline-block;margin:0 8px 8px 0;padding:12px 20px;border-radius:8px;background:#1d4ed8;color:#ffffff;"
    "font-size:16px;font-weight:600;text-decoration:none;"
)


def page(title: str, about: str, content: str) -> str:
    """The whole of a mail's HTML; ``content`` is HTML already, the others are text."""
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><meta name="supported-color-schemes" content="light dark">
<title>{escape(title)}</title><style>{_STYLE}</style></head>
<body style="margin:0;padding:0;{_FONT}">
<div class="page" style="padding:24px 12px;">
<div class="card" style="max-width:600px;margin:0 auto;padding:24px;border:1px solid #e5e7eb;border-radius:12px;">
<h1 style="margin:0 0 4px;font-size:22px;line-height:28px;">{escape(title)}</h1>
<p class="label" style="margin:0 0 20px;color:#6b7280;font-size:16px;">{escape(about)}</p>
{content}
</div></div></body></html>
"""


def shown(text: str) -> str:
    """Escaped, and in a frame of its own: right-to-left script turns nothing beside it."""
    return f'<bdi dir="auto">{escape(text)}</bdi>'.replace("\n", "<br>")
