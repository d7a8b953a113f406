"""Builds statements, the aging report, the journal and exports for the command line and the API."""

from collections.abc import Iterator
from dataclasses import astuple, fields
from datetime import date, datetime, time, timedelta
from itertools import chain
from typing import Any
from zoneinfo import ZoneInfo

from psycopg import Connection

from leadgen.billing.domain import documents as billing_documents
from leadgen.billing.domain import terms
from leadgen.billing.domain.documents import Party
from leadgen.billing.store import documents as billing_documents_store
from leadgen.documents.domain import sales_letters, sales_tables
from leadgen.documents.service import documents as documents_service
from leadgen.kernel import csv_text
from leadgen.kernel.errors import Refusal
from leadgen.reporting import store
from leadgen.reporting.domain import aging, statements
from leadgen.reporting.domain.aging import Row
from leadgen.reporting.domain.statements import AccountStatement
from leadgen.reporting.store import JournalLine

JOURNAL_HEAD = tuple(field.name for field in fields(JournalLine))
_MONTH = timedelta(days=30)
# Nothing is older; and to what is later, days cannot be added.
_FIRST, _LAST = date(2000, 1, 1), date(2999, 12, 31)


def statement(
    conn: Connection[Any], buyer_id: int, *, first: date | None, last: date | None, now: datetime
) -> AccountStatement:
    """A buyer's account from the first day to the last, both whole, by its market's clock: without them, of the last
    30 days. Raises Refusal 404, and 400 where the days are the wrong way round.
    """
    found = store.holder(conn, buyer_id)
    if found is None:
        raise Refusal.missing("buyer", buyer_id)
    zone = ZoneInfo(found.timezone)
    last = now.astimezone(zone).date() if last is None else last
    first = max(last, _FIRST + _MONTH) - _MONTH if first is None else first
    days(first, last)
    start, end = _midnight(first, zone), _midnight(last + timedelta(days=1), zone)
    opening = store.balances_before(conn, buyer_id, start)
    moved = store.movements(conn, buyer_id, start, end, found.timezone)
    billing = terms.parse_buyer(found.billing, label=f"buyer {buyer_id}")
    billed = billing_documents.bill_to(Party(found.name, found.company, found.email, found.phone), billing)
    return AccountStatement(
        buyer_id=buyer_id,
        buyer=sales_letters.recipient(billing_documents.parse_bill_to(billed, label=f"buyer {buyer_id}'s statement")),
        currency=found.currency,
        timezone=found.timezone,
        start=start,
        end=end,
        owed=statements.account(opening.owed, ((one, one.owed) for one in moved)),
        prepaid=statements.account(opening.prepaid, ((one, one.prepaid) for one in moved)),
        open_items=tuple(store.open_items(conn, buyer_id, end)),
    )


def days(first: date, last: date) -> None:
    """Raises Refusal 400 where days are the wrong way round, or not of this millennium."""
    if first > last:
        raise Refusal(400, "invalid_request", f"from: {first} is after to, {last}")
    if first < _FIRST or last > _LAST:
        raise Refusal(400, "invalid_request", f"from and to: must be from {_FIRST} to {_LAST}")


def statement_csv(found: AccountStatement) -> str:
    """A statement as CSV."""
    return csv_text.written(statements.HEAD, statements.rows(found))


def statement_pdf(conn: Connection[Any], found: AccountStatement, *, now: datetime) -> bytes:
    """A statement as a letter."""
    from leadgen.documents.adapters import pdf  # slow to import, and needed for this only

    seller = terms.parse_seller(billing_documents_store.seller(conn))
    return pdf.draw(statements.to_letter(found, seller, now=now))


def aged(conn: Connection[Any], *, now: datetime) -> tuple[list[Row], list[Row]]:
    """The aging report: each buyer that owes something, and each currency."""
    return aging.report(store.owing(conn), store.open_invoices(conn), now)


def aging_csv(rows: list[Row], totals: list[Row]) -> str:
    """The aging report as CSV, the currencies' totals last."""
    return csv_text.written(aging.HEAD, [aging.cells(row) for row in [*rows, *totals]])


def journal_csv(conn: Connection[Any], start: datetime, end: datetime) -> Iterator[str]:
    """The ledger as CSV, line by line."""
    return csv_text.lines(JOURNAL_HEAD, (astuple(line) for line in store.journal(conn, start, end)))


def lines_csv(conn: Connection[Any], invoice_id: int) -> str:
    """An invoice's lines as CSV. Raises Refusal 404 and 409."""
    return csv_text.written(sales_tables.LINES_HEAD, sales_tables.lines(documents_service.invoice(conn, invoice_id)))


def export(conn: Connection[Any], first: date, last: date, *, for_quickbooks: bool) -> Iterator[str]:
    """The invoices dated from the first day to the last, a line for each lead, as CSV."""
    invoices = (documents_service.invoice(conn, invoice_id) for invoice_id in store.issued_between(conn, first, last))
    if for_quickbooks:
        rows = chain.from_iterable(map(sales_tables.quickbooks, invoices))
        return csv_text.lines(sales_tables.QUICKBOOKS_HEAD, rows)
    return csv_text.lines(sales_tables.LINES_HEAD, chain.from_iterable(map(sales_tables.lines, invoices)))


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)
