"""Writes electronic invoices: UBL 2.1, and Factur-X (a PDF that carries the same as CII), each held against its schema.
The same document is the same bytes, whenever it is written.
"""

from datetime import UTC

import facturx
from lxml import etree

from leadgen.documents.adapters import fonts, pdf
from leadgen.documents.adapters.pdf import Embedded
from leadgen.documents.domain import einvoice
from leadgen.documents.domain.letter import Letter
from leadgen.documents.domain.sales_documents import CreditNoteDocument, InvoiceDocument

_LEVEL = "en16931"
_URN = "urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#"
_FILENAME = "factur-x.xml"


def ubl(document: InvoiceDocument | CreditNoteDocument) -> bytes:
    """The document as UBL 2.1 XML."""
    written: bytes = facturx.generate_ubl_xml(
        einvoice.fields(document), level=_LEVEL, check_xsd=True, check_schematron=False
    )
    return written


def factur_x(document: InvoiceDocument | CreditNoteDocument, letter: Letter) -> bytes:
    """The document's letter as a PDF with the same as CII XML inside."""
    xml: bytes = facturx.generate_cii_xml(
        einvoice.fields(document), level=_LEVEL, check_xsd=True, check_schematron=False
    )
    return pdf.draw(letter, Embedded(_FILENAME, "Factur-X invoice", xml, _metadata(letter)))


def _metadata(letter: Letter) -> str:
    # The library's own way into a PDF stamps the time at which it is done; this is the time of the issue.
    # In the same letters as the PDF's own title and author, which PDF/A requires.
    title, author = fonts.text(letter.name), fonts.text(letter.sender.name)
    described = facturx.generate_xmp_object(
        {
            "pdfa3_flavor": "B",
            "title": title,
            "author": author,
            "subject": f"{title} from {author}",
            "producer": "LeadGen",
            "creator_tool": "LeadGen",
            "timestamp": letter.created_at.astimezone(UTC).isoformat(timespec="seconds"),
            "version": "1.0",
            "documenttype": "INVOICE",
            "xml_filename": _FILENAME,
            "xmp_level": "EN 16931",
            "urn": _URN,
        }
    )
    return str(etree.tostring(described, encoding="unicode"))
