"""Issued invoices and credit notes as values, and parties for those in the database."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from psycopg import Connection
from psycopg.types.json import Jsonb

from leadgen.billing.domain.documents import BillTo
from leadgen.billing.domain.terms import Address, Bank, Seller
from leadgen.documents.domain.sales_documents import CreditNoteDocument, DocumentLine, InvoiceDocument
from leadgen.kernel import money
from tests.support.factories import a_buyer

ISSUED = datetime(2026, 6, 30, 22, 0, tzinfo=UTC)  # midnight in Hamburg
FROM = datetime(2026, 5, 31, 22, 0, tzinfo=UTC)

SELLER = Seller(
    legal_name="Nordlicht Leads GmbH",
    address=Address(line1="Speicherstraße 12", postal_code="20457", city="Hamburg", country="DE"),
    tax_id="DE123456789",
    registration="HRB 123456, Amtsgericht Hamburg",
    email="billing@nordlicht.example",
    phone="+49 40 555 0100",
    website="nordlicht.example",
    bank=Bank(
        name="Hanseatische Bank",
        account_holder="Nordlicht Leads GmbH",
        iban="DE89370400440532013000",
        bic="COBADEFFXXX",
    ),
    footer="Managing director: Erika Musterfrau. Please quote the invoice number with every payment.",
)
BUYER = BillTo(
    name="Dachdecker Nord",
    email="accounts@dachdecker.example",
    legal_name="Dachdecker Söhne GmbH",
    address=Address(line1="Große Bergstraße 7", postal_code="22767", city="Hamburg", country="DE"),
    tax_id="DE987654321",
    po_number="PO-2026-0815",
)


def lines(count: int, price: str = "45.00") -> tuple[DocumentLine, ...]:
    """Leads delivered over the period."""
    return tuple(
        DocumentLine(1000 + place, FROM + timedelta(hours=13 * place % 700, minutes=7 * place % 60), Decimal(price))
        for place in range(count)
    )


def an_issued_invoice(
    *,
    leads: int = 12,
    price: str = "45.00",
    rate: str = "19",
    tax_name: str | None = "USt",
    tax_note: str | None = None,
    prepaid: str = "120.00",
    currency: str = "EUR",
    seller: Seller = SELLER,
    buyer: BillTo = BUYER,
) -> InvoiceDocument:
    sold = lines(leads, price)
    subtotal = sum((line.amount for line in sold), Decimal(0))
    tax = money.rounded(subtotal * Decimal(rate) / 100, currency)
    return InvoiceDocument(
        invoice_id=42,
        buyer_id=7,
        number="INV-000042",
        currency=currency,
        timezone="Europe/Berlin",
        issued_at=ISSUED,
        due_date=ISSUED + timedelta(days=14),
        terms_days=14,
        period_start=FROM,
        period_end=ISSUED,
        subtotal=subtotal,
        tax_rate=Decimal(rate),
        tax_name=tax_name,
        tax_note=tax_note,
        tax=tax,
        total=subtotal + tax,
        prepaid=Decimal(prepaid),
        subject="Dachsanierung, Hamburg",
        seller=seller,
        buyer=buyer,
        lines=sold,
    )


def an_issued_credit_note(*, leads: int = 2, rate: str = "19", buyer: BillTo = BUYER) -> CreditNoteDocument:
    credited = lines(leads)
    net = sum((line.amount for line in credited), Decimal(0))
    tax = money.rounded(net * Decimal(rate) / 100, "EUR")
    return CreditNoteDocument(
        credit_note_id=5,
        buyer_id=7,
        number="CN-000005",
        currency="EUR",
        timezone="Europe/Berlin",
        issued_at=ISSUED + timedelta(days=3),
        invoice_id=42,
        invoice_number="INV-000042",
        invoice_issued_at=ISSUED,
        reason="wrong_area",
        note="Both are outside of the agreed postal codes.",
        net=net,
        tax_rate=Decimal(rate),
        tax_name="USt",
        tax_note=None,
        tax=tax,
        total=net + tax,
        to_due=Decimal("60.00"),
        to_wallet=net + tax - Decimal("60.00"),
        subject="Dachsanierung, Hamburg",
        seller=SELLER,
        buyer=buyer,
        lines=credited,
    )


def set_seller(conn: Connection[Any], seller: Seller = SELLER) -> None:
    """Say who sells, in the database."""
    conn.execute(
        "INSERT INTO seller (details) VALUES (%s) ON CONFLICT (id) DO UPDATE SET details = excluded.details",
        (Jsonb(seller.model_dump(mode="json")),),
    )


def a_billed_buyer(conn: Connection[Any], *, tax: dict[str, Any] | None = None, **values: Any) -> int:
    """A buyer with an address, a tax id and a rate."""
    assert BUYER.address is not None
    billing = {
        "legal_name": BUYER.legal_name,
        "address": BUYER.address.model_dump(mode="json"),
        "tax_id": BUYER.tax_id,
        "po_number": BUYER.po_number,
        "email": BUYER.email,
        "tax": {"name": "USt", "rate": "19"} if tax is None else tax,
    }
    return a_buyer(conn, billing=billing, **({"currency": "EUR"} | values))
