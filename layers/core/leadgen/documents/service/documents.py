"""Draws a document when it is first requested, keeps it with its hash, and returns the same bytes ever after."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

from psycopg import Connection

from leadgen.documents.domain import einvoice, sales_letters
from leadgen.documents.domain.letter import Letter
from leadgen.documents.domain.sales_documents import CreditNoteDocument, InvoiceDocument
from leadgen.documents.store import documents as store
from leadgen.documents.store.documents import Document, Format, Kind
from leadgen.kernel.errors import Refusal
from leadgen.payments.service import checkout

PDF, _XML = "application/pdf", "application/xml"
Sold = Literal["invoice", "credit_note"]


def document(conn: Connection[Any], kind: Sold, document_id: int, form: Format = "pdf") -> Document:
    """An invoice's or a credit note's file: as it is kept, or drawn and kept now.

    Raises Refusal 404 where there is no such document, 409 ``not_issued`` for a draft, ``fields_missing`` for an
    electronic invoice that lacks something.
    """
    if (kept := store.get(conn, kind, document_id, form)) is not None:
        return kept
    match kind:
        case "invoice":
            sold: InvoiceDocument | CreditNoteDocument = invoice(conn, document_id)
        case "credit_note":
            sold = credit_note(conn, document_id)
    return kept_or_drawn(conn, kind, document_id, form, lambda: _draw(sold, form))


def kept_or_drawn(
    conn: Connection[Any], kind: Kind, document_id: int, form: Format, draw: Callable[[], Document]
) -> Document:
    """The file that is kept; where there is none, the one that ``draw`` makes, unless another worker was first."""
    if (kept := store.get(conn, kind, document_id, form)) is not None:
        return kept
    store.keep(conn, kind, document_id, form, draw())
    first = store.get(conn, kind, document_id, form)
    assert first is not None
    return first


def file_of(media_type: str, filename: str, content: bytes) -> Document:
    """A file with its hash."""
    return Document(media_type, filename, content, hashlib.sha256(content).hexdigest())


def invoice(conn: Connection[Any], invoice_id: int) -> InvoiceDocument:
    """An issued invoice as it was. Raises Refusal 404 and 409 ``not_issued``."""
    found = store.invoice(conn, invoice_id)
    match found:
        case None:
            raise Refusal.missing("invoice", invoice_id)
        case "draft":
            message = f"invoice {invoice_id} is a draft: there is a document once it is issued"
            raise Refusal(409, "not_issued", message)
        case _:
            return replace(found, lines=tuple(store.invoice_lines(conn, invoice_id)))


def credit_note(conn: Connection[Any], credit_note_id: int) -> CreditNoteDocument:
    """A credit note as it was issued. Raises Refusal 404."""
    found = store.credit_note(conn, credit_note_id)
    if found is None:
        raise Refusal.missing("credit note", credit_note_id)
    return replace(found, lines=tuple(store.credit_note_lines(conn, credit_note_id)))


def _draw(sold: InvoiceDocument | CreditNoteDocument, form: Format) -> Document:
    from leadgen.documents.adapters import einvoices, pdf  # slow to import, and a document is drawn once

    match form:
        case "pdf":
            return file_of(PDF, f"{sold.number}.pdf", pdf.draw(_letter(sold)))
        case "ubl":
            _require(sold)
            return file_of(_XML, f"{sold.number}.xml", einvoices.ubl(sold))
        case "factur_x":
            _require(sold)
            return file_of(PDF, f"{sold.number}-factur-x.pdf", einvoices.factur_x(sold, _letter(sold)))


def _letter(sold: InvoiceDocument | CreditNoteDocument) -> Letter:
    if isinstance(sold, CreditNoteDocument):
        return sales_letters.of_credit_note(sold)
    return sales_letters.of_invoice(sold, pay_url=checkout.payment_url(sold.invoice_id))


def _require(sold: InvoiceDocument | CreditNoteDocument) -> None:
    if lacking := einvoice.missing(sold):
        raise Refusal(
            409,
            "fields_missing",
            f"{sold.number} cannot be an electronic invoice: it lacks {'; '.join(lacking.values())}. What is issued "
            "stays as it is: invoices issued after the fields are set have them",
            {"fields": dict(lacking)},
        )
