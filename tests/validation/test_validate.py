"""The validate stage: duplicates, then validation, with everything on record, in whatever order leads come."""

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg import Connection

from tests.support.examples import examples
from tests.support.factories import a_lead, a_source, an_offer
from tests.support.stages.functions import Functions
from tests.support.stages.messages import messages, sent

DETECTION = {"enabled": True, "window_hours": 24, "keys": ["phone", "email"], "match_mode": "any"}


SAME = {"phone": "+13035550100", "email": "jane@example.com"}


def a_screened_source(conn: Connection[Any], **detection: Any) -> int:
    """A source of an offer that detects duplicates and sells in one postal code."""
    rules = {"duplicate_detection": DETECTION | detection, "allowed_postal_codes": ["80014"]}
    return a_source(conn, an_offer(conn, rules=rules))


def validate(functions: Functions, *leads: int, at: datetime) -> list[str]:
    outcomes = functions.module("validate").process(messages("lead.received", leads), at)
    return [outcome.outcome for outcome in outcomes]


def states(conn: Connection[Any]) -> list[tuple[Any, ...]]:
    return conn.execute(
        "SELECT status::text, validation_reason, is_duplicate, duplicate_of_lead_id FROM leads ORDER BY id"
    ).fetchall()


def decisions(conn: Connection[Any], lead: int) -> list[tuple[Any, ...]]:
    return conn.execute(
        "SELECT stage, outcome, reason FROM lead_decisions WHERE lead_id = %s ORDER BY id", (lead,)
    ).fetchall()


def test_a_valid_lead_is_validated_recorded_and_announced(
    conn: Connection[Any], functions: Functions, now: datetime
) -> None:
    lead = a_lead(conn, a_screened_source(conn))
    assert validate(functions, lead, at=now) == ["validated"]
    assert states(conn) == [("validated", None, False, None)]
    assert decisions(conn, lead) == [
        ("duplicates", "not_duplicate", "no_match"), ("validation", "validated", None),
    ]  # fmt: skip
    assert sent(conn, "route") == [("lead.validated", lead)]
    policy = conn.execute("SELECT DISTINCT policy_id, policy_version, decided_at FROM lead_decisions").fetchall()
    assert policy == [(*conn.execute("SELECT id, version FROM validation_policies").fetchall()[0], now)]


def test_an_invalid_lead_is_rejected_with_its_first_reason(
    conn: Connection[Any], functions: Functions, now: datetime
) -> None:
    rules = {"required_fields": ["message", "roof_age"], "allowed_postal_codes": ["80014"]}
    lead = a_lead(conn, a_source(conn, an_offer(conn, rules=rules)), postal_code="99999")
    assert validate(functions, lead, at=now) == ["rejected"]
    assert states(conn) == [("rejected", "required_fields", False, None)]
    assert sent(conn, "route") == []
    assert sent(conn, "notify") == [("lead.rejected", lead)]
    (trace,) = conn.execute("SELECT trace FROM lead_decisions WHERE stage = 'validation'").fetchall()[0]
    assert [(check["rule"], check["passed"]) for check in trace] == [
        ("required_fields", False), ("allowed_postal_codes", False), ("suppression", True),
    ]  # fmt: skip


def test_a_vertical_s_own_field_is_found_in_the_attributes(
    conn: Connection[Any], functions: Functions, now: datetime
) -> None:
    source = a_source(conn, an_offer(conn, rules={"required_fields": ["roof_age"]}))
    with_it, without = a_lead(conn, source, attributes={"roof_age": 0}), a_lead(conn, source, attributes={"roof": 1})
    assert validate(functions, with_it, without, at=now) == ["validated", "rejected"]


@pytest.mark.parametrize(
    ("action", "status", "reason"),
    [("reject", "rejected", "seen_before"), ("flag", "validated", None), ("accept", "validated", None)],
)
def test_each_action_on_a_duplicate_is_taken_and_recorded_as_specified(
    conn: Connection[Any], functions: Functions, now: datetime, action: str, status: str, reason: str | None
) -> None:
    source = a_screened_source(conn, action=action, reason_code="seen_before", window_hours=48)
    first = a_lead(conn, source, created_at=now - timedelta(hours=30), status="delivered", **SAME)
    second = a_lead(conn, source, created_at=now, **SAME | {"email": "other@example.com"})
    validate(functions, second, at=now)
    assert states(conn)[1] == (status, reason, True, first)
    recorded = conn.execute(
        """
        SELECT lead_id, matched_lead_id, source_id, match_keys, window_hours, match_mode, include_sources, action,
               reason_code FROM lead_duplicate_events
        """
    ).fetchall()
    assert recorded == [(second, first, source, ["phone"], 48, "any", "any", action, "seen_before")]
    assert decisions(conn, second)[0] == ("duplicates", f"duplicate_{action}", "seen_before")
    assert sent(conn, "route") == ([] if action == "reject" else [("lead.validated", second)])


def test_a_policy_without_a_window_takes_the_platforms(
    conn: Connection[Any], functions: Functions, environment: pytest.MonkeyPatch, now: datetime
) -> None:
    environment.setenv("DEFAULT_DUPLICATE_WINDOW_HOURS", "2")
    source = a_source(conn, an_offer(conn, rules={"duplicate_detection": {"enabled": True, "keys": ["phone"]}}))
    early, late, last = (
        a_lead(conn, source, created_at=now + timedelta(hours=hours), **SAME) for hours in (0, 2.5, 4.5)
    )  # fmt: skip
    validate(functions, early, late, last, at=now)
    assert [(row[0], row[3]) for row in states(conn)] == [("validated", None), ("validated", None), ("rejected", late)]
    assert conn.execute("SELECT window_hours FROM lead_duplicate_events").fetchall() == [(2,)]


def test_a_late_worker_decides_as_one_in_time(conn: Connection[Any], functions: Functions, now: datetime) -> None:
    source = a_screened_source(conn, window_hours=1)
    first = a_lead(conn, source, created_at=now, **SAME)
    second = a_lead(conn, source, created_at=now + timedelta(minutes=59), **SAME)
    third = a_lead(conn, source, created_at=now + timedelta(minutes=200), **SAME)
    validate(functions, first, second, third, at=now + timedelta(days=300))
    assert [(row[0], row[3]) for row in states(conn)] == [("validated", None), ("rejected", first), ("validated", None)]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=str)
def test_leads_that_come_out_of_order_are_decided_the_same(
    conn: Connection[Any], functions: Functions, now: datetime, order: tuple[int, ...]
) -> None:
    source = a_screened_source(conn)
    invalid = a_lead(conn, source, created_at=now, postal_code="99999", **SAME)
    kept = a_lead(conn, source, created_at=now + timedelta(minutes=1), **SAME)
    repeat = a_lead(conn, source, created_at=now + timedelta(minutes=2), **SAME)
    leads = [invalid, kept, repeat]
    for place in order:
        validate(functions, leads[place], at=now + timedelta(minutes=5))
    assert states(conn) == [
        ("rejected", "allowed_postal_codes", False, None),
        ("validated", None, False, None),
        ("rejected", "duplicate_recent", True, kept),
    ]


def test_an_earlier_lead_pulled_in_by_a_later_one_is_announced_with_it(
    conn: Connection[Any], functions: Functions, now: datetime
) -> None:
    source = a_screened_source(conn, action="flag")
    middle_email = {"phone": "+13035550101", "email": "jane@example.com"}
    first = a_lead(conn, source, created_at=now, **SAME)
    second = a_lead(conn, source, created_at=now + timedelta(minutes=1), **middle_email)
    last = a_lead(conn, source, created_at=now + timedelta(minutes=2), phone="+13035550101", email="x@example.com")
    assert validate(functions, last, at=now) == ["validated"]
    assert [row[0] for row in states(conn)] == ["validated"] * 3
    assert sent(conn, "route") == [("lead.validated", lead) for lead in (first, second, last)]


def test_others_leads_are_not_pulled_in(conn: Connection[Any], functions: Functions, now: datetime) -> None:
    source = a_screened_source(conn)
    a_lead(conn, source, created_at=now)
    a_lead(conn, source, created_at=now + timedelta(minutes=2), **SAME)  # later than the one asked for
    a_lead(conn, a_screened_source(conn), created_at=now, **SAME)  # another offer
    asked = a_lead(conn, source, created_at=now + timedelta(minutes=1), **SAME)
    validate(functions, asked, at=now)
    assert [row[0] for row in states(conn)] == ["received", "received", "received", "validated"]


HISTORY = st.lists(
    st.tuples(
        st.integers(0, 60),
        st.sampled_from(["1", "2"]),
        st.sampled_from(["a", "b"]),
        st.sampled_from(["valid", "invalid", "for review"]),
    ),
    min_size=2,
    max_size=6,
)


@examples(short=6, long=40)
@given(history=HISTORY, data=st.data(), action=st.sampled_from(["reject", "flag"]))
def test_however_a_history_is_cut_into_batches_the_outcome_is_one(
    conn: Connection[Any], functions: Functions, now: datetime, history: list[Any], data: st.DataObject, action: str
) -> None:
    outcomes = []
    for one_at_a_time in (False, True):
        rules = {
            "duplicate_detection": DETECTION | {"action": action, "window_hours": 1},
            "allowed_postal_codes": ["80014"],
            "fraud_detection": {"ip_country_mismatch": {"points": 1}, "review_at": 1},
        }
        source = a_source(conn, an_offer(conn, rules=rules))
        leads = [
            a_lead(
                conn, source, created_at=now + timedelta(minutes=minutes * 3), phone=f"+1303555010{phone}",
                email=f"{email}@example.com", postal_code="99999" if what == "invalid" else "80014",
                ip_country="NG" if what == "for review" else None,
            )
            for minutes, phone, email, what in history
        ]  # fmt: skip
        if one_at_a_time:
            for lead in data.draw(st.permutations(leads)):
                validate(functions, lead, at=now)
        else:
            validate(functions, *leads, at=now)
        rows = conn.execute(
            """
            SELECT status::text, coalesce(validation_reason, review_reason), duplicate_of_lead_id
              FROM leads WHERE id = ANY(%s) ORDER BY id
            """,
            (leads,),
        ).fetchall()
        outcomes.append([(status, reason, matched and leads.index(matched)) for status, reason, matched in rows])
    assert outcomes[0] == outcomes[1]


def test_many_workers_at_once_keep_exactly_one_of_a_persons_leads(
    conn: Connection[Any], functions: Functions, now: datetime
) -> None:
    source = a_screened_source(conn)
    leads = [a_lead(conn, source, created_at=now + timedelta(seconds=n), **SAME) for n in range(12)]
    barrier = threading.Barrier(4)

    def work(worker: int) -> None:
        barrier.wait()
        for lead in leads[worker::4][::-1]:
            validate(functions, lead, at=now)

    with ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(work, worker) for worker in range(4)]:
            future.result()
    assert [row[0] for row in states(conn)] == ["validated"] + ["rejected"] * 11
    assert {row[3] for row in states(conn)[1:]} == {leads[0]}
    assert conn.execute("SELECT count(*) FROM lead_duplicate_events").fetchone() == (11,)


def test_a_repeat_changes_nothing_and_announces_again(
    conn: Connection[Any], functions: Functions, now: datetime
) -> None:
    source = a_screened_source(conn)
    valid, invalid = a_lead(conn, source), a_lead(conn, source, postal_code="99999")
    validate(functions, valid, invalid, at=now)
    before = conn.execute("SELECT * FROM leads ORDER BY id").fetchall()
    assert validate(functions, valid, invalid, at=now + timedelta(hours=1)) == ["repeated", "repeated"]
    assert conn.execute("SELECT * FROM leads ORDER BY id").fetchall() == before
    assert sent(conn, "route") == [("lead.validated", valid)] * 2
    assert len(decisions(conn, valid)) == 2


def test_a_lead_that_was_held_unrouted_is_left_to_the_sweep(
    conn: Connection[Any], functions: Functions, now: datetime
) -> None:
    lead = a_lead(conn, a_screened_source(conn), status="validated", unrouted_at=now, route_again_at=now)
    validate(functions, lead, at=now)
    assert sent(conn, "route") == []


def test_the_record_of_a_decision_names_nobody(conn: Connection[Any], functions: Functions, now: datetime) -> None:
    source = a_screened_source(conn)
    for minutes in (0, 1):
        lead = a_lead(
            conn, source, name="Zoë Sentinel", message="Leaks", created_at=now + timedelta(minutes=minutes), **SAME
        )
        validate(functions, lead, at=now)
    recorded = str(conn.execute("SELECT inputs::text, trace::text FROM lead_decisions").fetchall())
    for personal in ("Sentinel", "jane@example.com", "3035550100", "Leaks"):
        assert personal not in recorded
