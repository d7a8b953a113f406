"""The mail by which a buyer gets a lead: subject, plain text and HTML.

Built by joining strings, each value escaped once where it goes in. There is no template language, so nothing that a
lead holds can be taken for one; and nothing is loaded from anywhere when the mail is read.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from urllib.parse import quote
from zoneinfo import ZoneInfo

from leadgen.domain.lead_facts import LeadFacts

_LINE_ENDS = re.compile("\r\n|[\r\v\f\x1c-\x1e\x85\u2028\u2029]")
# Control characters, halves of characters, and marks that turn the order in which the text after them is read.
_UNSEEN = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_TELEPHONE = re.compile(r"\+?[0-9](?!.*\(0\))[0-9 ().-]{3,24}")  # +44 (0)20 … is no number as it stands
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,255}")
_NOTHING = "-"
_LONGEST_NAME = 60  # of a market or a vertical in a subject
_WIDEST_LABEL = 20


@dataclass(frozen=True)
class MailText:
    """A mail's words. ``subject`` is one line."""

    subject: str
    text: str
    html: str


@dataclass(frozen=True)
class _Row:
    """A fact with its name; ``link`` is where a touch on it leads."""

    label: str
    value: str
    link: str | None = None


def compose(facts: LeadFacts) -> MailText:
    """The lead as its buyer reads it. The subject names no person: it is shown on locked screens and kept in logs."""
    title = f"New lead #{facts.lead_id}"
    about = ", ".join(name[:_LONGEST_NAME] for name in (_label(facts.vertical), _line(facts.market)))
    lead, sale = list(_lead(facts)), list(_sale(facts))
    return MailText(f"{title}: {about}", _text(f"{title}: {about}", [lead, sale]), _html(title, about, lead, sale))


def _lead(facts: LeadFacts) -> Iterator[_Row]:
    yield _Row("Name", _line(facts.name))
    yield _Row("Phone", _line(facts.phone), _telephone_link(facts.phone))
    yield _Row("E-mail", _line(facts.email), _email_link(facts.email))
    yield _Row("Place", _place(facts))
    for name, value in facts.attributes.items():
        yield _Row(_label(name), _lines(_said(value)))
    yield _Row("Message", _lines(facts.message or ""))


def _sale(facts: LeadFacts) -> Iterator[_Row]:
    received = facts.received_at.astimezone(ZoneInfo(facts.timezone))
    yield _Row("Price", f"{facts.price:f} {_line(facts.currency)}")
    yield _Row("Received", f"{received:%Y-%m-%d %H:%M} {received.tzname()}")
    yield _Row("Offer", _line(facts.offer))
    yield _Row("Source", _line(facts.source))
    yield _Row("Delivery", _line(facts.delivery_id))


def _place(facts: LeadFacts) -> str:
    town = " ".join(part for part in (facts.region_code, facts.postal_code) if part)
    return _line(", ".join(part for part in (facts.city, town, facts.country_code) if part))


def _label(name: str) -> str:
    """A name as it is written in configuration, for people to read: ``best_time`` becomes Best time."""
    words = _line(re.sub("[_-]", " ", name))
    return words[:1].upper() + words[1:]


def _said(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case str():
            return value
        case Mapping():
            return "; ".join(f"{_label(str(name))}: {_said(part)}" for name, part in value.items())
        case Sequence():
            return ", ".join(_said(part) for part in value)
        case _:
            return str(value)


def _lines(text: str) -> str:
    """The text without what cannot be seen; only its line ends stay."""
    return _UNSEEN.sub("", _LINE_ENDS.sub("\n", text)).strip() or _NOTHING


def _line(text: str) -> str:
    return " ".join(_lines(text).split())


def _telephone_link(phone: str) -> str | None:
    return f"tel:{re.sub('[^+0-9]', '', phone)}" if _TELEPHONE.fullmatch(phone) else None


def _email_link(email: str) -> str | None:
    # Quoted, an address cannot bring a subject, a text or further recipients with it.
    return f"mailto:{quote(email, safe='@')}" if email == _line(email) and _EMAIL.fullmatch(email) else None


def _text(title: str, groups: Sequence[Sequence[_Row]]) -> str:
    lines = [title]
    for rows in groups:
        lines.append("")
        width = min(max(len(row.label) for row in rows), _WIDEST_LABEL) + 2
        for row in rows:
            # Later lines are set in as the first one is: none can pass for a row of its own.
            lines.append(f"{row.label}: ".ljust(width) + row.value.replace("\n", "\n" + " " * width))
    return "\n".join(lines) + "\n"


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
_CELL = (
    "padding:10px 0;border-top:1px solid #e5e7eb;text-align:left;vertical-align:top;font-size:16px;line-height:22px;"
)
_BUTTON = (
    "display:inline-block;margin:0 8px 8px 0;padding:12px 20px;border-radius:8px;background:#1d4ed8;color:#ffffff;"
    "font-size:16px;font-weight:600;text-decoration:none;"
)


def _html(title: str, about: str, lead: Sequence[_Row], sale: Sequence[_Row]) -> str:
    buttons = "".join(
        f'<a href="{escape(row.link)}" style="{_BUTTON}">{"Call" if row.label == "Phone" else "Write"}</a>'
        for row in lead
        if row.link
    )
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><meta name="supported-color-schemes" content="light dark">
<title>{escape(title)}</title><style>{_STYLE}</style></head>
<body style="margin:0;padding:0;{_FONT}">
<div class="page" style="padding:24px 12px;">
<div class="card" style="max-width:600px;margin:0 auto;padding:24px;border:1px solid #e5e7eb;border-radius:12px;">
<h1 style="margin:0 0 4px;font-size:22px;line-height:28px;">{escape(title)}</h1>
<p class="label" style="margin:0 0 20px;color:#6b7280;font-size:16px;">{escape(about)}</p>
<div>{buttons}</div>
{_table(lead)}
{_table(sale)}
</div></div></body></html>
"""


def _table(rows: Sequence[_Row]) -> str:
    cells = "\n".join(
        f'<tr><th class="label" scope="row" style="{_CELL}width:120px;padding-right:16px;color:#6b7280;'
        f'font-weight:400;overflow-wrap:anywhere;">{_shown(row.label)}</th>'
        f'<td class="value" style="{_CELL}overflow-wrap:anywhere;word-break:break-word;">{_value(row)}</td></tr>'
        for row in rows
    )
    return (
        '<table style="width:100%;margin:12px 0 0;border-collapse:collapse;table-layout:fixed;">\n'
        + cells
        + "\n</table>"
    )


def _value(row: _Row) -> str:
    if row.link is None:
        return _shown(row.value)
    return f'<a class="link" href="{escape(row.link)}" style="color:#1d4ed8;">{_shown(row.value)}</a>'


def _shown(text: str) -> str:
    """Escaped, and in a frame of its own: right-to-left script turns nothing beside it."""
    return f'<bdi dir="auto">{escape(text)}</bdi>'.replace("\n", "<br>")
