"""Electronic invoices of EN 16931: an invoice or a credit note as the standard's business terms (BT-1 …), and what it
lacks to be one.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from zoneinfo import ZoneInfo

from leadgen.billing.domain.documents import BillTo
from leadgen.billing.domain.terms import Address, Seller
from leadgen.documents.domain import letter
from leadgen.documents.domain.sales_documents import (
    CreditNoteDocument,
    DocumentLine,
    InvoiceDocument,
    reason_in_words,
    terms,
)
from leadgen.kernel import money

_INVOICE, _CREDIT_NOTE = "380", "381"
_PIECE = "C62"
_SEPA_TRANSFER, _TRANSFER = "58", "30"
_REVERSE_CHARGE = "VATEX-EU-AE"
_NOT_IN_XML = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def missing(document: InvoiceDocument | CreditNoteDocument) -> dict[str, str]:
    """The fields without which there is no electronic invoice, and where they are set; none where it can be made."""
    seller, buyer, rate = document.seller, document.buyer, document.tax_rate
    needed = {
        "seller.address": (seller.address is not None, "the seller's address, in seller.address of the configuration"),
        "seller.tax_id": (seller.tax_id is not None, "the seller's VAT id, in seller.tax_id of the configuration"),
        "buyer.address": (buyer.address is not None, "the buyer's address, in its billing.address"),
        "buyer.tax_id": (
            buyer.tax_id is not None or not buyer.reverse_charge,
            "the buyer's VAT id, in its billing.tax_id: without it no tax can be left to the buyer",
        ),
        "buyer.tax": (
            rate > 0 or document.tax_note is not None,
            "the buyer's tax, in its billing.tax: a rate, reverse_charge, or a note that says why nothing is charged",
        ),
    }
    return {field: where for field, (is_there, where) in needed.items() if not is_there}


def fields(document: InvoiceDocument | CreditNoteDocument) -> dict[str, object]:
    """The business terms. Nothing that is needed is missing: :func:`missing` checks it."""
    zone = ZoneInfo(document.timezone)
    common: dict[str, object] = {
        "BT-1": document.number,
        "BT-2": document.issued_at.astimezone(zone).date(),
        "BT-5": document.currency,
        "BT-13": document.buyer.po_number,
        "BT-72": max(line.delivered_at for line in document.lines).astimezone(zone).date(),
        "BG-4": _seller(document.seller),
        "BG-7": _buyer(document.buyer),
        "BG-23": [_breakdown(document)],
        "BG-25": [_line(place, line, document) for place, line in enumerate(document.lines, 1)],
        "BT-110": _text(document.tax, document.currency),
        "BT-112": _text(document.total, document.currency),
    }
    own = _of_invoice(document) if isinstance(document, InvoiceDocument) else _of_credit_note(document)
    return {term: _readable(value) for term, value in (common | own).items() if value is not None}


def _of_invoice(invoice: InvoiceDocument) -> dict[str, object]:
    zone, currency, bank = ZoneInfo(invoice.timezone), invoice.currency, invoice.seller.bank
    terms_: dict[str, object] = {
        "BT-3": _INVOICE,
        "BT-9": invoice.due_date.astimezone(zone).date(),
        "BT-20": terms(invoice.terms_days),
        "BT-106": _text(invoice.subtotal, currency),
        "BT-109": _text(invoice.subtotal, currency),
        "BT-113": _text(invoice.prepaid, currency) if invoice.prepaid > 0 else None,
        "BT-115": _text(invoice.due, currency),
    }
    if bank is not None and (account := bank.iban or bank.account_number) is not None:
        terms_ |= {
            "BT-81": _TRANSFER if bank.iban is None else _SEPA_TRANSFER,
            "BT-83": invoice.number,
            "BT-84": account,
            "BT-85": bank.account_holder or invoice.seller.legal_name,
            "BT-86": bank.bic,
        }
    return terms_


def _of_credit_note(note: CreditNoteDocument) -> dict[str, object]:
    reason = reason_in_words(note.reason) if note.note is None else f"{reason_in_words(note.reason)}: {note.note}"
    return {
        "BT-3": _CREDIT_NOTE,
        "BT-106": _text(note.net, note.currency),
        "BT-109": _text(note.net, note.currency),
        "BT-115": _text(note.total, note.currency),
        "BT-20": "Credited to your account",
        "BG-1": [{"BT-22": reason}],
        "BG-3": [
            {
                "BT-25": note.invoice_number,
                "BT-26": note.invoice_issued_at.astimezone(ZoneInfo(note.timezone)).date(),
            }
        ],
    }


def _breakdown(document: InvoiceDocument | CreditNoteDocument) -> Mapping[str, object]:
    net = document.subtotal if isinstance(document, InvoiceDocument) else document.net
    category = _category(document)
    breakdown: dict[str, object] = {
        "BT-116": _text(net, document.currency),
        "BT-117": _text(document.tax, document.currency),
        "BT-118": category,
        "BT-119": f"{document.tax_rate.normalize():f}",
    }
    if category != "S":
        breakdown["BT-120"] = document.tax_note
    if category == "AE":
        breakdown["BT-121"] = _REVERSE_CHARGE
    return breakdown


def _category(document: InvoiceDocument | CreditNoteDocument) -> str:
    """The VAT category: standard rate, reverse charge, or exempt for the reason that the note gives."""
    if document.tax_rate > 0:
        return "S"
    return "AE" if document.buyer.reverse_charge else "E"


def _line(place: int, line: DocumentLine, document: InvoiceDocument | CreditNoteDocument) -> Mapping[str, object]:
    return {
        "BT-126": str(place),
        "BT-129": "1",
        "BT-130": _PIECE,
        "BT-131": _text(line.amount, document.currency),
        "BT-146": _text(line.amount, document.currency),
        "BT-151": _category(document),
        "BT-152": f"{document.tax_rate.normalize():f}",
        "BT-153": f"Lead {line.lead_id}",
        "BT-154": f"Delivered {letter.minute(line.delivered_at, document.timezone)}",
        "BT-155": str(line.lead_id),
    }


def _seller(seller: Seller) -> Mapping[str, object]:
    assert seller.address is not None
    reached = {"name": seller.legal_name, "phone": seller.phone, "email": seller.email}
    return {
        "name": seller.legal_name,
        "vat_identifier": seller.tax_id,
        "legal_info": seller.registration,
        **_where(seller.address),
        **_electronic(seller.email),
        "contacts": [{name: value for name, value in reached.items() if value is not None}],
    }


def _buyer(buyer: BillTo) -> Mapping[str, object]:
    assert buyer.address is not None
    return {
        "name": buyer.called,
        "vat_identifier": buyer.tax_id,
        **_where(buyer.address),
        **_electronic(buyer.email),
    }


def _electronic(email: str | None) -> Mapping[str, object]:
    return {} if email is None else {"einvoicing_addr": email, "einvoicing_addr_schemeid": "EM"}


def _where(address: Address) -> Mapping[str, object]:
    where = {
        "addr_l1": address.line1,
        "addr_l2": address.line2,
        "postcode": address.postal_code,
        "city": address.city,
        "country_subdivision": address.region,
        "country_code": address.country,
    }
    return {name: value for name, value in where.items() if value is not None}


def _readable(value: object) -> object:
    """The terms without the characters that no XML can hold; all others stay."""
    match value:
        case str():
            return _NOT_IN_XML.sub("", value)
        case Mapping():
            return {name: _readable(part) for name, part in value.items()}
        case list():
            return [_readable(part) for part in value]
        case _:
            return value


def _text(amount: Decimal, currency: str) -> str:
    return f"{amount:.{money.digits(currency)}f}"
