"""HTTP of documents: an invoice or a credit note as PDF, UBL or Factur-X, for its buyer and for operators."""

from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import Response
from psycopg import Connection

from leadgen.access.service import buyer_scope
from leadgen.documents.domain.sales_documents import CreditNoteDocument
from leadgen.documents.service import documents
from leadgen.documents.store import documents as store
from leadgen.documents.store.documents import Document, Format
from leadgen.kernel.errors import Refusal
from leadgen.platform import db
from leadgen.platform.web.app import JsonAnswer, attachment
from leadgen.receivables.store import settlements

router = APIRouter()


@router.get("/api/invoices/{invoice_id}/pdf")
def get_invoice_pdf(invoice_id: int, request: Request) -> Response:
    """The invoice as it was mailed."""
    return _invoice(request, invoice_id, "pdf")


@router.get("/api/invoices/{invoice_id}/ubl")
def get_invoice_ubl(invoice_id: int, request: Request) -> Response:
    """The invoice as UBL 2.1 XML."""
    return _invoice(request, invoice_id, "ubl")


@router.get("/api/invoices/{invoice_id}/factur-x")
def get_invoice_factur_x(invoice_id: int, request: Request) -> Response:
    """The invoice as a PDF that carries its XML."""
    return _invoice(request, invoice_id, "factur_x")


@router.get("/api/credit-notes/{credit_note_id}")
def get_credit_note(credit_note_id: int, request: Request) -> JsonAnswer:
    """A credit note with its lines."""
    with db.current().connection() as conn:
        found = _own_credit_note(conn, request, credit_note_id)
        lines = store.credit_note_lines(conn, credit_note_id)
    kept = ("credit_note_id", "number", "buyer_id", "invoice_id", "invoice_number", "currency", "issued_at", "reason",
            "note", "net", "tax", "total", "to_due", "to_wallet")  # fmt: skip
    shown = [{"lead_id": one.lead_id, "delivered_at": one.delivered_at, "amount": one.amount} for one in lines]
    return JsonAnswer({name: getattr(found, name) for name in kept} | {"lines": shown})


@router.get("/api/credit-notes/{credit_note_id}/{form}")
def get_credit_note_file(credit_note_id: int, form: Literal["pdf", "ubl", "factur-x"], request: Request) -> Response:
    """The credit note as it was mailed, or for programs."""
    forms: dict[str, Format] = {"pdf": "pdf", "ubl": "ubl", "factur-x": "factur_x"}
    with db.current().connection() as conn:
        _own_credit_note(conn, request, credit_note_id)
        return file(documents.document(conn, "credit_note", credit_note_id, forms[form]))


def own_invoice(conn: Connection[Any], request: Request, invoice_id: int) -> None:
    """Raises Refusal 404 where there is no such invoice for the caller: a buyer sees no drafts either."""
    scope = buyer_scope(request)
    buyer_id = settlements.buyer_of(conn, invoice_id)
    head = store.invoice(conn, invoice_id) if scope is not None and scope == buyer_id else None
    if buyer_id is None or (scope is not None and head in (None, "draft")):
        raise Refusal.missing("invoice", invoice_id)


def file(document: Document) -> Response:
    """A document to be saved; its hash is its ETag."""
    headers = attachment(document.filename) | {"ETag": f'"{document.sha256}"'}
    return Response(document.content, media_type=document.media_type, headers=headers)


def _invoice(request: Request, invoice_id: int, form: Format) -> Response:
    with db.current().connection() as conn:
        own_invoice(conn, request, invoice_id)
        return file(documents.document(conn, "invoice", invoice_id, form))


def _own_credit_note(conn: Connection[Any], request: Request, credit_note_id: int) -> CreditNoteDocument:
    scope = buyer_scope(request)
    found = store.credit_note(conn, credit_note_id)
    if found is None or scope not in (None, found.buyer_id):
        raise Refusal.missing("credit note", credit_note_id)
    return found
