"""Electronic invoices: valid by their schemas, and their figures add up as EN 16931 has it."""

import io
from decimal import Decimal
from typing import Any

import facturx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from pypdf import PdfReader

from leadgen.documents.adapters import einvoices
from leadgen.documents.domain import einvoice, sales_letters
from leadgen.documents.domain.sales_documents import CreditNoteDocument, InvoiceDocument
from leadgen.kernel import money
from tests.support.examples import examples
from tests.support.money.sales_documents import BUYER, SELLER, an_issued_credit_note, an_issued_invoice

REVERSE = BUYER.model_copy(update={"reverse_charge": True, "tax_id": "FR12345678901"})
CASES: dict[str, InvoiceDocument | CreditNoteDocument] = {
    "rate": an_issued_invoice(),
    "reverse_charge": an_issued_invoice(rate="0", tax_name="VAT", tax_note="Reverse charge.", buyer=REVERSE),
    "exempt": an_issued_invoice(rate="0", tax_name="VAT", tax_note="Exempt under Art. 146.", prepaid="0"),
    "no_decimals": an_issued_invoice(price="4500", rate="10", currency="JPY", prepaid="0"),
    "paid": an_issued_invoice(prepaid="642.60"),
    "free_lead": an_issued_invoice(price="0.00", prepaid="0"),
    "credit_note": an_issued_credit_note(),
}


def ubl(document: InvoiceDocument | CreditNoteDocument) -> Any:
    return etree.fromstring(einvoices.ubl(document))


def texts(tree: Any, name: str) -> list[str]:
    return [found.text for found in tree.iter() if etree.QName(found).localname == name]


@pytest.mark.parametrize("document", CASES.values(), ids=CASES)
def test_a_document_is_valid_by_the_schemas_of_ubl_and_of_factur_x(
    document: InvoiceDocument | CreditNoteDocument,
) -> None:
    written = einvoices.ubl(document)
    flavor = "ubl-2.1-creditnote" if isinstance(document, CreditNoteDocument) else "ubl-2.1-invoice"
    assert facturx.xml_check_xsd(written, flavor=flavor)
    drawn = einvoices.factur_x(document, _letter(document))
    name, cii = facturx.get_xml_from_pdf(drawn, check_xsd=True)
    assert name == "factur-x.xml"
    assert facturx.get_level(etree.fromstring(cii), flavor="factur-x") == "en16931"


@pytest.mark.parametrize(
    "name", ["a\x00b", "a\x01\x0bb", "a\ufffeb", "a\x7fb", "<x>&amp;]]>", "<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///'>]>&e;"],
    ids=ascii,
)  # fmt: skip
def test_no_name_is_one_that_no_xml_can_hold_or_that_is_read_as_any(name: str) -> None:
    invoice = an_issued_invoice(
        buyer=BUYER.model_copy(update={"legal_name": name}), seller=SELLER.model_copy(update={"legal_name": name})
    )
    assert "".join(letter for letter in name if letter.isprintable() and letter != "\ufffe") in texts(
        ubl(invoice), "Name"
    )
    _, cii = facturx.get_xml_from_pdf(einvoices.factur_x(invoice, _letter(invoice)), check_xsd=True)
    assert b"<!ENTITY" not in cii


@pytest.mark.parametrize("document", CASES.values(), ids=CASES)
def test_the_figures_add_up(document: InvoiceDocument | CreditNoteDocument) -> None:
    _adds_up(document)


@examples(short=10, long=100)
@given(
    leads=st.integers(1, 9),
    price=st.decimals("0.01", "999.99", places=2),
    rate=st.decimals("0.1", "30", places=1),
    part=st.integers(0, 100),
)
def test_the_figures_add_up_whatever_they_are(leads: int, price: Decimal, rate: Decimal, part: int) -> None:
    whole = an_issued_invoice(leads=leads, price=str(price), rate=str(rate), prepaid="0")
    prepaid = (whole.total * part / 100).quantize(Decimal("0.01"))
    _adds_up(an_issued_invoice(leads=leads, price=str(price), rate=str(rate), prepaid=str(prepaid)))


def _adds_up(document: InvoiceDocument | CreditNoteDocument) -> None:
    tree = ubl(document)
    lines = [Decimal(said) for said in texts(tree, "LineExtensionAmount")]
    *of_lines, total_of_lines = lines[1:] + lines[:1]
    assert total_of_lines == sum(of_lines)  # BR-CO-10
    net, gross = (Decimal(texts(tree, name)[0]) for name in ("TaxExclusiveAmount", "TaxInclusiveAmount"))
    taxes = [Decimal(said) for said in texts(tree, "TaxAmount")]
    assert net == total_of_lines  # BR-CO-13: no allowances, no charges
    assert gross == net + taxes[0]  # BR-CO-15
    prepaid = [Decimal(said) for said in texts(tree, "PrepaidAmount")]
    assert Decimal(texts(tree, "PayableAmount")[0]) == gross - sum(prepaid)  # BR-CO-16
    assert taxes[0] == taxes[1] == document.tax  # BR-CO-14, and BR-CO-17: rounded once
    assert texts(tree, "DueDate") or texts(tree, "Note")  # BR-CO-25
    assert document.tax == money.rounded(net * document.tax_rate / 100, document.currency)


@pytest.mark.parametrize(("case", "category"), [("rate", "S"), ("reverse_charge", "AE"), ("exempt", "E")])
def test_every_case_of_tax_has_its_category_and_says_why_where_nothing_is_charged(case: str, category: str) -> None:
    tree = ubl(CASES[case])
    categories = [
        found for found in tree.iter() if etree.QName(found).localname in {"TaxCategory", "ClassifiedTaxCategory"}
    ]
    assert {texts(found, "ID")[0] for found in categories} == {category}
    assert texts(tree, "TaxExemptionReason") == ([] if category == "S" else [CASES[case].tax_note])
    assert texts(tree, "TaxExemptionReasonCode") == (["VATEX-EU-AE"] if category == "AE" else [])


def test_a_credit_note_refers_to_its_invoice_and_its_amounts_are_above_zero() -> None:
    tree = ubl(CASES["credit_note"])
    assert etree.QName(tree).localname == "CreditNote"
    assert "INV-000042" in texts(tree, "ID")
    assert texts(tree, "CreditNoteTypeCode") == ["381"]
    assert texts(tree, "PayableAmount") == ["107.10"]


@pytest.mark.parametrize(
    ("document", "field"),
    [
        (an_issued_invoice(seller=SELLER.model_copy(update={"address": None})), "seller.address"),
        (an_issued_invoice(seller=SELLER.model_copy(update={"tax_id": None})), "seller.tax_id"),
        (an_issued_invoice(buyer=BUYER.model_copy(update={"address": None})), "buyer.address"),
        (an_issued_invoice(rate="0", tax_name=None, prepaid="0"), "buyer.tax"),
        (
            an_issued_invoice(rate="0", tax_note="Reverse", buyer=REVERSE.model_copy(update={"tax_id": None})),
            "buyer.tax_id",
        ),
    ],
    ids=["seller_address", "seller_tax_id", "buyer_address", "why_no_tax", "buyer_tax_id"],
)
def test_what_is_missing_is_named_with_where_it_is_set(document: InvoiceDocument, field: str) -> None:
    (said,) = einvoice.missing(document).items()
    assert said[0] == field
    assert "configuration" in said[1] or "billing" in said[1]


def test_a_document_that_can_be_written_lacks_nothing() -> None:
    assert [einvoice.missing(document) for document in CASES.values()] == [{}] * len(CASES)


@pytest.mark.parametrize("document", CASES.values(), ids=CASES)
def test_the_same_document_is_the_same_bytes(document: InvoiceDocument | CreditNoteDocument) -> None:
    letter = _letter(document)
    assert einvoices.ubl(document) == einvoices.ubl(document)
    assert einvoices.factur_x(document, letter) == einvoices.factur_x(document, letter)


def test_a_pdf_that_carries_an_invoice_is_an_archive_with_its_font_and_colors_inside() -> None:
    drawn = einvoices.factur_x(CASES["rate"], _letter(CASES["rate"]))
    assert drawn.startswith(b"%PDF-1.7")
    assert b"/FontFile2" in drawn
    assert b"/OutputIntent" in drawn
    metadata: Any = PdfReader(io.BytesIO(drawn)).root_object["/Metadata"]
    assert b"<pdfaid:part>3</pdfaid:part>" in metadata.get_data()


def _letter(document: InvoiceDocument | CreditNoteDocument) -> Any:
    if isinstance(document, CreditNoteDocument):
        return sales_letters.of_credit_note(document)
    return sales_letters.of_invoice(document, pay_url=None)
