"""Leads routed in tests, and what became of them."""

from datetime import datetime
from typing import Any

from psycopg import Connection

from leadgen.decisions import store as decisions_store
from tests.support.factories import a_lead
from tests.support.stages.functions import Functions
from tests.support.stages.messages import messages


def a_valid_lead(conn: Connection[Any], source: int, **values: Any) -> int:
    return a_lead(conn, source, **{"status": "validated"} | values)


def route(functions: Functions, *leads: int, at: datetime) -> list[str]:
    return [outcome.outcome for outcome in functions.module("route").process(messages("lead.validated", leads), at)]


def buyers_of(conn: Connection[Any], *leads: int) -> list[int | None]:
    rows = dict(conn.execute("SELECT id, buyer_id FROM leads").fetchall())
    return [rows[lead] for lead in leads]


def reason_of(conn: Connection[Any], lead: int) -> str | None:
    """Why the lead is unrouted."""
    ((reason,),) = conn.execute("SELECT unrouted_reason FROM leads WHERE id = %s", (lead,)).fetchall()
    return None if reason is None else str(reason)


def failed_checks(conn: Connection[Any], lead: int) -> dict[int, list[str]]:
    """By buyer, the rules that kept the lead from it at the last decision."""
    trace = decisions_store.of_lead(conn, lead)[-1].trace
    assert isinstance(trace, dict)
    return {v["buyer_id"]: [c["rule"] for c in v["checks"] if not c["passed"]] for v in trace["verdicts"]}
