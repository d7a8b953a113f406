"""A queue's batch: a poison message holds back nobody, and every message has its log line and its count."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from psycopg import Connection

from leadgen.platform import settings
from tests.support.factories import a_lead, a_source, an_offer
from tests.support.stages.functions import Functions
from tests.support.stages.messages import body, failed_ids, sent, sqs_event

POISON = ["{", "[1]", "null", "5", '"text"', "{}", '{"event": "lead.received"}',
          '{"event": 5, "lead_id": 1, "occurred_at": "2026-06-17T12:00:00Z"}',
          '{"event": "lead.received", "lead_id": "1", "occurred_at": "2026-06-17T12:00:00Z"}',
          '{"event": "lead.received", "lead_id": true, "occurred_at": "2026-06-17T12:00:00Z"}',
          '{"event": "lead.received", "lead_id": 1, "occurred_at": "yesterday"}']  # fmt: skip


@pytest.mark.parametrize("stage", ["validate", "route", "deliver", "bill", "notify"])
def test_an_unreadable_message_fails_alone(functions: Functions, stage: str) -> None:
    wake_up = body("delivery.due", 10**6)  # which nothing has to be done about
    answer = functions.module(stage).handler(sqs_event(*POISON, wake_up), None)
    assert failed_ids(answer) == {f"m{place}" for place in range(len(POISON))}


@pytest.mark.usefixtures("own_database_url")
def test_nine_of_ten_are_decided_although_the_tenth_is_poison(
    conn: Connection[Any], functions: Functions, source: int
) -> None:
    leads = [a_lead(conn, source) for _ in range(9)]
    conn.execute("ALTER TABLE leads ADD CONSTRAINT poison CHECK (status <> 'validated' OR city IS NULL)")
    poison = a_lead(conn, source, city="Poison")
    bodies: list[object] = [body("lead.received", lead) for lead in (*leads[:4], poison, *leads[4:])]
    answer = functions.module("validate").handler(sqs_event(*bodies, "{"), None)
    assert failed_ids(answer) == {"m4", "m10"}
    states = dict(conn.execute("SELECT id, status::text FROM leads").fetchall())
    assert states == dict.fromkeys(leads, "validated") | {poison: "received"}
    assert sorted(sent(conn, "route")) == [("lead.validated", lead) for lead in leads]


def test_a_message_about_a_lead_that_is_not_there_is_done(functions: Functions) -> None:
    for stage in ("validate", "route", "deliver", "bill"):
        event = sqs_event(body("lead.received", 10**6), body("lead.received", 99_999_999_999))
        assert failed_ids(functions.module(stage).handler(event, None)) == set()


@pytest.mark.parametrize("stage", ["validate", "route", "deliver", "bill", "notify"])
def test_while_the_database_is_away_every_message_comes_again(
    functions: Functions, environment: pytest.MonkeyPatch, closed_port: int, output: Callable[[], str], stage: str
) -> None:
    environment.setenv("DATABASE_URL", f"postgresql://127.0.0.1:{closed_port}/leadgen")
    settings.current.cache_clear()
    answer = functions.module(stage).handler(sqs_event(*(body("lead.received", lead) for lead in range(1, 11))), None)
    assert failed_ids(answer) == {f"m{place}" for place in range(10)}
    assert output().count('"message":"batch.failed"') == 1  # ten attempts would only wait ten times


def test_every_message_has_one_json_line_and_every_batch_its_counts(
    conn: Connection[Any], functions: Functions, output: Callable[[], str]
) -> None:
    source = a_source(conn, an_offer(conn, rules={"allowed_postal_codes": ["80014"]}))
    valid, invalid = a_lead(conn, source, trace_id="trace-a"), a_lead(conn, source, postal_code="1", trace_id="trace-b")
    functions.module("validate").handler(sqs_event(*(body("lead.received", lead) for lead in (valid, invalid))), None)
    lines = [json.loads(line) for line in output().splitlines() if line.startswith("{")]
    (policy,) = conn.execute("SELECT id, version FROM validation_policies").fetchall()
    told_of = {line["lead_id"]: line for line in lines if "lead_id" in line}
    for lead, outcome, reason, trace in (
        (valid, "validated", None, "trace-a"),
        (invalid, "rejected", "allowed_postal_codes", "trace-b"),
    ):
        line = told_of[lead]
        assert (line["message"], line.get("reason"), line["trace_id"]) == (outcome, reason, trace)
        assert (line["stage"], line["policy_id"], line["policy_version"]) == ("validate", *policy)
        assert line["milliseconds"] >= 0
    (counts,) = [line for line in lines if "_aws" in line]
    assert (counts["validated"], counts["rejected"], counts["service"]) == ([1.0], [1.0], "validate")
    assert counts["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "LeadGen"
