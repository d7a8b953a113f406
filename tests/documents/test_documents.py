"""Documents drawn from what is in the database, once, and kept."""

import threading
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from leadgen.documents.service import documents as documents_service
from leadgen.kernel.errors import Refusal
from leadgen.publishers.service import documents as publishers_documents
from tests.support.factories import a_market, an_offer
from tests.support.money import sold_leads
from tests.support.money.sales_documents import SELLER, a_billed_buyer, set_seller


@pytest.fixture
def offer(conn: Connection[Any]) -> int:
    """An offer in Hamburg, where prices are in euros."""
    set_seller(conn)
    return an_offer(conn, market_id=a_market(conn, timezone="Europe/Berlin", currency="EUR"), invoice_threshold=9999)


@pytest.fixture
def sold(conn: Connection[Any], offer: int, now: datetime) -> int:
    """An issued invoice of three leads, 40.00 of it prepaid."""
    buyer = a_billed_buyer(conn)
    sold_leads.prepay(conn, buyer, "40.00", now)
    invoice_id, _ = sold_leads.an_invoice(conn, offer, buyer, now, "45.00", "45.00", "10.10")
    return invoice_id


def test_an_invoice_is_read_as_it_was_issued(conn: Connection[Any], sold: int) -> None:
    found = documents_service.invoice(conn, sold)
    assert (found.number, str(found.subtotal), str(found.tax), str(found.prepaid), str(found.due)) == (
        "INV-000001", "100.10", "19.02", "40.00", "79.12",
    )  # fmt: skip
    assert found.seller == SELLER
    assert found.buyer.called == "Dachdecker Söhne GmbH"
    assert dict(found.lines[0].components).keys() == {"offer_default"}


@pytest.mark.parametrize("form", ["pdf", "ubl", "factur_x"])
def test_a_document_is_drawn_once_and_kept(conn: Connection[Any], sold: int, form: Any) -> None:
    drawn = documents_service.document(conn, "invoice", sold, form)
    assert documents_service.document(conn, "invoice", sold, form) == drawn
    kept = conn.execute("SELECT content, sha256, format FROM documents").fetchall()
    assert kept == [(drawn.content, drawn.sha256, form)]


def test_what_is_paid_and_renamed_later_changes_no_byte(conn: Connection[Any], sold: int, now: datetime) -> None:
    before = documents_service._draw(documents_service.invoice(conn, sold), "pdf")
    conn.execute("UPDATE buyers SET name = 'Another', company = 'Another AG', billing = '{}'")
    set_seller(conn, SELLER.model_copy(update={"legal_name": "Another seller"}))
    conn.execute(
        """
        WITH settled AS (
          INSERT INTO invoice_settlements (settled_at, invoice_id, kind, amount) VALUES (%s, %s, 'wallet', 5)
        )
        UPDATE invoices SET wallet_applied = wallet_applied + 5 WHERE id = %s
        """,
        (now + timedelta(days=1), sold, sold),
    )
    assert documents_service._draw(documents_service.invoice(conn, sold), "pdf") == before


def test_what_is_kept_is_never_changed_or_removed(conn: Connection[Any], sold: int) -> None:
    documents_service.document(conn, "invoice", sold)
    for statement in ("UPDATE documents SET filename = 'x'", "DELETE FROM documents", "TRUNCATE documents"):
        with pytest.raises(psycopg.errors.IntegrityConstraintViolation):
            conn.execute(statement)


def test_many_who_ask_at_once_get_the_same_file(conn: Connection[Any], database_url: str, sold: int) -> None:
    found: list[str] = []
    barrier = threading.Barrier(6)

    def ask() -> None:
        with psycopg.connect(database_url, autocommit=True) as own:
            barrier.wait()
            found.append(documents_service.document(own, "invoice", sold).sha256)

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6
    assert len(set(found)) == 1
    assert conn.execute("SELECT count(*) FROM documents").fetchone() == (1,)


def test_a_draft_has_no_document_and_neither_has_what_does_not_exist(
    conn: Connection[Any], offer: int, now: datetime
) -> None:
    buyer = a_billed_buyer(conn)
    conn.execute("UPDATE buyers SET billing = billing || '{\"approval\": true}'")
    draft, _ = sold_leads.an_invoice(conn, offer, buyer, now)
    with pytest.raises(Refusal) as refused:
        documents_service.document(conn, "invoice", draft)
    assert (refused.value.status, refused.value.code) == (409, "not_issued")
    for draw in (
        partial(documents_service.document, conn, "invoice"),
        partial(documents_service.document, conn, "credit_note"),
        partial(publishers_documents.document, conn),
    ):
        with pytest.raises(Refusal) as refused:
            draw(999)
        assert refused.value.status == 404


def test_an_electronic_invoice_that_lacks_an_address_is_refused_with_the_field(
    conn: Connection[Any], offer: int, now: datetime
) -> None:
    buyer = a_billed_buyer(conn)
    conn.execute("UPDATE buyers SET billing = billing - 'address'")
    invoice_id, _ = sold_leads.an_invoice(conn, offer, buyer, now)
    with pytest.raises(Refusal) as refused:
        documents_service.document(conn, "invoice", invoice_id, "ubl")
    assert (refused.value.status, refused.value.code) == (409, "fields_missing")
    assert list(refused.value.details["fields"]) == ["buyer.address"]  # type: ignore[call-overload]  # plain JSON
    assert "billing.address" in refused.value.message
    assert conn.execute("SELECT count(*) FROM documents").fetchone() == (0,)


def test_reverse_charge_is_known_from_the_copy_of_the_buyer(conn: Connection[Any], offer: int, now: datetime) -> None:
    buyer = a_billed_buyer(conn, tax={"name": "VAT", "rate": "0", "reverse_charge": True})
    invoice_id, _ = sold_leads.an_invoice(conn, offer, buyer, now)
    found = documents_service.invoice(conn, invoice_id)
    assert found.buyer.reverse_charge
    assert b"VATEX-EU-AE" in documents_service.document(conn, "invoice", invoice_id, "ubl").content
