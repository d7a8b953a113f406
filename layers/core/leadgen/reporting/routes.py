"""Documents and reports to download. Buyers get their own, and what is another's is not there for them."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from psycopg import Connection

from leadgen.access.service import buyer_scope, operator
from leadgen.documents.domain.sales_documents import CreditNote
from leadgen.documents.service import documents as documents_service
from leadgen.documents.store import documents as documents_store
from leadgen.documents.store.documents import Document, Format
from leadgen.kernel.errors import Refusal
from leadgen.platform import clock, db
from leadgen.platform.web.app import JsonAnswer
from leadgen.receivables.store import settlements
from leadgen.reporting import service
from leadgen.reporting.domain import aging, statements

# What one answer of API Gateway can hold, and some room.
_LONGEST_JOURNAL = 20_000

_CSV = "text/csv; charset=utf-8"

router = APIRouter()

From = Annotated[date | None, Query(alias="from")]
To = Annotated[date | None, Query(alias="to")]


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


@router.get("/api/invoices/{invoice_id}/lines.csv")
def get_invoice_lines(invoice_id: int, request: Request) -> Response:
    """The invoice's leads with what their prices are made of."""
    with db.current().connection() as conn:
        _own_invoice(conn, request, invoice_id)
        lines = service.lines_csv(conn, invoice_id)
    return _csv(lines, f"invoice-{invoice_id}-lines.csv")


@router.get("/api/credit-notes/{credit_note_id}")
def get_credit_note(credit_note_id: int, request: Request) -> JsonAnswer:
    """A credit note with its lines."""
    with db.current().connection() as conn:
        found = _own_credit_note(conn, request, credit_note_id)
        lines = documents_store.credit_note_lines(conn, credit_note_id)
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
        return _file(documents_service.document(conn, "credit_note", credit_note_id, forms[form]))


@router.get("/api/buyers/{buyer_id}/statement")
def get_statement(
    buyer_id: int,
    request: Request,
    first: From = None,
    last: To = None,
    form: Annotated[Literal["json", "csv", "pdf"], Query(alias="format")] = "json",
) -> Response:
    """What a buyer owed, what came and went from one day to another, and what is open."""
    scope = buyer_scope(request)
    if scope not in (None, buyer_id):
        raise Refusal.missing("buyer", buyer_id)
    now = clock.now()
    with db.current().connection() as conn:
        found = service.statement(conn, buyer_id, first=first, last=last, now=now)
        match form:
            case "json":
                return JsonAnswer(statements.as_json(found))
            case "csv":
                return _csv(service.statement_csv(found), f"statement-{buyer_id}.csv")
            case "pdf":
                drawn = service.statement_pdf(conn, found, now=now)
                return _file(documents_service.file_of("application/pdf", f"statement-{buyer_id}.pdf", drawn))


@router.get("/api/reports/aging", dependencies=[Depends(operator)])
def get_aging(form: Annotated[Literal["json", "csv"], Query(alias="format")] = "json") -> Response:
    """What is open, by how long it is overdue: of each buyer and of each currency."""
    with db.current().connection() as conn:
        rows, totals = service.aged(conn, now=clock.now())
    if form == "csv":
        return _csv(service.aging_csv(rows, totals), "aging.csv")
    return JsonAnswer(
        {"buyers": [aging.as_json(row) for row in rows], "totals": [aging.as_json(row) for row in totals]}
    )


@router.get("/api/reports/journal.csv", dependencies=[Depends(operator)])
def get_journal(first: Annotated[date, Query(alias="from")], last: Annotated[date, Query(alias="to")]) -> Response:
    """The ledger, entry by entry, from one day to another, both whole, in UTC."""
    service.days(first, last)
    start = datetime.combine(first, time(), UTC)
    end = datetime.combine(last, time(), UTC) + timedelta(days=1)
    with db.current().connection() as conn:
        lines = list(islice(service.journal_csv(conn, start, end), _LONGEST_JOURNAL + 2))
    if len(lines) > _LONGEST_JOURNAL + 1:
        raise Refusal(
            400,
            "too_long",
            f"from {first} to {last} there are more than {_LONGEST_JOURNAL} entries: ask for fewer days, or use "
            "`leadgen journal`, which knows no limit",
        )
    return _csv("".join(lines), f"journal-{first}-{last}.csv")


def _invoice(request: Request, invoice_id: int, form: Format) -> Response:
    with db.current().connection() as conn:
        _own_invoice(conn, request, invoice_id)
        return _file(documents_service.document(conn, "invoice", invoice_id, form))


def _own_invoice(conn: Connection[Any], request: Request, invoice_id: int) -> None:
    """Raises Refusal 404 where there is no such invoice for whoever asks: a buyer sees no drafts either."""
    scope = buyer_scope(request)
    buyer_id = settlements.buyer_of(conn, invoice_id)
    head = documents_store.invoice(conn, invoice_id) if scope is not None and scope == buyer_id else None
    if buyer_id is None or (scope is not None and head in (None, "draft")):
        raise Refusal.missing("invoice", invoice_id)


def _own_credit_note(conn: Connection[Any], request: Request, credit_note_id: int) -> CreditNote:
    scope = buyer_scope(request)
    found = documents_store.credit_note(conn, credit_note_id)
    if found is None or scope not in (None, found.buyer_id):
        raise Refusal.missing("credit note", credit_note_id)
    return found


def _file(document: Document) -> Response:
    headers = _headers(document.filename) | {"ETag": f'"{document.sha256}"'}
    return Response(document.content, media_type=document.media_type, headers=headers)


def _csv(text: str, filename: str) -> Response:
    return Response(text, media_type=_CSV, headers=_headers(filename))


def _headers(filename: str) -> dict[str, str]:
    return {
        "Content-Disposition": f'attachment; filename="{filename}"',
        "Cache-Control": "private, no-store",
        "X-Content-Type-Options": "nosniff",
    }
