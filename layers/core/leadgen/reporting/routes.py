"""HTTP of reports: invoice lines and statements, where a buyer gets only its own; the aging report and the journal."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from leadgen.access.service import buyer_scope, operator
from leadgen.documents.routes.documents import file, own_invoice
from leadgen.documents.service import documents as documents_service
from leadgen.kernel.errors import Refusal
from leadgen.platform import clock, db
from leadgen.platform.web.app import JsonAnswer, attachment
from leadgen.reporting import service
from leadgen.reporting.domain import aging, statements

# What one answer of API Gateway can hold, and some room.
_LONGEST_JOURNAL = 20_000

_CSV = "text/csv; charset=utf-8"

router = APIRouter()

From = Annotated[date | None, Query(alias="from")]
To = Annotated[date | None, Query(alias="to")]


@router.get("/api/invoices/{invoice_id}/lines.csv")
def get_invoice_lines(invoice_id: int, request: Request) -> Response:
    """The invoice's leads with what their prices are made of."""
    with db.current().connection() as conn:
        own_invoice(conn, request, invoice_id)
        lines = service.lines_csv(conn, invoice_id)
    return _csv(lines, f"invoice-{invoice_id}-lines.csv")


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
                return file(documents_service.file_of("application/pdf", f"statement-{buyer_id}.pdf", drawn))


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
            "`leadgen ledger journal`, which has no limit",
        )
    return _csv("".join(lines), f"journal-{first}-{last}.csv")


def _csv(text: str, filename: str) -> Response:
    return Response(text, media_type=_CSV, headers=attachment(filename))
