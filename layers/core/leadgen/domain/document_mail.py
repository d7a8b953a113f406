"""The mails by which a buyer gets its invoices and credit notes: subject, plain text and HTML; the PDF goes with them.

Built by joining strings, each value escaped once where it goes in.
"""

from collections.abc import Sequence
from datetime import timedelta
from html import escape

from leadgen.domain import letter, money
from leadgen.domain.lead_mail import MailText
from leadgen.domain.sales_documents import CreditNote, Invoice, reason_in_words

# How long after each attempt that failed the next one is made; after the last, a person has to look at it.
STEPS = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 180, 360, 720, 1440))

_FONT = "font-family:-apple-system,BlinkMacSystemFont,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;"
_CELL = "padding:8px 0;border-top:1px solid #e5e7eb;text-align:left;font-size:15px;"
_BUTTON = (
    "display:inline-block;padding:12px 20px;background:#1d4ed8;color:#ffffff;font-weight:600;text-decoration:none;"
)


def next_step(attempts: int) -> timedelta | None:
    """How long after so many failed attempts the next one is made; None when the last has been made."""
    return STEPS[attempts - 1] if attempts <= len(STEPS) else None


def of_invoice(invoice: Invoice, *, pay_url: str | None) -> MailText:
    """The mail of an invoice."""
    due = money.shown(invoice.due, invoice.currency)
    seller, by = _line(invoice.seller.legal_name), letter.day(invoice.due_date, invoice.timezone)
    if invoice.due > 0:
        subject = f"Invoice {invoice.number}: {due} due {by}"
        opening = f"Here is invoice {invoice.number}. {due} is due by {by}."
    else:
        subject = f"Invoice {invoice.number}: paid from your prepaid balance"
        opening = f"Here is invoice {invoice.number}. Your prepaid balance has paid it: there is nothing left to pay."
    rows = [
        ("Invoice", invoice.number),
        ("Issued", letter.day(invoice.issued_at, invoice.timezone)),
        ("Due", by),
        ("Leads", str(len(invoice.lines))),
        ("Total", money.shown(invoice.total, invoice.currency)),
        ("Amount due", due),
    ]
    return _mail(subject, opening, rows, pay_url if invoice.due > 0 else None, seller, invoice.seller.email)


def of_credit_note(note: CreditNote) -> MailText:
    """The mail of a credit note."""
    total = money.shown(note.total, note.currency)
    seller = _line(note.seller.legal_name)
    rows = [
        ("Credit note", note.number),
        ("For invoice", note.invoice_number),
        ("Reason", reason_in_words(note.reason)),
        ("Total credit", total),
        ("Taken off the invoice", money.shown(note.to_due, note.currency)),
        ("Added to your prepaid balance", money.shown(note.to_wallet, note.currency)),
    ]
    return _mail(
        f"Credit note {note.number}: {total}",
        f"Here is credit note {note.number} for invoice {note.invoice_number}.",
        rows,
        None,
        seller,
        note.seller.email,
    )


def _mail(
    subject: str,
    opening: str,
    rows: Sequence[tuple[str, str]],
    pay_url: str | None,
    seller: str,
    reply: str | None,
) -> MailText:
    questions = "The PDF is attached." + ("" if reply is None else f" Questions? Write to {_line(reply)}.")
    width = max(len(label) for label, _ in rows) + 2
    lines = [opening, "", *(f"{label}:".ljust(width) + value for label, value in rows), ""]
    if pay_url is not None:
        lines += [f"Pay online: {pay_url}", ""]
    text = "\n".join([*lines, questions, "", seller]) + "\n"
    cells = "\n".join(
        f'<tr><th scope="row" style="{_CELL}color:#6b7280;font-weight:400;">{escape(label)}</th>'
        f'<td style="{_CELL}">{escape(value)}</td></tr>'
        for label, value in rows
    )
    button = (
        "" if pay_url is None else f'<p><a href="{escape(pay_url)}" style="{_BUTTON}">Pay this invoice online</a></p>'
    )
    html = f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(subject)}</title></head>
<body style="margin:0;padding:24px 12px;background:#f3f4f6;color:#111827;{_FONT}">
<div style="max-width:600px;margin:0 auto;padding:24px;background:#ffffff;border:1px solid #e5e7eb;">
<h1 style="margin:0 0 12px;font-size:20px;">{escape(seller)}</h1>
<p>{escape(opening)}</p>
<table style="width:100%;border-collapse:collapse;">
{cells}
</table>
{button}
<p style="color:#6b7280;font-size:14px;">{escape(questions)}</p>
</div></body></html>
"""
    return MailText(subject, text, html)


def _line(said: str) -> str:
    return " ".join("".join(letter if letter.isprintable() else " " for letter in said).split())
