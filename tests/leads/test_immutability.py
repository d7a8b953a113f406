"""What is decided, delivered or charged stays as it was written: the database refuses, whoever asks."""

from typing import Any

import psycopg
import pytest
from psycopg import Connection

from tests.support.factories import a_buyer, a_lead, a_source, an_offer


@pytest.fixture
def lead(conn: Connection[Any]) -> int:
    """A delivered lead with one row of everything that hangs on it."""
    offer = an_offer(conn)
    buyer = a_buyer(conn)
    lead_id = a_lead(
        conn, a_source(conn, offer), status="delivered", buyer_id=buyer, delivered_price="45.00",
        price_components={"component": "offer_default"}, delivered_at="2026-06-17T12:00:00Z",
    )  # fmt: skip
    conn.execute(
        """
        INSERT INTO lead_decisions (decided_at, lead_id, stage, outcome, policy_id, policy_version, inputs, trace)
        VALUES (now(), %(lead)s, 'routing', 'routed', 1, 1, '{}', '{}')
        """,
        {"lead": lead_id},
    )
    conn.execute(
        """
        WITH delivery AS (
          INSERT INTO deliveries (lead_id, buyer_id, channel, next_attempt_at)
          VALUES (%(lead)s, %(buyer)s, 'webhook', now()) RETURNING id
        )
        INSERT INTO delivery_attempts (delivery_id, channel, attempt, started_at, milliseconds, outcome)
        SELECT id, 'webhook', 1, now(), 5, 'failed' FROM delivery
        """,
        {"lead": lead_id, "buyer": buyer},
    )
    conn.execute(
        """
        WITH invoice AS (
          INSERT INTO invoices (buyer_id, offer_id, period_start, period_end, due_date, currency, timezone)
          VALUES (%(buyer)s, %(offer)s, now() - INTERVAL '1 day', now(), now(), 'USD', 'UTC') RETURNING id
        )
        INSERT INTO invoice_lines (invoice_id, lead_id, delivered_at, amount)
        SELECT id, %(lead)s, now(), 45 FROM invoice
        """,
        {"lead": lead_id, "buyer": buyer, "offer": offer},
    )
    return lead_id


@pytest.mark.parametrize(
    "change",
    [
        "source_id = (SELECT max(id) FROM sources)", "offer_id = (SELECT max(id) FROM offers)",
        "market_id = (SELECT max(id) FROM markets)", "vertical_id = (SELECT max(id) FROM verticals)",
        "idempotency_key = 'another-key-of-16'", "idempotency_key = NULL", "created_at = created_at + INTERVAL '1 s'",
    ],
)  # fmt: skip
def test_a_leads_binding_never_changes(conn: Connection[Any], lead: int, change: str) -> None:
    a_source(conn, an_offer(conn))
    with pytest.raises(psycopg.errors.IntegrityConstraintViolation) as refused:
        conn.execute(f"UPDATE leads SET {change} WHERE id = {lead}".encode())
    assert refused.value.diag.constraint_name == "leads_classification_is_immutable"


@pytest.mark.parametrize("change", ["delivered_price = 46", "delivered_price = NULL, price_components = NULL",
                                    "price_components = '[]'"])  # fmt: skip
def test_a_delivered_price_never_changes(conn: Connection[Any], lead: int, change: str) -> None:
    with pytest.raises(psycopg.errors.IntegrityConstraintViolation) as refused:
        conn.execute(f"UPDATE leads SET {change} WHERE id = {lead}".encode())
    assert refused.value.diag.constraint_name == "leads_delivered_price_is_immutable"


def test_everything_else_of_a_lead_may_change(conn: Connection[Any], lead: int) -> None:
    changed = conn.execute(
        "UPDATE leads SET name = 'erased', status = 'accepted', billing_status = 'billed', price = 45"
    )
    assert changed.rowcount == 1


@pytest.mark.parametrize(
    ("table", "column"),
    [("lead_decisions", "outcome"), ("delivery_attempts", "outcome")],
)
def test_decisions_and_attempts_are_append_only(conn: Connection[Any], lead: int, table: str, column: str) -> None:
    assert conn.execute(f"SELECT count(*) FROM {table}".encode()).fetchone() == (1,)
    for statement in (f"UPDATE {table} SET {column} = {column}", f"DELETE FROM {table}"):
        with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="append-only"):
            conn.execute(statement.encode())


@pytest.mark.parametrize(("table", "column"), [("validation_policies", "rules"), ("routing_policies", "config")])
def test_a_stored_policy_can_only_be_switched_off(conn: Connection[Any], lead: int, table: str, column: str) -> None:
    for change in (f"{column} = '{{\"a\": 1}}'", "version = version + 1", "name = 'Other'"):
        with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="never change"):
            conn.execute(f"UPDATE {table} SET {change}".encode())
    with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="never change"):
        conn.execute(f"DELETE FROM {table}".encode())
    assert conn.execute(f"UPDATE {table} SET is_active = false, updated_at = now()".encode()).rowcount > 0


def test_a_lead_has_one_delivery_and_stands_on_one_invoice(conn: Connection[Any], lead: int) -> None:
    with pytest.raises(psycopg.errors.UniqueViolation):
        conn.execute(
            "INSERT INTO deliveries (lead_id, buyer_id, channel, next_attempt_at)"
            " SELECT lead_id, buyer_id, 'email', now() FROM deliveries"
        )
    with pytest.raises(psycopg.errors.UniqueViolation):
        conn.execute(
            "INSERT INTO invoice_lines (invoice_id, lead_id, delivered_at, amount)"
            " SELECT invoice_id, lead_id, now(), 1 FROM invoice_lines"
        )
