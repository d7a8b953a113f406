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

from leadgen.delivery.domain.lead_facts import LeadFacts
from leadgen.kernel.mail_page import BUTTON, CELL, MailText, line, lines, page, shown

_TELEPHONE = re.compile(r"\+?[0-9](?!.*\(0\))[0-9 ().-]{3,24}")  # +44 (0)20 … is no number as it stands
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,255}")
_LONGEST_NAME = 60  # of a market or a vertical in a subject
_WIDEST_LABEL = 20


@dataclass(frozen=True)
class _Row:
    """A fact with its name; ``link`` is where a touch on it leads."""

    label: str
    value: str
    link: str | None = None


def compose(facts: LeadFacts) -> MailText:
    """The lead as its buyer reads it. The subject names no person: it is shown on locked screens and kept in logs."""
    title = f"New lead #{facts.lead_id}"
    about = ", ".join(name[:_LONGEST_NAME] for name in (_label(facts.vertical), line(facts.market)))
    lead, sale = list(_lead(facts)), list(_sale(facts))
    return MailText(f"{title}: {about}", _text(f"{title}: {about}", [lead, sale]), _html(title, about, lead, sale))


def _lead(facts: LeadFacts) -> Iterator[_Row]:
    yield _Row("Name", line(facts.name))
    yield _Row("Phone", line(facts.phone), _telephone_link(facts.phone))
    yield _Row("E-mail", line(facts.email), _email_link(facts.email))
    yield _Row("Place", _place(facts))
    for name, value in facts.attributes.items():
        yield _Row(_label(name), lines(_value_text(value)))
    yield _Row("Message", lines(facts.message or ""))


def _sale(facts: LeadFacts) -> Iterator[_Row]:
    received = facts.received_at.astimezone(ZoneInfo(facts.timezone))
    yield _Row("Price", f"{facts.price:f} {line(facts.currency)}")
    yield _Row("Received", f"{received:%Y-%m-%d %H:%M} {received.tzname()}")
    yield _Row("Offer", line(facts.offer))
    yield _Row("Source", line(facts.source))
    yield _Row("Delivery", line(facts.delivery_id))


def _place(facts: LeadFacts) -> str:
    town = " ".join(part for part in (facts.region_code, facts.postal_code) if part)
    return line(", ".join(part for part in (facts.city, town, facts.country_code) if part))


def _label(name: str) -> str:
    """A name as it is written in configuration, for people to read: ``best_time`` becomes Best time."""
    words = line(re.sub("[_-]", " ", name))
    return words[:1].upper() + words[1:]


def _value_text(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case str():
            return value
        case Mapping():
            return "; ".join(f"{_label(str(name))}: {_value_text(part)}" for name, part in value.items())
        case Sequence():
            return ", ".join(_value_text(part) for part in value)
        case _:
            return str(value)


def _telephone_link(phone: str) -> str | None:
    return f"tel:{re.sub('[^+0-9]', '', phone)}" if _TELEPHONE.fullmatch(phone) else None


def _email_link(email: str) -> str | None:
    # Quoted, an address cannot bring a subject, a text or further recipients with it.
    return f"mailto:{quote(email, safe='@')}" if email == line(email) and _EMAIL.fullmatch(email) else None


def _text(title: str, groups: Sequence[Sequence[_Row]]) -> str:
    lines = [title]
    for rows in groups:
        lines.append("")
        width = min(max(len(row.label) for row in rows), _WIDEST_LABEL) + 2
        for row in rows:
            # Later lines are set in as the first one is: none can pass for a row of its own.
            lines.append(f"{row.label}: ".ljust(width) + row.value.replace("\n", "\n" + " " * width))
    return "\n".join(lines) + "\n"


def _html(title: str, about: str, lead: Sequence[_Row], sale: Sequence[_Row]) -> str:
    buttons = "".join(
        f'<a href="{escape(row.link)}" style="{BUTTON}">{"Call" if row.label == "Phone" else "Write"}</a>'
        for row in lead
        if row.link
    )
    return page(title, about, f"<div>{buttons}</div>\n{_table(lead)}\n{_table(sale)}")


def _table(rows: Sequence[_Row]) -> str:
    cells = "\n".join(
        f'<tr><th class="label" scope="row" style="{CELL}width:120px;padding-right:16px;color:#6b7280;'
        f'font-weight:400;overflow-wrap:anywhere;">{shown(row.label)}</th>'
        f'<td class="value" style="{CELL}overflow-wrap:anywhere;word-break:break-word;">{_value(row)}</td></tr>'
        for row in rows
    )
    return (
        '<table style="width:100%;margin:12px 0 0;border-collapse:collapse;table-layout:fixed;">\n'
        + cells
        + "\n</table>"
    )


def _value(row: _Row) -> str:
    if row.link is None:
        return shown(row.value)
    return f'<a class="link" href="{escape(row.link)}" style="color:#1d4ed8;">{shown(row.value)}</a>'
