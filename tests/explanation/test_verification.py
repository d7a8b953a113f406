"""What the route stage has decided is decided again from its records, to the byte."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from psycopg import Connection
from psycopg.types.json import Jsonb

from leadgen import cli
from tests.support.factories import a_buyer, a_lead, a_source, an_enrollment, an_offer, insert
from tests.support.stages.functions import Functions
from tests.support.stages.messages import messages
from tests.support.stages.routing import a_valid_lead, route

Capsys = pytest.CaptureFixture[str]
RICH = {
    "sla": {"max_delivery_seconds": 5},
    "pricing": {
        "exclusivity_premium": {"type": "percent", "value": 12.5},
        "time_of_day_premiums": [{"type": "flat", "value": 5, "days": ["wed"], "start": "00:00", "end": "24:00"}],
    },
    "acceptance_hours": {"wed": [["00:00", "12:00"], ["12:00", "24:00"]]},
    "exclusivity": {"fallback": "fallback_allowed"},
}
STRATEGIES: dict[str, dict[str, Any]] = {
    "priority_based": {},
    "round_robin": {},
    "weighted": {"weights": {"1": 3, "2": 2}},
    "capacity_based": {"period": "week"},
    "performance_based": {"lookback_days": 7, "prior_rate": 0.25},
    "exclusive_zip": {},
}
FILTER = {"any": [{"field": "rooms", "between": [1, 2.5]}, {"not": {"field": "email", "ends_with": ".org"}}]}
CONSENT = {"given": False, "max_age_days": 30, "certificate_hosts": ["cert.example.com"]}
ATTRIBUTES = {
    "rooms": 2.25,
    "consent_at": "2026-06-01T10:00:00+02:00",
    "consent_certificate_url": "https://cert.example.com/1",
}


def again(capsys: Capsys, *arguments: object) -> tuple[int, str]:
    status = cli.main(["verify-decisions", *(str(argument) for argument in arguments)])
    return status, capsys.readouterr().out


def a_market_of_all_rules(conn: Connection[Any], config: dict[str, Any], now: datetime) -> int:
    """An offer with buyers under every rule, some of them refused; its source."""
    offer = an_offer(conn, config=config)
    limits = {f"capacity_per_{period}": 5 for period in ("hour", "day", "week", "month")}
    # Counts and amounts beside each other: the columns take both.
    limits |= {f"budget_per_{period}": "200.00" for period in ("hour", "day", "week", "month")}  # type: ignore[misc]
    rules: list[dict[str, Any]] = [
        {**limits, "filter": FILTER, "consent": CONSENT, "pause_until": now, "routing_priority": 2},
        {"min_balance_required": "-100.00", "price_per_lead": "61.50"},
        {"pause_until": now + timedelta(hours=1), "filter": {"field": "rooms", "more_than": 7}},
        {"filter": {"field": "rooms", "over": 7}, "consent": {"text": True}},
    ]
    for values in rules:
        an_enrollment(conn, a_buyer(conn, credit_limit="400.00"), offer, **values)
    owner = a_buyer(conn)
    an_enrollment(conn, owner, offer, capacity_per_day=1)
    insert(conn, "offer_exclusivities", offer_id=offer, buyer_id=owner, scope_type="postal_code", scope_value="80014")
    return a_source(conn, offer)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_lead_of_every_strategy_is_decided_again_to_the_same_bytes(
    conn: Connection[Any], functions: Functions, now: datetime, capsys: Capsys, strategy: str
) -> None:
    source = a_market_of_all_rules(conn, {"strategy": strategy, **STRATEGIES[strategy], **RICH}, now)
    leads = [a_valid_lead(conn, source, attributes=ATTRIBUTES) for _ in range(12)]
    route(functions, *leads[:6], at=now)
    route(functions, *leads[6:], at=now + timedelta(minutes=1))
    outcomes = conn.execute("SELECT outcome, count(*) FROM lead_decisions GROUP BY 1 ORDER BY 1").fetchall()
    assert dict(outcomes)["routed"] >= 6
    assert again(capsys, "--all") == (cli.DONE, "12 decisions: 12 same.\n")
    status, said = again(capsys, leads[0])
    assert (status, said.splitlines()[-1]) == (cli.DONE, "1 decision: 1 same.")
    assert said.startswith(f"lead {leads[0]}  decision 1  routing")


def test_every_stage_is_decided_again(
    conn: Connection[Any], functions: Functions, now: datetime, capsys: Capsys
) -> None:
    rules = {"allowed_postal_codes": ["80014"], "conditions": FILTER, "duplicate_window_hours": 24}
    source = a_source(conn, an_offer(conn, rules=rules))
    leads = [a_lead(conn, source, phone="+13035550100", attributes=attributes) for attributes in ({}, ATTRIBUTES, {})]
    functions.module("validate").process(messages("lead.received", leads), now)
    route(functions, *leads, at=now)
    stages = dict(conn.execute("SELECT stage, count(*) FROM lead_decisions GROUP BY 1").fetchall())
    assert stages.keys() == {"duplicates", "validation", "routing"}
    assert again(capsys, "--all") == (cli.DONE, f"{sum(stages.values())} decisions: {sum(stages.values())} same.\n")


def test_a_database_that_speaks_another_time_zone_changes_no_byte(
    conn: Connection[Any], functions: Functions, now: datetime, capsys: Capsys, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("PGTZ", "Asia/Kathmandu")
    source = a_market_of_all_rules(conn, {"strategy": "round_robin", **RICH}, now)
    route(functions, a_valid_lead(conn, source, attributes=ATTRIBUTES), at=now)
    assert again(capsys, "--all") == (cli.DONE, "1 decision: 1 same.\n")


@pytest.mark.usefixtures("own_database_url")
def test_a_record_that_was_tampered_with_differs_and_where_is_said(
    conn: Connection[Any], functions: Functions, now: datetime, capsys: Capsys
) -> None:
    source = a_market_of_all_rules(conn, {"strategy": "priority_based"}, now)
    honest, tampered, resold, stage = (a_valid_lead(conn, source, attributes=ATTRIBUTES) for _ in range(4))
    route(functions, honest, tampered, resold, stage, at=now)
    conn.execute("ALTER TABLE lead_decisions DISABLE TRIGGER lead_decisions_append_only")
    conn.execute(
        """
        UPDATE lead_decisions SET trace = jsonb_set(trace, '{verdicts,1,checks,0,passed}', 'false') WHERE lead_id = %s
        """,
        (tampered,),
    )
    conn.execute("UPDATE lead_decisions SET outcome = 'sold', reason = 'a friend' WHERE lead_id = %s", (resold,))
    assert again(capsys, honest)[0] == cli.DONE
    status, said = again(capsys, tampered)
    assert status == cli.FAILED
    assert "differs\n    trace.verdicts[1].checks[0].passed\n" in said
    assert "differs\n    outcome\n    reason\n" in again(capsys, resold)[1]
    status, said = again(capsys, "--all")
    assert status == cli.FAILED
    assert said.splitlines()[-1] == "4 decisions: 2 differs, 2 same."
    assert f"lead {honest} " not in said


@pytest.mark.usefixtures("own_database_url")
def test_inputs_that_were_tampered_with_are_found_too(
    conn: Connection[Any], functions: Functions, now: datetime, capsys: Capsys
) -> None:
    source = a_market_of_all_rules(conn, {"strategy": "priority_based"}, now)
    lead = a_valid_lead(conn, source, attributes=ATTRIBUTES)
    route(functions, lead, at=now)
    conn.execute("ALTER TABLE lead_decisions DISABLE TRIGGER lead_decisions_append_only")
    conn.execute("UPDATE lead_decisions SET inputs = jsonb_set(inputs, '{facts,offer,default_price}', '\"1.00\"')")
    status, said = again(capsys, lead)
    assert status == cli.FAILED
    assert "    trace.price.amount\n" in said


@pytest.mark.usefixtures("own_database_url")
def test_a_stage_that_cannot_be_decided_again_yet_is_not_called_the_same(
    conn: Connection[Any], functions: Functions, now: datetime, capsys: Capsys
) -> None:
    lead = a_valid_lead(conn, a_source(conn, an_offer(conn)))
    conn.execute("ALTER TABLE lead_decisions DROP CONSTRAINT lead_decisions_stage_valid")
    insert(conn, "lead_decisions", lead_id=lead, decided_at=now, stage="haggling", outcome="haggled", policy_id=1,
           policy_version=1, inputs={}, trace=Jsonb([]))  # fmt: skip
    status, said = again(capsys, lead)
    assert status == cli.FAILED
    assert "not verifiable" in said


@pytest.mark.parametrize("arguments", [[], ["1", "--all"]])
def test_it_is_one_lead_or_all_of_them(arguments: list[str], capsys: Capsys) -> None:
    assert cli.main(["verify-decisions", *arguments]) == cli.MISUSED
    assert "LEAD" in capsys.readouterr().err
