"""Keeps drawn files, and reads issued invoices and credit notes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from psycopg import Connection
from psycopg.rows import class_row, kwargs_row

from leadgen.billing.domain import documents as billing_documents
from leadgen.billing.domain import terms
from leadgen.documents.domain.sales_documents import CreditNoteDocument, DocumentLine, InvoiceDocument

Kind = Literal["invoice", "credit_note", "payout"]
Format = Literal["pdf", "ubl", "factur_x"]


@dataclass(frozen=True)
class Document:
    """A file as it is kept; ``sha256`` is of its content, in hex."""

    media_type: str
    filename: str
    content: bytes
    sha256: str


def numbered(conn: Connection[Any], kind: Kind, number: str) -> int | None:
    """The invoice, credit note or payout of a number, or None."""
    row = conn.execute(
        """
        SELECT id FROM (SELECT 'invoice' AS kind, invoice_number AS number, id FROM invoices
                        UNION ALL SELECT 'credit_note', number, id FROM credit_notes
                        UNION ALL SELECT 'payout', number, id FROM payouts) AS issued
         WHERE kind = %s AND number = %s
        """,
        (kind, number),
    ).fetchone()
    return None if row is None else int(row[0])


def get(conn: Connection[Any], kind: Kind, document_id: int, form: Format) -> Document | None:
    """The file that is kept of an invoice, a credit note or a payout; None where none was drawn yet."""
    with conn.cursor(row_factory=class_row(Document)) as cursor:
        cursor.execute(
            """
            SELECT media_type, filename, content, sha256 FROM documents
             WHERE CASE %(kind)s WHEN 'invoice' THEN invoice_id = %(id)s WHEN 'credit_note' THEN credit_note_id = %(id)s
                                 ELSE payout_id = %(id)s END
               AND kind = %(kind)s AND format = %(format)s
            """,
            {"kind": kind, "id": document_id, "format": form},
        )
        return cursor.fetchone()


def keep(conn: Connection[Any], kind: Kind, document_id: int, form: Format, document: Document) -> None:
    """Keep a file, unless one was kept meanwhile: the first stays."""
    conn.execute(
        """
        INSERT INTO documents (kind, format, invoice_id, credit_note_id, payout_id, media_type, filename, content,
                               sha256)
        VALUES (%(kind)s::text, %(format)s, CASE %(kind)s::text WHEN 'invoice' THEN %(id)s::bigint END,
                CASE %(kind)s::text WHEN 'credit_note' THEN %(id)s::bigint END,
                CASE %(kind)s::text WHEN 'payout' THEN %(id)s::bigint END, %(media_type)s, %(filename)s, %(content)s,
                %(sha256)s)
        ON CONFLICT DO NOTHING
        """,
        {
            "kind": kind,
            "format": form,
            "id": document_id,
            "media_type": document.media_type,
            "filename": document.filename,
            "content": document.content,
            "sha256": document.sha256,
        },
    )


def invoice(conn: Connection[Any], invoice_id: int) -> InvoiceDocument | Literal["draft"] | None:
    """An invoice as it was issued, whatever was paid since, without its lines; None where there is none."""
    with conn.cursor(row_factory=kwargs_row(_invoice)) as cursor:
        cursor.execute(
            """
            SELECT i.id AS invoice_id, i.buyer_id, i.invoice_number AS number, i.currency, i.timezone, i.issued_at,
                   i.due_date, i.terms_days, i.period_start, i.period_end, i.subtotal, i.tax_rate, i.tax_name,
                   i.tax_note, i.tax_amount AS tax, i.total_amount AS total, i.subject, i.seller, i.buyer,
                   coalesce((SELECT sum(s.amount) FROM invoice_settlements s
                              WHERE s.invoice_id = i.id AND s.kind = 'wallet' AND s.settled_at <= i.issued_at), 0)
                   AS prepaid
              FROM invoices i WHERE i.id = %s
            """,
            (invoice_id,),
        )
        return cursor.fetchone()


def invoice_lines(conn: Connection[Any], invoice_id: int) -> list[DocumentLine]:
    """The lines of an invoice, in the order the leads were delivered."""
    with conn.cursor(row_factory=kwargs_row(_line)) as cursor:
        cursor.execute(
            """
            SELECT x.lead_id, x.delivered_at, x.amount, l.price_components AS components
              FROM invoice_lines x JOIN leads l ON l.id = x.lead_id
             WHERE x.invoice_id = %s AND x.released_at IS NULL ORDER BY x.delivered_at, x.lead_id
            """,
            (invoice_id,),
        )
        return cursor.fetchall()


def credit_note(conn: Connection[Any], credit_note_id: int) -> CreditNoteDocument | None:
    """A credit note without its lines; None where there is none."""
    with conn.cursor(row_factory=kwargs_row(_credit_note)) as cursor:
        cursor.execute(
            """
            SELECT c.id AS credit_note_id, c.buyer_id, c.number, c.currency, i.timezone, c.issued_at, c.invoice_id,
                   i.invoice_number, i.issued_at AS invoice_issued_at, c.reason, c.note, c.net, i.tax_rate, i.tax_name,
                   i.tax_note, c.tax, c.total, c.to_due, c.to_wallet, i.subject, c.seller, c.buyer
              FROM credit_notes c JOIN invoices i ON i.id = c.invoice_id WHERE c.id = %s
            """,
            (credit_note_id,),
        )
        return cursor.fetchone()


def credit_note_lines(conn: Connection[Any], credit_note_id: int) -> list[DocumentLine]:
    """The lines of a credit note, in the order the leads were delivered."""
    with conn.cursor(row_factory=kwargs_row(_line)) as cursor:
        cursor.execute(
            """
            SELECT x.lead_id, l.delivered_at, x.amount, NULL AS components
              FROM credit_note_lines x JOIN leads l ON l.id = x.lead_id
             WHERE x.credit_note_id = %s ORDER BY l.delivered_at, x.lead_id
            """,
            (credit_note_id,),
        )
        return cursor.fetchall()


def _invoice(
    *, number: str | None, issued_at: datetime | None, subject: str | None, seller: object, buyer: object, **rest: Any
) -> InvoiceDocument | Literal["draft"]:
    if number is None or issued_at is None:
        return "draft"
    return InvoiceDocument(
        number=number,
        issued_at=issued_at,
        subject=subject or "",
        seller=terms.parse_seller(seller),
        buyer=billing_documents.parse_bill_to(buyer, label=number),
        **rest,
    )


def _credit_note(*, number: str, seller: object, buyer: object, **rest: Any) -> CreditNoteDocument:
    return CreditNoteDocument(
        number=number,
        seller=terms.parse_seller(seller),
        buyer=billing_documents.parse_bill_to(buyer, label=number),
        **rest,
    )


def _line(*, components: object, **rest: Any) -> DocumentLine:
    parts = components if isinstance(components, list) else [components]
    priced = tuple((str(p["component"]), Decimal(str(p["amount"]))) for p in parts if isinstance(p, Mapping))
    return DocumentLine(components=priced, **rest)
