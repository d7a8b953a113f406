"""What stands on invoices and credit notes, as text that is read out of their PDF."""

import io
import subprocess
import sys
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader

from leadgen.billing.domain.documents import BillTo
from leadgen.documents.adapters import pdf
from leadgen.documents.domain import sales_letters
from leadgen.documents.domain.sales_documents import CreditNoteDocument, InvoiceDocument, period_in_words
from tests.support.money.sales_documents import BUYER, FROM, ISSUED, SELLER, an_issued_credit_note, an_issued_invoice

ROOT = Path(__file__).parents[2]


def pages(
    document: InvoiceDocument | CreditNoteDocument, pay_url: str | None = "https://pay.example.com/i/1"
) -> list[str]:
    """The text of each page, in one line of single spaces."""
    letter = (
        sales_letters.of_credit_note(document)
        if isinstance(document, CreditNoteDocument)
        else sales_letters.of_invoice(document, pay_url=pay_url)
    )
    return [" ".join(page.extract_text().split()) for page in PdfReader(io.BytesIO(pdf.draw(letter))).pages]


def test_an_invoice_says_all_that_an_accountant_asks_for() -> None:
    (page,) = pages(an_issued_invoice())
    for said in (
        "Invoice", "Nordlicht Leads GmbH", "Speicherstraße 12", "20457 Hamburg, DE", "Tax ID DE123456789",
        "Dachdecker Söhne GmbH", "Große Bergstraße 7", "22767 Hamburg, DE", "Tax ID DE987654321",
        "Invoice number INV-000042", "Issue date 1 July 2026", "Due date 15 July 2026", "Terms Net 14 days",
        "Period 1 June 2026 - 30 June 2026", "Time zone Europe/Berlin", "PO number PO-2026-0815", "Currency EUR",
        "1 Lead 1000 1 Jun 2026 00:00 CEST 45.00", "12 Lead 1011", "Subtotal 540.00", "USt 19 % 102.60",
        "Total 642.60 EUR", "Paid from prepaid balance -120.00", "Amount due 522.60 EUR", "Pay this invoice online",
        "IBAN DE89 3704 0044 0532 0130 00", "BIC COBADEFFXXX", "Payment reference INV-000042",
        "HRB 123456, Amtsgericht Hamburg", "Managing director: Erika Musterfrau", "Page 1 of 1",
    ):  # fmt: skip
        assert said in page, said


def test_the_pay_link_leads_to_the_page_of_the_invoice() -> None:
    drawn = pdf.draw(sales_letters.of_invoice(an_issued_invoice(), pay_url="https://pay.example.com/i/1"))
    annotations: Any = PdfReader(io.BytesIO(drawn)).pages[0]["/Annots"]
    assert annotations[0].get_object()["/A"]["/URI"] == "https://pay.example.com/i/1"


def test_an_invoice_that_prepaid_money_has_paid_asks_for_nothing() -> None:
    (page,) = pages(an_issued_invoice(prepaid="642.60"))
    assert "Amount due 0.00 EUR" in page
    assert "Pay this invoice" not in page
    assert "Bank transfer" not in page


@pytest.mark.parametrize(
    ("rate", "name", "note", "there", "absent"),
    [
        ("19", "USt", None, "USt 19 % 102.60", "Reverse"),
        ("7.125", "Sales tax", None, "Sales tax 7.125 % 38.48", "USt"),
        ("0", "VAT", "Reverse charge: the recipient accounts for the tax.", "VAT 0 % 0.00", "19 %"),
        ("0", None, None, "Total 540.00 EUR", "%"),
        ("0", "VAT", "Exempt under Art. 146.", "Exempt under Art. 146.", "Reverse"),
    ],
    ids=["rate", "broken_rate", "reverse_charge", "no_tax", "exempt"],
)
def test_every_case_of_tax_is_named_with_its_rate_amount_and_note(
    rate: str, name: str | None, note: str | None, there: str, absent: str
) -> None:
    (page,) = pages(an_issued_invoice(rate=rate, tax_name=name, tax_note=note, prepaid="0"))
    assert there in page
    assert note is None or note in page
    assert absent not in page


def test_a_currency_without_decimals_has_none() -> None:
    (page,) = pages(an_issued_invoice(price="4500", rate="10", prepaid="0", currency="JPY"))
    assert "Amount due 59,400 JPY" in page


def test_a_credit_note_names_its_invoice_its_reason_and_where_the_money_went() -> None:
    (page,) = pages(an_issued_credit_note())
    for said in (
        "Credit note number CN-000005", "For invoice INV-000042", "Invoice date 1 July 2026", "Reason Wrong area",
        "Both are outside of the agreed postal codes.", "Net credit 90.00", "USt 19 % 17.10",
        "Total credit 107.10 EUR", "Taken off INV-000042 60.00", "Added to your prepaid balance 47.10", "Lead 1001",
    ):  # fmt: skip
        assert said in page, said


def test_five_hundred_lines_break_into_pages_that_each_have_the_head() -> None:
    found = pages(an_issued_invoice(leads=500))
    assert len(found) < 16
    assert all("# Description Delivered Price (EUR)" in page for page in found)
    assert all("Invoice INV-000042" in page for page in found[1:])
    assert [page.endswith(f"Page {number} of {len(found)}") for number, page in enumerate(found, 1)]
    for number, line in enumerate(an_issued_invoice(leads=500).lines, 1):
        assert sum(f" {number} Lead {line.lead_id} " in f" {page}" for page in found) == 1


def test_long_names_wrap_and_push_nothing_off_the_page() -> None:
    name = "Gesellschaft für Dachdeckerarbeiten und Bauklempnerei im Großraum Hamburg " * 2
    found = pages(an_issued_invoice(buyer=replace_buyer(name), leads=30))
    assert name.strip() in found[0]
    assert "Amount due" in found[-1]


def replace_buyer(legal_name: str) -> BillTo:
    return BUYER.model_copy(update={"legal_name": legal_name})


@pytest.mark.parametrize(
    "name", ["Żółć GmbH", "Łódź Ćwikła", "Smith’s “Roofs” – Köln", "10 € Shop", "Δομή ΑΕ", "Кровля ООО"], ids=ascii
)
def test_names_of_latin_greek_and_cyrillic_letters_are_written_as_they_are(name: str) -> None:
    (page,) = pages(an_issued_invoice(buyer=replace_buyer(name)))
    assert name in page


@pytest.mark.parametrize("name", ["東京リード株式会社", "\u202eevil", "a\x00b\nc", "☃ & <b>{nb}</b> ¦¦¦¦¦"], ids=ascii)
def test_no_name_is_one_that_an_invoice_cannot_be_drawn_for(name: str) -> None:
    (page,) = pages(an_issued_invoice(buyer=replace_buyer(name)))
    assert "Page 1 of 1" in page


def test_the_same_invoice_is_the_same_bytes_in_another_process_at_another_time() -> None:
    program = (
        "import hashlib, sys, time\n"
        "while int(time.time()) == int(sys.argv[1]): time.sleep(0.01)\n"
        "from leadgen.documents.adapters import pdf\nfrom leadgen.documents.domain import sales_letters\n"
        "from tests.support.money.sales_documents import an_issued_invoice\n"
        "letter = sales_letters.of_invoice(an_issued_invoice(), pay_url='https://pay.example.com/i/1')\n"
        "print(hashlib.sha256(pdf.draw(letter)).hexdigest(), int(time.time()))"
    )
    hashes, second = set(), "0"
    for seed in ("1", "2"):
        drawn = subprocess.run(
            [sys.executable, "-c", program, second],
            env={"PYTHONPATH": f"{ROOT}/layers/core:{ROOT}", "PYTHONHASHSEED": seed},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        found, second = drawn.stdout.split()
        hashes.add(found)
    assert len(hashes) == 1
    letter = sales_letters.of_invoice(an_issued_invoice(), pay_url="https://pay.example.com/i/1")
    assert pdf.draw(letter) == pdf.draw(letter)


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        (FROM, ISSUED, "1 June 2026 - 30 June 2026"),
        (FROM, FROM + timedelta(days=1), "1 June 2026"),
        (FROM, FROM + timedelta(hours=36, minutes=5), "1 Jun 2026 00:00 CEST - 2 Jun 2026 12:05 CEST"),
    ],
    ids=["month", "day", "threshold"],
)
def test_a_period_is_named_in_the_markets_days(start: datetime, end: datetime, words: str) -> None:
    assert period_in_words(start, end, "Europe/Berlin") == words


def test_a_seller_of_whom_nothing_is_known_has_an_invoice_all_the_same() -> None:
    bare = an_issued_invoice(seller=SELLER.model_copy(update={"address": None, "tax_id": None, "bank": None}))
    (page,) = pages(replace(bare, prepaid=Decimal(0)), pay_url=None)
    assert "Amount due 642.60 EUR" in page
