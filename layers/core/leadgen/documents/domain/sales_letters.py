"""Composes invoices and credit notes as letters."""

from collections.abc import Sequence
from decimal import Decimal

from leadgen.billing.domain.documents import BillTo
from leadgen.billing.domain.terms import Bank, Seller
from leadgen.documents.domain import letter
from leadgen.documents.domain.letter import Column, Letter, Link, Party, Table, Total
from leadgen.documents.domain.sales_documents import (
    CreditNoteDocument,
    DocumentLine,
    InvoiceDocument,
    period_in_words,
    reason_in_words,
    terms,
)
from leadgen.kernel import money


def of_invoice(invoice: InvoiceDocument, *, pay_url: str | None) -> Letter:
    """An invoice as its buyer gets it. Its sums are those of the day it was issued: what is paid later changes none."""
    timezone, currency = invoice.timezone, invoice.currency
    totals = [Total("Subtotal", _amount(invoice.subtotal, currency)), *_tax(invoice)]
    totals.append(Total("Total", money.shown(invoice.total, currency), is_strong=invoice.prepaid == 0))
    if invoice.prepaid > 0:
        totals.append(Total("Paid from prepaid balance", f"-{_amount(invoice.prepaid, currency)}"))
    totals.append(Total("Amount due", money.shown(invoice.due, currency), is_strong=True))
    return Letter(
        title="Invoice",
        name=f"Invoice {invoice.number}",
        sender=sender(invoice.seller),
        recipient=recipient(invoice.buyer),
        facts=letter.present(
            [
                ("Invoice number", invoice.number),
                ("Issue date", letter.day(invoice.issued_at, timezone)),
                ("Due date", letter.day(invoice.due_date, timezone)),
                ("Terms", terms(invoice.terms_days)),
                ("Period", period_in_words(invoice.period_start, invoice.period_end, timezone)),
                ("Time zone", timezone),
                ("Leads for", invoice.subject),
                ("PO number", invoice.buyer.po_number),
                ("Currency", currency),
            ]
        ),
        tables=(_lines(invoice.lines, timezone, currency),),
        totals=tuple(totals),
        created_at=invoice.issued_at,
        notes=() if invoice.tax_note is None else (invoice.tax_note,),
        payment=_payment(invoice.seller.bank, invoice.number) if invoice.due > 0 else (),
        link=Link("Pay this invoice online", pay_url) if pay_url is not None and invoice.due > 0 else None,
        footer=footer(invoice.seller),
    )


def of_credit_note(note: CreditNoteDocument) -> Letter:
    """A credit note: it names its invoice and why, and where the money went."""
    timezone, currency = note.timezone, note.currency
    totals = [Total("Net credit", _amount(note.net, currency)), *_tax(note)]
    totals.append(Total("Total credit", money.shown(note.total, currency), is_strong=True))
    if note.to_due > 0:
        totals.append(Total(f"Taken off {note.invoice_number}", _amount(note.to_due, currency)))
    if note.to_wallet > 0:
        totals.append(Total("Added to your prepaid balance", _amount(note.to_wallet, currency)))
    return Letter(
        title="Credit note",
        name=f"Credit note {note.number}",
        sender=sender(note.seller),
        recipient=recipient(note.buyer),
        facts=letter.present(
            [
                ("Credit note number", note.number),
                ("Issue date", letter.day(note.issued_at, timezone)),
                ("For invoice", note.invoice_number),
                ("Invoice date", letter.day(note.invoice_issued_at, timezone)),
                ("Reason", reason_in_words(note.reason)),
                ("Time zone", timezone),
                ("Leads for", note.subject),
                ("PO number", note.buyer.po_number),
                ("Currency", currency),
            ]
        ),
        tables=(_lines(note.lines, timezone, currency),),
        totals=tuple(totals),
        created_at=note.issued_at,
        notes=tuple(part for part in (note.note, note.tax_note) if part is not None),
        footer=footer(note.seller),
    )


def sender(seller: Seller) -> Party:
    """The seller as it stands at the top of a letter."""
    tax_id = () if seller.tax_id is None else (f"Tax ID {seller.tax_id}",)
    reached = tuple(part for part in (seller.email, seller.phone, seller.website) if part is not None)
    return Party(seller.legal_name, (*letter.address_lines(seller.address), *tax_id, *reached))


def recipient(buyer: BillTo) -> Party:
    """The buyer as it stands on a letter."""
    also = (buyer.name,) if buyer.called != buyer.name else ()
    tax_id = () if buyer.tax_id is None else (f"Tax ID {buyer.tax_id}",)
    return Party(buyer.called, (*also, *letter.address_lines(buyer.address), *tax_id))


def footer(seller: Seller) -> tuple[str, ...]:
    """What stands at the foot of every page."""
    who = " | ".join(part for part in (seller.legal_name, seller.registration) if part is not None)
    return (who,) if seller.footer is None else (who, seller.footer)


def _lines(lines: Sequence[DocumentLine], timezone: str, currency: str) -> Table:
    return Table(
        columns=(
            Column("#", 14, is_number=True),
            Column("Description", 70),
            Column("Delivered", 70),
            Column(f"Price ({currency})", 40, is_number=True),
        ),
        rows=tuple(
            (
                str(place),
                f"Lead {line.lead_id}",
                letter.minute(line.delivered_at, timezone),
                _amount(line.amount, currency),
            )
            for place, line in enumerate(lines, 1)
        ),
    )


def _tax(document: InvoiceDocument | CreditNoteDocument) -> list[Total]:
    if document.tax_name is None:
        return []
    label = f"{document.tax_name} {document.tax_rate.normalize():f} %"
    return [Total(label, _amount(document.tax, document.currency))]


def _payment(bank: Bank | None, number: str) -> tuple[tuple[str, str], ...]:
    if bank is None:
        return ()
    return letter.present(
        [
            ("Bank", bank.name),
            ("Account holder", bank.account_holder),
            ("IBAN", None if bank.iban is None else _in_fours(bank.iban)),
            ("BIC", bank.bic),
            ("Routing number", bank.routing_number),
            ("Account number", bank.account_number),
            ("Payment reference", number),
        ]
    )


def _in_fours(iban: str) -> str:
    return " ".join(iban[start : start + 4] for start in range(0, len(iban), 4))


def _amount(amount: Decimal, currency: str) -> str:
    return money.shown(amount, currency).removesuffix(f" {currency}")
