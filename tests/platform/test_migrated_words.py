"""A database whose rows say taken, refused and in doubt: after the migrations they say it in the field's words."""

import json
import shutil
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from leadgen.delivery.domain import terms
from leadgen.platform.migrations import migrate
from tests.conftest import ROOT
from tests.support.factories import a_buyer, a_delivery, a_lead, a_source, an_enrollment, an_offer

MIGRATIONS = ROOT / "sql" / "migrations"
TIME = "2026-06-17T12:00:00Z"


@pytest.fixture
def before(empty_database_url: str, tmp_path: Path) -> Any:
    """A database as it was before the words changed."""
    for file in sorted(MIGRATIONS.glob("*.sql")):
        if file.name < "0026":
            shutil.copy(file, tmp_path)
    with psycopg.connect(empty_database_url, autocommit=True) as conn:
        migrate(conn, tmp_path)
        yield conn


def rows(conn: Connection[Any], query: str) -> list[tuple[Any, ...]]:
    return conn.execute(query.encode()).fetchall()


def test_deliveries_their_attempts_and_their_verdicts_are_carried_over(before: Connection[Any]) -> None:
    offer = an_offer(before)
    source, buyer = a_source(before, offer), a_buyer(before)
    states: list[dict[str, Any]] = [
        {"status": "taken", "verdict": "taken", "verdict_at": TIME, "verdict_by": "jo", "settled_at": TIME},
        {"status": "in_review", "review_reason": "refused_in_doubt", "settled_at": TIME, "in_doubt": True},
        {"status": "in_review", "review_reason": "unknown", "settled_at": TIME, "in_doubt": True},
        {"status": "in_review", "review_reason": "refused", "settled_at": TIME, "refusal": "not in our area"},
        {"status": "released", "release_reason": "refused", "settled_at": TIME},
        {"status": "released", "release_reason": "operator", "settled_at": TIME},
        {"status": "pending", "next_attempt_at": TIME},
    ]
    for values in states:
        status = values.pop("status")
        delivery = a_delivery(before, a_lead(before, source), buyer, status=status, **values)
        before.execute(
            "INSERT INTO delivery_attempts (delivery_id, channel, attempt, started_at, outcome) VALUES"
            " (%(id)s, 'webhook', 1, %(at)s, 'refused'), (%(id)s, 'webhook', 2, %(at)s, 'taken'),"
            " (%(id)s, 'webhook', 3, %(at)s, 'unknown')",
            {"id": delivery, "at": TIME},
        )
    before.execute("UPDATE leads SET status = 'rejected', rejection_reason = 'refused' WHERE id = 5")
    migrate(before, MIGRATIONS)
    assert rows(
        before,
        "SELECT status, verdict, review_reason, release_reason, rejection, outcome_unknown FROM deliveries"
        " ORDER BY lead_id",
    ) == [
        ("succeeded", "succeeded", None, None, None, False),
        ("in_review", None, "rejected_outcome_unknown", None, None, True),
        ("in_review", None, "outcome_unknown", None, None, True),
        ("in_review", None, "rejected", None, "not in our area", False),
        ("released", None, None, "rejected", None, False),
        ("released", None, None, "operator", None, False),
        ("pending", None, None, None, None, False),
    ]
    assert rows(before, "SELECT outcome, count(*) FROM delivery_attempts GROUP BY 1 ORDER BY 1") == [
        ("rejected", 7), ("succeeded", 7), ("unknown", 7),
    ]  # fmt: skip
    assert rows(before, "SELECT rejection_reason FROM leads WHERE id = 5") == [("rejected_by_buyer",)]
    with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="append-only"):
        before.execute("UPDATE delivery_attempts SET outcome = 'failed'")


def test_events_subscriptions_and_notices_go_on_under_the_name_of_now(before: Connection[Any]) -> None:
    offer = an_offer(before)
    lead = a_lead(before, a_source(before, offer))
    message = {"event": "delivery.refused", "lead_id": lead, "delivery_id": "d", "occurred_at": TIME}
    before.execute(
        "INSERT INTO lifecycle_events (event_key, event, occurred_at, lead_id, message) VALUES (%s, %s, %s, %s, %s)",
        (f"delivery.refused:lead_id={lead}:delivery_id=d", "delivery.refused", TIME, lead, json.dumps(message)),
    )
    before.execute(
        "INSERT INTO subscriptions (url, events, secret) VALUES ('https://a.example', %s, 's')",
        (["lead.*", "delivery.refused"],),
    )
    before.execute(
        "INSERT INTO notices (kind, event, event_key, subscription_id, body, due_at, status, settled_at) VALUES"
        " ('event', 'delivery.refused', %s, 1, '{}', now(), 'taken', now())",
        (f"delivery.refused:lead_id={lead}:delivery_id=d",),
    )
    migrate(before, MIGRATIONS)
    key = f"delivery.rejected:lead_id={lead}:delivery_id=d"
    assert rows(before, "SELECT event_key, event, message->>'event' FROM lifecycle_events") == [
        (key, "delivery.rejected", "delivery.rejected")
    ]
    assert rows(before, "SELECT events FROM subscriptions") == [(["lead.*", "delivery.rejected"],)]
    assert rows(before, "SELECT event, event_key, status FROM notices") == [("delivery.refused", key, "succeeded")]


def test_how_an_answer_is_read_is_carried_over_with_all_else_byte_for_byte(before: Connection[Any]) -> None:
    offer = an_offer(before)
    fields = {"zip": "postal_code", "a": {"constant": '"refused_when": é'}, "refused_when": "email"}
    answer = {"refused_statuses": [409], "refused_when": [{"path": "ok", "equals": "false"}], "otherwise": "refused",
              "type": "json"}  # fmt: skip
    stored = {"schedule": [5, 60], "format": {"type": "json", "fields": fields}, "answer": answer}
    an_enrollment(before, a_buyer(before), offer, delivery=json.dumps(stored))
    an_enrollment(before, a_buyer(before), offer, delivery=json.dumps({"format": {"type": "json", "fields": fields}}))
    migrate(before, MIGRATIONS)
    renamed = {"rejected_statuses": [409], "rejected_when": answer["refused_when"], "otherwise": "rejected",
               "type": "json"}  # fmt: skip
    found = rows(before, "SELECT delivery::text FROM buyer_offers ORDER BY id")
    assert found == [
        (json.dumps({**stored, "answer": renamed}),),
        (json.dumps({"format": {"type": "json", "fields": fields}}),),
    ]
    assert terms.parse(stored, label="x") == terms.parse(json.loads(found[0][0]), label="x")


def test_replays_rotations_and_reminders_are_carried_over(before: Connection[Any]) -> None:
    offer, buyer = an_offer(before), a_buyer(before)
    before.execute(
        "INSERT INTO recoveries (buyer_id, since, until, rate, paced_to, queued_to)"
        " VALUES (%s, '2026-06-01', '2026-06-02', 5, now(), now())",
        (buyer,),
    )
    before.execute(
        "INSERT INTO rotations (offer_id, pool, members, weights, taken, used_at) VALUES (%s, 'x', '{1}', '{1}', '{3}',"
        " now())",
        (offer,),
    )
    migrate(before, MIGRATIONS)
    assert rows(before, "SELECT id, buyer_id, rate FROM replay_batches") == [(1, buyer, 5)]
    assert rows(before, "SELECT rotation_key, assigned FROM rotations") == [(b"x", [3])]
    assert rows(before, "SELECT count(*) FROM pg_constraint WHERE conname ~ 'recover|doubt|refus'") == [(0,)]
    assert rows(
        before,
        "SELECT count(*) FROM pg_class WHERE relname ~ 'recover|doubt' AND relnamespace = 'public'::regnamespace",
    ) == [(0,)]
