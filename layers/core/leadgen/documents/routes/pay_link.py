"""HTTP of the invoice behind a pay link. Public: whoever holds the link reads that invoice."""

from fastapi import APIRouter
from fastapi.responses import Response

from leadgen.documents.service import documents
from leadgen.kernel.errors import Refusal
from leadgen.payments.routes.pay import page_headers, refused
from leadgen.payments.service import checkout
from leadgen.platform import db

router = APIRouter()


@router.get("/pay/{token}/invoice.pdf")
def get_document(token: str) -> Response:
    """The invoice as it was mailed."""
    try:
        invoice_id = checkout.payable(token).invoice_id
        with db.current().connection() as conn:
            document = documents.document(conn, "invoice", invoice_id)
    except Refusal as refusal:
        return refused(refusal)
    # Without the page's policy: a browser shows a PDF by a page of its own, which that would forbid.
    headers = page_headers() | {
        "Content-Security-Policy": "frame-ancestors 'none'",
        "Content-Disposition": f'inline; filename="{document.filename}"',
    }
    return Response(document.content, 200, headers, document.media_type)
