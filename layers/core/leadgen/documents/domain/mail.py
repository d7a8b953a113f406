"""Composes the mails that carry invoices and credit notes: subject, plain text, HTML, and the PDF attached."""

from collections.abc import Sequence
from html import escape

from leadgen.documents.domain import letter
from leadgen.documents.domain.sales_documents import CreditNoteDocument, InvoiceDocument, reason_in_words
from leadgen.kernel import money
from leadgen.kernel.mail_page import BUTTON, CELL, MailText, line, page, shown
from leadgen.outbound.domain.backoff import Schedule

SCHEDULE = Schedule((60, 300, 900, 3600, 10_800, 21_600, 43_200, 86_400), jittered=False)
"""After the last attempt a person has to look at it."""


def of_invoice(invoice: InvoiceDocument, *, pay_url: str | None) -> MailText:
    """The mail of an invoice."""
    due = money.shown(invoice.due, invoice.currency)
    seller, by = line(invoice.seller.legal_name), letter.day(invoice.due_date, invoice.timezone)
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


def of_credit_note(note: CreditNoteDocument) -> MailText:
    """The mail of a credit note."""
    total = money.shown(note.total, note.currency)
    seller = line(note.seller.legal_name)
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
    closing = "The PDF is attached." + ("" if reply is None else f" Questions? Write to {line(reply)}.")
    width = max(len(label) for label, _ in rows) + 2
    written = [opening, "", *(f"{label}:".ljust(width) + value for label, value in rows), ""]
    if pay_url is not None:
        written += [f"Pay online: {pay_url}", ""]
    cells = "\n".join(
        f'<tr><th class="label" scope="row" style="{CELL}color:#6b7280;font-weight:400;">{escape(label)}</th>'
        f'<td class="value" style="{CELL}">{shown(value)}</td></tr>'
        for label, value in rows
    )
    button = (
        "" if pay_url is None else f'<p><a href="{escape(pay_url)}" style="{BUTTON}">Pay this invoice online</a></p>'
    )
    return MailText(
        subject,
        "\n".join([*written, closing, "", seller]) + "\n",
        page(
            seller,
            opening,
            f'<table style="width:100%;border-collapse:collapse;">\n{cells}\n</table>\n<div>{button}</div>\n'
            f'<p class="label" style="color:#6b7280;font-size:14px;">{shown(closing)}</p>',
        ),
    )
