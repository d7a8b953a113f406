"""The page where an invoice is seen and paid: HTML for a phone as for a desk, without scripts and without parts of
anybody else.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from html import escape
from typing import Any
from zoneinfo import ZoneInfo

from leadgen.kernel import money

_STYLE = """
:root{color-scheme:light dark;--ink:#17202a;--soft:#5b6773;--line:#d9dee3;--card:#fff;--ground:#f3f5f7;--act:#0b5fff}
@media(prefers-color-scheme:dark){:root{--ink:#e8edf2;--soft:#9aa7b4;--line:#33404d;--card:#1b232c;--ground:#11171d;--act:#2f6fed}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
main{max-width:30rem;margin:0 auto;padding:1.5rem 1rem}
.card{background:var(--card);border:1px solid var(--line);border-radius:.75rem;padding:1.25rem}
h1{font-size:1.15rem;margin:0 0 .25rem}
.soft{color:var(--soft);margin:0}
.due{font-size:2.1rem;font-weight:650;margin:1rem 0 .25rem;overflow-wrap:anywhere}
dl{display:grid;grid-template-columns:auto 1fr;gap:.35rem 1rem;margin:1.25rem 0;padding-top:1rem;
border-top:1px solid var(--line)}
dt{color:var(--soft)}dd{margin:0;text-align:right;overflow-wrap:anywhere}
button,.button{display:block;width:100%;padding:.85rem;border:0;border-radius:.5rem;background:var(--act);color:#fff;
font:inherit;font-weight:600;text-align:center;text-decoration:none;cursor:pointer}
button:focus-visible,a:focus-visible{outline:3px solid var(--ink);outline-offset:2px}
.second{background:none;color:var(--ink);border:1px solid var(--line);margin-top:.75rem}
.apart{margin-top:1.5rem}
.note{border-radius:.5rem;border:1px solid var(--line);padding:.75rem;margin:1rem 0 0}
"""

STYLE_SOURCE = f"'sha256-{base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'"
"""The page's own style, as a content security policy names it."""


@dataclass(frozen=True)
class PageInvoice:
    """What the page shows of an invoice. ``seller`` is as it was issued; ``may_pay``: by card, now; ``document``: where
    its PDF is.
    """

    number: str
    status: str
    currency: str
    timezone: str
    issued_at: datetime
    due_date: datetime
    total: Decimal
    due: Decimal
    seller: Mapping[str, Any]
    may_pay: bool
    document: str
    just_paid: bool = False


# As the payer has it: that it was sent is the seller's concern.
_STATES = {"sent": "open"}

_NOTES = {
    "paid": "This invoice is paid. Thank you.",
    "cancelled": "This invoice is cancelled. There is nothing to pay.",
    "disputed": "This invoice is disputed. It is not to be paid until that is settled.",
}


def invoice(shown: PageInvoice) -> str:
    """The page of an invoice, with a form to pay it where it may be paid."""
    seller = str(shown.seller.get("legal_name") or "")
    text = _NOTES.get(shown.status)
    if text is None and shown.just_paid:
        text = "Thank you. Your payment is being confirmed; this page will say so in a minute."
    rows = [
        ("Invoice", shown.number),
        ("Status", _STATES.get(shown.status, shown.status)),
        ("Issued", _day(shown.issued_at, shown.timezone)),
        ("Due", _day(shown.due_date, shown.timezone)),
        ("Total", money.shown(shown.total, shown.currency)),
    ]
    if 0 < shown.due < shown.total:
        rows.append(("Paid or credited", money.shown(shown.total - shown.due, shown.currency)))
    parts = [
        f"<h1>{escape(seller) or 'Invoice'}</h1>",
        f'<p class="soft">Invoice {escape(shown.number)}</p>',
        f'<p class="due">{escape(money.shown(shown.due, shown.currency))}</p>',
        '<p class="soft">amount due</p>',
        _list(rows),
    ]
    if shown.may_pay and not shown.just_paid:
        parts.append('<form method="post"><button type="submit">Pay by card</button></form>')
    parts.append(f'<a class="button second" href="{escape(shown.document)}">Invoice as PDF</a>')
    if text is not None:
        parts.append(f'<p class="note" role="status">{escape(text)}</p>')
    elif bank := _bank(shown):
        parts += ['<p class="soft apart">Or by transfer:</p>', _list(bank)]
    return _page(f"Invoice {shown.number}", parts)


def message(title: str, text: str) -> str:
    """A page with one message."""
    return _page(title, [f"<h1>{escape(title)}</h1>", f'<p class="soft" role="status">{escape(text)}</p>'])


def _bank(shown: PageInvoice) -> list[tuple[str, str]]:
    bank = shown.seller.get("bank")
    if not isinstance(bank, dict) or shown.due <= 0:
        return []
    names = {
        "account_holder": "Account holder",
        "name": "Bank",
        "iban": "IBAN",
        "bic": "BIC",
        "routing_number": "Routing number",
        "account_number": "Account number",
    }
    rows = [(text, str(bank[name])) for name, text in names.items() if bank.get(name)]
    return [*rows, ("Reference", shown.number)] if rows else []


def _list(rows: Sequence[tuple[str, str]]) -> str:
    return "<dl>" + "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in rows) + "</dl>"


def _day(at: datetime, timezone: str) -> str:
    local = at.astimezone(ZoneInfo(timezone))
    return f"{local.day} {local:%B %Y}"


def _page(title: str, parts: Sequence[str]) -> str:
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f'<body><main><div class="card">{"".join(parts)}</div></main></body></html>\n'
    )
