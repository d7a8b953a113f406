"""Draws a payout as a document when it is first requested, and keeps it."""

from typing import Any

from psycopg import Connection

from leadgen.billing.domain import terms
from leadgen.billing.store import documents as billing_documents
from leadgen.documents.service import documents as documents_service
from leadgen.documents.store.documents import Document, Format
from leadgen.kernel.errors import Refusal
from leadgen.publishers import store
from leadgen.publishers.domain import letter


def document(conn: Connection[Any], payout_id: int, form: Format = "pdf") -> Document:
    """The payout's file: as it is kept, or drawn and kept now. Raises Refusal 404, and 409 ``not_electronic``."""
    return documents_service.kept_or_drawn(conn, "payout", payout_id, form, lambda: _drawn(conn, payout_id, form))


def _drawn(conn: Connection[Any], payout_id: int, form: Format) -> Document:
    from leadgen.documents.adapters import pdf  # slow to import, and a document is drawn once

    issued = store.payout(conn, payout_id)
    if issued is None:
        raise Refusal.missing("payout", payout_id)
    if form != "pdf":
        raise Refusal(409, "not_electronic", "a payout is no invoice: there is a PDF of it, and a CSV")
    seller = terms.parse_seller(billing_documents.seller(conn))
    drawn = pdf.draw(letter.of_payout(issued, store.payout_lines(conn, payout_id), seller))
    return documents_service.file_of(documents_service.PDF, f"{issued.number}.pdf", drawn)
