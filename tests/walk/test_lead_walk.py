"""A lead from POST to invoice, step by step."""

from typing import Any

import pytest
from psycopg import Connection

from tests.factories import a_buyer, a_post, a_source, an_enrolment, an_offer
from tests.functions_under_test import Functions


def test_a_lead_is_taken_in_validated_routed_delivered_billed_and_invoiced(
    conn: Connection[Any], functions: Functions, environment: pytest.MonkeyPatch
) -> None:
    offer = an_offer(conn, invoice_threshold="40.00")
    a_source(conn, offer, source_key="walk-source")
    buyer = a_buyer(conn)
    an_enrolment(conn, buyer, offer)

    answer = functions.client().post("/api/leads", json=a_post(source_key="walk-source"))
    print(answer.json())
    assert answer.status_code == 202
    functions.drain()
    print(conn.execute("select stage,outcome,reason,inputs,trace from lead_decisions").fetchall())
    print(conn.execute("select event from lifecycle_events").fetchall())
    print(conn.execute("select * from deliveries").fetchall())
