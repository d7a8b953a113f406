"""The validate stage beyond the policy's simple rules: lists, counts, review, broken policies, and how much it asks."""

import hashlib
from datetime import datetime, timedelta
from typing import Any

import pytest
from psycopg import Connection

from leadgen.review.store import leads as review_leads
from leadgen.validation.domain import screening
from tests.support.factories import a_lead, a_source, an_offer, insert
from tests.support.stages.functions import Functions
from tests.support.stages.messages import messages, sent

VELOCITY = {"points": 40, "more_than": 2, "within_minutes": 60}
EVERYTHING: dict[str, Any] = {
    "email_validation": True,
    "phone_validation": True,
    "zip_validation": True,
    "required_fields": ["city"],
    "phone_region": "US",
    "disposable_email_blocklist_enabled": True,
    "duplicate_window_hours": 24,
    "conditions": {"not": {"field": "email", "ends_with": ".org"}},
    "consent": {"given": False, "max_age_days": 30},
    "fraud_detection": {
        "ip_velocity": VELOCITY,
        "phone_velocity": VELOCITY,
        "disposable_email": {"points": 5},
        "ip_country_mismatch": {"points": 7},
        "honeypot": {"points": 6, "field": "website"},
        "time_to_fill": {"points": 5, "field": "seconds", "under_seconds": 2.5},
        "flag_at": 20,
        "review_at": 40,
        "reject_at": 90,
    },
    "lead_scoring": {"parts": [{"name": "old", "points": 5, "when": {"field": "roof_age", "at_least": 10}}]},
}
REAL: dict[str, Any] = {
    "city": "Denver",
    "phone": "+13038662471",
    "email": "jane@gmail.com",
    "attributes": {"seconds": 4.5, "consent_at": "2026-06-10T09:00:00-06:00"},
}


def process(functions: Functions, *leads: int, at: datetime) -> list[str]:
    outcomes = functions.module("validate").process(messages("lead.received", leads), at)
    return [outcome.outcome for outcome in outcomes]


def row(conn: Connection[Any], lead: int, *columns: str) -> tuple[Any, ...]:
    (found,) = conn.execute(f"SELECT {', '.join(columns)} FROM leads WHERE id = %s".encode(), (lead,)).fetchall()
    return tuple(found)


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(
    ("kind", "listed"),
    [
        ("email", "jane@gmail.com"), ("phone", "+13038662471"), ("phone", "13038662471"), ("phone", "3038662471"),
    ],
)  # fmt: skip
def test_a_person_on_a_list_is_not_sold_whatever_the_policy_says(
    conn: Connection[Any], functions: Functions, now: datetime, kind: str, listed: str
) -> None:
    insert(conn, "suppressions", kind=kind, hash=sha(listed))
    source = a_source(conn, an_offer(conn))
    on_it = a_lead(conn, source, **REAL | {"email": " Jane@GMAIL.com", "phone": "(303) 866-2471"})
    other = a_lead(conn, source)
    assert process(functions, on_it, other, at=now) == ["rejected", "validated"]
    assert row(conn, on_it, "validation_reason") == ("suppression",)


def test_an_offer_s_list_is_the_offer_s_own(conn: Connection[Any], functions: Functions, now: datetime) -> None:
    offer, elsewhere = an_offer(conn), an_offer(conn)
    insert(conn, "suppressions", kind="email", hash=sha("jane@gmail.com"), offer_id=offer)
    leads = [a_lead(conn, a_source(conn, which), **REAL) for which in (offer, elsewhere)]
    assert process(functions, *leads, at=now) == ["rejected", "validated"]
    ((trace,),) = conn.execute(
        "SELECT trace FROM lead_decisions WHERE stage = 'validation' AND lead_id = %s", (leads[0],)
    ).fetchall()
    assert trace == [{"rule": "suppression", "value": ["email of the offer"], "limit": [], "passed": False}]


def test_a_phone_s_hash_does_not_suppress_an_address(
    conn: Connection[Any], functions: Functions, now: datetime
) -> None:
    insert(conn, "suppressions", kind="phone", hash=sha("jane@gmail.com"))
    assert process(functions, a_lead(conn, a_source(conn, an_offer(conn)), **REAL), at=now) == ["validated"]


def test_operators_say_which_mail_is_thrown_away(conn: Connection[Any], functions: Functions, now: datetime) -> None:
    source = a_source(conn, an_offer(conn, rules={"disposable_email_blocklist_enabled": True}))
    emails = ["a@mailinator.com", "a@sub.mailinator.com", "a@gmail.com"]
    before = [a_lead(conn, source, email=email) for email in emails]
    assert process(functions, *before, at=now) == ["rejected", "rejected", "validated"]
    conn.execute("INSERT INTO disposable_domains VALUES ('mailinator.com', false), ('gmail.com', true)")
    after = [a_lead(conn, source, email=email) for email in emails]
    assert process(functions, *after, at=now) == ["validated", "validated", "rejected"]


def test_velocity_counts_the_posts_up_to_the_lead_in_whatever_offer(
    conn: Connection[Any], functions: Functions, now: datetime
) -> None:
    fraud = {"ip_velocity": VELOCITY, "phone_velocity": VELOCITY | {"points": 7, "within_minutes": 10}}
    source = a_source(conn, an_offer(conn, rules={"fraud_detection": fraud}))
    elsewhere = a_source(conn, an_offer(conn))
    ip, phone = {"ip_address": "203.0.113.7"}, {"phone": "+13038662471"}
    for minutes, values in ((-61, ip), (-60, ip), (-59, ip), (-11, phone), (-9, phone), (-1, ip), (1, ip | phone)):
        a_lead(conn, elsewhere, created_at=now + timedelta(minutes=minutes), **values)
    first = a_lead(conn, source, created_at=now, **ip, **phone)  # the third of its address, the second of its phone
    second = a_lead(conn, source, created_at=now + timedelta(minutes=5), **ip, **phone)
    no_address = a_lead(conn, source, created_at=now, phone="55501", normalized_phone=None)
    process(functions, first, second, no_address, at=now)
    scores = [row(conn, lead, "fraud_score", "lead_score") for lead in (first, second, no_address)]
    assert scores == [(40, None), (47, None), (0, None)]


def test_a_score_to_review_holds_the_lead_and_a_release_lets_it_go_on_marked(
    conn: Connection[Any], functions: Functions, now: datetime
) -> None:
    fraud = {"ip_country_mismatch": {"points": 50}, "review_at": 50}
    source = a_source(conn, an_offer(conn, rules={"fraud_detection": fraud}))
    lead = a_lead(conn, source, ip_country="NG", created_at=now)
    assert process(functions, lead, at=now) == ["held"]
    columns = ("status::text", "in_review_since", "review_reason", "review_detail", "fraud_score", "flags")
    assert row(conn, lead, *columns) == (
        "received", now, "fraud_score", "50 (ip_country_mismatch 50)", 50, [],
    )  # fmt: skip
    assert sent(conn, "route") == sent(conn, "notify") == []
    assert process(functions, lead, at=now) == ["repeated"]
    functions.module("sweep").run(now + timedelta(hours=1))
    assert sent(conn, "validate") == []
    review_leads.release(conn, lead, now=now)
    assert process(functions, lead, at=now) == ["validated"]
    assert row(conn, lead, *columns) == ("validated", None, None, None, 50, ["fraud_detection"])
    outcomes = conn.execute("SELECT outcome, reason FROM lead_decisions WHERE stage = 'validation' ORDER BY id")
    assert outcomes.fetchall() == [("held", "fraud_score"), ("validated", None)]


def test_a_later_lead_is_a_duplicate_of_one_in_review_however_they_are_told(
    conn: Connection[Any], functions: Functions, now: datetime
) -> None:
    rules = {"fraud_detection": {"ip_country_mismatch": {"points": 50}, "review_at": 50}, "duplicate_window_hours": 24}
    for together in (True, False):
        source = a_source(conn, an_offer(conn, rules=rules))
        held = a_lead(conn, source, created_at=now, ip_country="NG", **REAL)
        later = a_lead(conn, source, created_at=now + timedelta(minutes=1), **REAL)
        if together:
            assert process(functions, held, later, at=now) == ["held", "rejected"]
        else:
            assert [*process(functions, held, at=now), *process(functions, later, at=now)] == ["held", "rejected"]
        assert row(conn, later, "duplicate_of_lead_id", "is_duplicate") == (held, True)


def test_a_stored_policy_that_does_not_parse_stops_its_leads_in_review_and_no_others(
    conn: Connection[Any], functions: Functions, now: datetime
) -> None:
    broken_offer = an_offer(conn, rules={"alowed_postal_codes": ["80014"], "weight": 0.5})
    broken = [a_lead(conn, a_source(conn, broken_offer), created_at=now) for _ in range(2)]
    fine = a_lead(conn, a_source(conn, an_offer(conn)), created_at=now)
    assert process(functions, *broken, fine, at=now) == ["held", "held", "validated"]
    status, since, reason, detail = row(
        conn, broken[0], "status::text", "in_review_since", "review_reason", "review_detail"
    )
    assert (status, since, reason) == ("received", now, "policy_invalid")
    assert "alowed_postal_codes" in detail
    assert sent(conn, "route") == [("lead.validated", fine)]
    assert process(functions, broken[0], at=now) == ["repeated"]
    for lead in broken:
        review_leads.release(conn, lead, now=now)
    assert process(functions, broken[0], at=now) == ["held"]
    mended = insert(conn, "validation_policies", name="Mended", rules={})
    conn.execute("UPDATE offers SET validation_policy_id = %s WHERE id = %s", (mended, broken_offer))
    assert process(functions, broken[1], at=now) == ["validated"]


def test_every_decision_can_be_made_again_from_its_record(
    conn: Connection[Any], functions: Functions, now: datetime
) -> None:
    policies: tuple[dict[str, Any], ...] = (EVERYTHING, {"phone_region": 7}, {}, {"required_fields": ["x"]})
    sources = [a_source(conn, an_offer(conn, rules=rules)) for rules in policies]
    different: tuple[dict[str, Any], ...] = (
        {},
        {"attributes": {"seconds": 4.5}},
        {"ip_country": "NG", "email": "x@mailinator.com", "phone": "+13038662472"},
        {"phone": "303-555-0123", "city": None},
        {"attributes": {"seconds": "1", "website": "http://spam", "consent_at": "2026-06-01T00:00:00+02:00"}},
    )
    leads = [
        a_lead(conn, source, created_at=now + timedelta(minutes=minutes), **REAL | values)
        for minutes, values in enumerate(different)
        for source in sources
    ]
    process(functions, *leads, at=now)
    recorded = conn.execute("SELECT stage, outcome, reason, inputs, trace FROM lead_decisions").fetchall()
    again = {
        "duplicates": screening.verify_duplicates,
        "validation": screening.verify_validation,
    }
    for stage, outcome, reason, inputs, trace in recorded:
        assert again[stage](inputs) == screening.RecordedVerdict(outcome, reason, trace)
    assert {outcome for _, outcome, *_ in recorded} >= {"validated", "rejected", "held", "duplicate_reject"}


def test_a_batch_of_ten_takes_as_many_statements_as_one_lead(
    conn: Connection[Any], functions: Functions, statements: list[str], now: datetime
) -> None:
    rules = EVERYTHING | {"mx_lookup_enabled": True}
    source = a_source(conn, an_offer(conn, rules=rules))
    conn.execute("INSERT INTO mail_domains SELECT 'd' || n || '.example.org', true, %s FROM generate_series(1, 30) n",
                 (now,))  # fmt: skip

    def sent(numbers: range) -> int:
        leads = [
            a_lead(conn, source, created_at=now, ip_address=f"203.0.113.{number}", **REAL | {
                "email": f"a@d{number}.example.org", "phone": f"+130386624{number:02}"})
            for number in numbers
        ]  # fmt: skip
        statements.clear()
        process(functions, *leads, at=now)
        return len(statements)

    sent(range(1, 2))  # the first connection of the process
    one, ten = sent(range(2, 3)), sent(range(11, 21))
    assert one == ten, statements
    assert one == 15, statements


def test_the_record_names_nobody_whatever_is_asked(conn: Connection[Any], functions: Functions, now: datetime) -> None:
    rules = EVERYTHING | {"conditions": {"field": "message", "contains": "leak"}}
    source = a_source(conn, an_offer(conn, rules=rules))
    lead = a_lead(
        conn, source, name="Zoë Sentinel", message="It leaks at 12 Elm Street", ip_address="203.0.113.77",
        **REAL | {"email": "zoe.sentinel@gmail.com", "attributes": {"seconds": "3038662471", "note": "3038662471",
                  "consent_text": "Zoë agrees", "consent_certificate_url": "https://cert.example/zoe"}},
    )  # fmt: skip
    process(functions, lead, at=now)
    recorded = str(conn.execute("SELECT inputs::text, trace::text FROM lead_decisions").fetchall())
    for personal in ("entinel", "zoe", "8662471", "Elm", "203.0.113.77", "agrees"):
        assert personal not in recorded, personal
