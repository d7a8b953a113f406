"""Retention: personal data leaves leads that are old enough, and old audit rows go."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from psycopg import Connection

from leadgen.simulation.service.simulate import Scope, simulate
from tests.support.factories import a_buyer, a_lead, a_post, a_source, an_enrollment, an_offer
from tests.support.stages.functions import Functions
from tests.support.stages.routing import a_valid_lead, buyers_of, route

PERSONAL = {
    "name": "Zoë Sentinel", "email": "sentinel@person.example", "phone": "+13035559876", "message": "Sentinel leaks",
    "attributes": {"note": "Sentinel"}, "ip_address": "203.0.113.7", "user_agent": "Sentinel/1.0",
}  # fmt: skip


def retain(functions: Functions, at: datetime) -> dict[str, int]:
    done: dict[str, int] = functions.module("retain").run(at)
    return done


def years_before(now: datetime, years: int) -> datetime:
    return now.replace(year=now.year - years)


def test_a_lead_of_36_months_is_erased_and_its_row_stays(
    conn: Connection[Any], functions: Functions, source: int, now: datetime
) -> None:
    old = years_before(now, 3)
    erased = a_lead(conn, source, status="rejected", created_at=old - timedelta(microseconds=1), **PERSONAL)
    kept = a_lead(conn, source, status="rejected", created_at=old, **PERSONAL)
    assert retain(functions, now)["leads_erased"] == 1
    row = conn.execute("SELECT to_jsonb(leads)::text FROM leads WHERE id = %s", (erased,)).fetchall()[0][0]
    for personal in ("entinel", "3035559876", "203.0.113.7"):
        assert personal not in row
    assert conn.execute("SELECT erased_at, postal_code FROM leads WHERE id = %s", (erased,)).fetchone() == (
        now,
        "80014",
    )
    assert conn.execute("SELECT name, erased_at FROM leads WHERE id = %s", (kept,)).fetchone() == ("Zoë Sentinel", None)


def test_an_erased_lead_that_waits_for_a_buyer_or_for_a_person_is_rejected_and_never_sold(
    conn: Connection[Any], functions: Functions, offer: int, source: int, now: datetime
) -> None:
    held = {"in_review_since": now, "review_reason": "fraud_score", "review_detail": "90 (honeypot 90)"}
    old = years_before(now, 4)
    waiting = a_valid_lead(conn, source, created_at=old, unrouted_at=old, route_again_at=now, **PERSONAL)
    a_valid_lead(conn, source, created_at=old, **held, **PERSONAL)
    a_lead(conn, source, created_at=old, **held, **PERSONAL)
    a_lead(conn, source, created_at=old, **PERSONAL)
    an_enrollment(conn, a_buyer(conn), offer)

    assert retain(functions, now)["leads_erased"] == 3

    assert route(functions, waiting, at=now) == ["repeated"]
    rows = conn.execute("SELECT status::text, name, rejection_reason, validation_reason FROM leads ORDER BY id")
    assert rows.fetchall() == [
        ("rejected", "erased", "erased", None),
        ("rejected", "erased", "erased", None),
        ("rejected", "erased", None, "erased"),
        ("received", "Zoë Sentinel", None, None),
    ]
    assert conn.execute("SELECT id FROM leads WHERE in_review_since IS NOT NULL").fetchall() == []


def test_erasing_again_touches_nothing(conn: Connection[Any], functions: Functions, source: int, now: datetime) -> None:
    a_lead(conn, source, status="rejected", created_at=years_before(now, 4), **PERSONAL)
    retain(functions, now)
    before = conn.execute("SELECT * FROM leads").fetchall()
    assert retain(functions, now + timedelta(days=1))["leads_erased"] == 0
    assert conn.execute("SELECT * FROM leads").fetchall() == before


def test_more_than_a_batch_is_erased_in_one_run(
    conn: Connection[Any], functions: Functions, source: int, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(functions.module("retain"), "BATCH", 2)
    for _ in range(5):
        a_lead(conn, source, status="delivered", created_at=years_before(now, 4), **PERSONAL)
    assert retain(functions, now)["leads_erased"] == 5
    assert conn.execute("SELECT count(*) FROM leads WHERE erased_at = %s", (now,)).fetchone() == (5,)


def test_a_replay_of_an_erased_lead_still_answers_it(
    conn: Connection[Any], functions: Functions, source: int, now: datetime
) -> None:
    body = a_post(source_key="page")
    first = functions.client().post("/api/leads", json=body).json()
    conn.execute("UPDATE leads SET status = 'rejected'")
    retain(functions, now + timedelta(days=5 * 365))
    replay = functions.client().post("/api/leads", json=body)
    assert replay.json() == first | {"status": "rejected"}
    assert conn.execute("SELECT name FROM leads").fetchone() == ("erased",)


def test_audit_rows_go_after_seven_years(conn: Connection[Any], functions: Functions, now: datetime) -> None:
    seven = years_before(now, 7)
    for at in (seven - timedelta(microseconds=1), seven, now):
        conn.execute("""INSERT INTO audit_logs ("timestamp", action, resource_type) VALUES (%s, 'x', 'y')""", (at,))
    assert retain(functions, now)["audit_rows_purged"] == 1
    assert conn.execute('SELECT min("timestamp") FROM audit_logs').fetchone() == (seven,)


def test_a_pool_of_turns_is_forgotten_after_90_days_without_a_lead(
    conn: Connection[Any], functions: Functions, now: datetime
) -> None:
    offer = an_offer(conn, config={"strategy": "round_robin"})
    source, buyers = a_source(conn, offer), [a_buyer(conn), a_buyer(conn)]
    for buyer in buyers:
        an_enrollment(conn, buyer, offer)

    def next_buyer(at: datetime) -> int | None:
        lead = a_valid_lead(conn, source)
        route(functions, lead, at=at)
        return buyers_of(conn, lead)[0]

    later = now + timedelta(days=90)
    assert next_buyer(now) == buyers[0]
    assert retain(functions, later)["rotations_forgotten"] == 0
    assert next_buyer(later) == buyers[1]
    assert next_buyer(later) == buyers[0]
    assert retain(functions, later + timedelta(days=90, seconds=1))["rotations_forgotten"] == 1
    assert next_buyer(later + timedelta(days=91)) == buyers[0]
    scope = Scope(now - timedelta(days=1), later + timedelta(days=92))
    assert simulate(conn, scope, None, {}, lambda done, of: None).outcome.changes == ()
