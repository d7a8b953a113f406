"""What-if over a record that the real stages wrote."""

import json
import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from leadgen import cli
from leadgen.routing.domain.policy import PerformanceBased, Sla
from leadgen.routing.domain.track_records import lookback_terms
from leadgen.routing.store import track_records
from leadgen.routing.store.track_records import Lookback
from leadgen.simulation.domain.simulation import SimulatedSale
from leadgen.simulation.domain.track_records import TrackRecords
from leadgen.simulation.service.simulate import Report, Scope, simulate
from leadgen.simulation.store import history
from tests.support.factories import a_buyer, a_lead, a_market, a_source, an_enrollment, an_offer, insert, prepaid
from tests.support.stages.functions import Functions
from tests.support.stages.messages import messages
from tests.support.stages.routing import a_valid_lead, buyers_of, route

STRATEGIES: dict[str, dict[str, Any]] = {
    "priority": {"strategy": "priority_based", "unrouted": {"retry_minutes": 5, "give_up_hours": 2}},
    "turns": {"strategy": "round_robin", "acceptance_hours": {"wed": [["00:00", "20:00"]]}},
    "weighted": {"strategy": "weighted", "weights": {"1": 3, "2": 2}},
    "capacity": {"strategy": "capacity_based", "period": "hour"},
    "performance": {
        "strategy": "performance_based",
        "sla": {"max_delivery_seconds": 60, "percent": 80},
        "unrouted": {"action": "reject"},
    },
    "exclusive": {"strategy": "exclusive_zip", "exclusivity": {"fallback": "fallback_allowed"}},
    "dear": {
        "strategy": "round_robin",
        "exclusivity": {"fallback": "fallback_allowed"},
        "pricing": {
            "exclusivity_premium": {"type": "percent", "value": "12.5"},
            "time_of_day_premiums": [
                {"type": "flat", "value": "3.10", "days": ["wed"], "start": "06:30", "end": "07:15"}
            ],
        },
    },
}


def told_to_nobody(done: int, total: int) -> None:
    """Progress that nobody watches."""


def simulated(conn: Connection[Any], now: datetime, policy: Path | None = None, **scope: Any) -> Report:
    since = scope.pop("since", now - timedelta(days=30))
    until = scope.pop("until", now + timedelta(days=30))
    return simulate(conn, Scope(since, until, **scope), policy, {}, told_to_nobody)


class Town:
    """A market with an offer for each strategy, and buyers enrolled in all of them within tight limits."""

    def __init__(self, conn: Connection[Any]) -> None:
        market = a_market(conn)
        self.offers = {name: an_offer(conn, config=config, market_id=market, name=name)
                       for name, config in STRATEGIES.items()}  # fmt: skip
        self.sources = [a_source(conn, offer) for offer in self.offers.values()]
        self.buyers = [
            a_buyer(conn, credit_limit="2000.00"),
            a_buyer(conn, credit_limit="900.00"),
            a_buyer(conn),
            a_buyer(conn, credit_limit="450.00"),
        ]
        limits: list[dict[str, Any]] = [
            {"routing_priority": 3, "capacity_per_hour": 3, "price_per_lead": "51.25"},
            {"routing_priority": 2, "capacity_per_day": 9, "budget_per_hour": "99.00"},
            {"routing_priority": 1, "budget_per_week": "700.00", "capacity_per_hour": 2},
            {"routing_priority": 9, "min_balance_required": "100.00", "filter": {"field": "city", "present": True}},
        ]
        for offer in self.offers.values():
            for buyer, own in zip(self.buyers, limits, strict=True):
                an_enrollment(conn, buyer, offer, area=("market", "*"), **own)
            conn.execute(
                "INSERT INTO offer_exclusivities (offer_id, buyer_id, scope_type, scope_value)"
                " VALUES (%s, %s, 'postal_code', '80015')",
                (offer, self.buyers[1]),
            )
        prepaid(conn, self.buyers[3], 500)


def a_busy_day(conn: Connection[Any], functions: Functions, town: Town, now: datetime, seed: random.Random) -> None:
    """Leads of all offers come in batches; the unsold are tried again; buyers answer, are billed, pay and change."""
    at = now
    for _ in range(24):
        at += timedelta(minutes=seed.randint(1, 25))
        new = [
            a_valid_lead(
                conn,
                seed.choice(town.sources),
                created_at=at - timedelta(seconds=seed.randint(1, 90)),
                postal_code=seed.choice(["80014", "80015"]),
                city=seed.choice([None, "Aurora"]),
            )
            for _ in range(seed.randint(3, 10))
        ]
        waiting = conn.execute("SELECT id FROM leads WHERE status = 'validated' AND route_again_at <= %s", (at,))
        route(functions, *sorted({*new, *(row[0] for row in waiting)}), at=at)
        _the_world_goes_on(conn, at, seed)


def _the_world_goes_on(conn: Connection[Any], at: datetime, seed: random.Random) -> None:
    taken = at + timedelta(seconds=seed.choice([5, 100]))
    conn.execute(
        "UPDATE deliveries SET status = 'succeeded', settled_at = %s, next_attempt_at = NULL"
        " WHERE status = 'pending' AND lead_id %% 10 < 7",
        (taken,),
    )
    conn.execute(
        "UPDATE leads SET status = 'accepted', accepted_at = %s WHERE status = 'delivered' AND id %% 3 = 0", (at,)
    )
    conn.execute(
        "WITH billed AS (UPDATE leads SET billing_status = 'billed', price = delivered_price, billed_at = %s"
        "                 WHERE billing_status = 'pending' AND delivered_price IS NOT NULL AND id %% 2 = 0"
        "                RETURNING buyer_id, price),"
        "     owed AS (SELECT buyer_id, sum(price) AS amount FROM billed GROUP BY buyer_id)"
        " UPDATE buyers b SET balance = balance + amount, pending_amount = pending_amount - amount"
        "   FROM owed WHERE b.id = owed.buyer_id",
        (at,),
    )
    if seed.random() < 0.2:
        conn.execute("UPDATE buyers SET balance = balance / 2 WHERE balance > 0")
    if seed.random() < 0.2:
        conn.execute("UPDATE buyer_offers SET capacity_per_hour = capacity_per_hour + 1 WHERE id % 2 = 0")


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_policies_of_the_time_reproduce_the_record_exactly(
    conn: Connection[Any], functions: Functions, now: datetime, seed: int
) -> None:
    town = Town(conn)
    a_busy_day(conn, functions, town, now, random.Random(seed))
    report = simulated(conn, now)
    assert_reproduced(report)
    # What was compared is not nothing.
    truth = conn.execute(
        "SELECT buyer_id, count(*), sum(delivered_price) FROM leads WHERE buyer_id IS NOT NULL GROUP BY 1"
    )
    assert {row[0]: tuple(row[1:]) for row in truth} == {
        buyer_id: (c.recorded.leads, c.recorded.money) for (buyer_id, _), c in report.outcome.buyers.items()
    }
    ((retried, sold_late),) = conn.execute(
        "SELECT count(*) FILTER (WHERE route_attempts > 1), count(*) FILTER (WHERE route_attempts > 1 AND buyer_id > 0)"
        " FROM leads"
    ).fetchall()
    assert len(report.outcome.buyers) == 4
    assert retried > sold_late > 0
    assert len(report.outcome.unsold) >= 1
    # A part of the time, and an offer by itself, come out as they were too.
    part = simulated(conn, now, since=now + timedelta(hours=1, minutes=7), until=now + timedelta(hours=3))
    assert_reproduced(part)
    assert 0 < part.outcome.leads < report.outcome.leads
    for name in STRATEGIES:
        assert_reproduced(simulated(conn, now, offer=name))


def assert_reproduced(report: Report) -> None:
    assert report.outcome.changes == ()
    assert (report.outcome.repriced, report.unreadable) == (0, 0)
    assert all(compared.recorded == compared.simulated for compared in report.outcome.buyers.values())
    assert all(recorded == draft for recorded, draft in report.outcome.unsold.values())


def test_the_record_of_parallel_workers_is_reproduced(
    conn: Connection[Any], functions: Functions, now: datetime
) -> None:
    town = Town(conn)
    leads = [a_valid_lead(conn, source, city="Aurora") for source in town.sources * 12]
    batches = [leads[at::8] for at in range(8)]
    with ThreadPoolExecutor(8) as workers:
        list(workers.map(lambda batch: route(functions, *batch, at=now), batches))
    report = simulated(conn, now)
    assert_reproduced(report)
    assert (report.outcome.leads, report.outcome.attempts) == (len(leads), len(leads))
    assert {c.recorded.leads for c in report.outcome.buyers.values()} - {0}


DRAFTS = {
    "priority to turns": ("priority_based", {"strategy": "round_robin"}),
    "turns to priority": ("round_robin", {"strategy": "priority_based", "unrouted": {"action": "reject"}}),
    "priority to capacity": ("priority_based", {"strategy": "capacity_based", "period": "day"}),
    "turns to weights": ("round_robin", {"strategy": "weighted", "weights": {"green@example.com": 3}}),
    "capacity to dearer turns": (
        "capacity_based",
        {
            "strategy": "round_robin",
            "exclusivity": {"fallback": "fallback_allowed"},
            "pricing": {"exclusivity_premium": {"type": "flat", "value": "7.77"}},
        },
    ),
}


@pytest.mark.parametrize("strategies", DRAFTS.values(), ids=list(DRAFTS))
def test_a_draft_comes_to_what_it_would_have_come_to(
    conn: Connection[Any], functions: Functions, now: datetime, tmp_path: Path,
    strategies: tuple[str, dict[str, Any]],
) -> None:  # fmt: skip
    """The same leads come to two towns alike: one under the present policy, one under the draft."""
    live, draft = strategies
    towns = [_a_village(conn, name, {"strategy": live}) for name in ("Old", "New")]
    ids = {f"{name.lower()}@example.com": str(buyer) for name, buyer in zip(NAMES, towns[1].buyers, strict=True)}
    weights = {ids[email]: weight for email, weight in draft.get("weights", {}).items()}
    drafted = insert(
        conn, "routing_policies", name="The draft", config={**draft, **({"weights": weights} if weights else {})}
    )
    conn.execute("UPDATE offers SET routing_policy_id = %s WHERE id = %s", (drafted, towns[1].offer))
    leads: list[tuple[int, int]] = []
    seed = random.Random(7)
    at = now
    for _ in range(12):
        at += timedelta(minutes=seed.randint(5, 70))
        places = [seed.choice(["80014", "80015"]) for _ in range(seed.randint(4, 10))]
        batches = [[a_valid_lead(conn, t.source, postal_code=p, created_at=at) for p in places] for t in towns]
        for batch in batches:
            route(functions, *batch, at=at)
        leads += zip(*batches, strict=True)
    # In the file the buyers are the old town's, which is the one simulated.
    emails = {f"{name.lower()}@example.com": f"{name.lower()}.old@example.com" for name in NAMES}
    said = {**draft, **({"weights": {emails[e]: w for e, w in draft["weights"].items()}} if "weights" in draft else {})}
    path = tmp_path / "draft.yaml"
    path.write_text(json.dumps({"offer": "Lawns", "market": "Old", "routing_policy": said}))
    report = simulated(conn, now, path)
    would_have = _sales(conn, towns[1])
    simulated_sales = dict(_sales(conn, towns[0]))
    for change in report.outcome.changes:
        to = change.simulated
        simulated_sales[change.lead_id] = towns[0].buyers.index(to.buyer_id) if isinstance(to, SimulatedSale) else None
    assert [simulated_sales[old] for old, _ in leads] == [would_have[new] for _, new in leads]
    assert len(report.outcome.changes) > 5
    money = conn.execute(
        "SELECT buyer_id, sum(delivered_price) FROM leads WHERE offer_id = %s AND buyer_id > 0 GROUP BY 1",
        (towns[1].offer,),
    )
    assert {towns[1].buyers.index(buyer): amount for buyer, amount in money} == {
        towns[0].buyers.index(buyer): c.simulated.money
        for (buyer, _), c in report.outcome.buyers.items()
        if c.simulated.leads
    }


NAMES = ("Green", "Blue", "Red")


@dataclass(frozen=True)
class Village:
    offer: int
    source: int
    buyers: list[int]


def _a_village(conn: Connection[Any], name: str, config: dict[str, Any]) -> Village:
    offer = an_offer(conn, market_id=a_market(conn, name=name), config=config, name="Lawns")
    suffix = ".old" if name == "Old" else ""
    buyers = [
        a_buyer(conn, email=f"{buyer.lower()}{suffix}@example.com", credit_limit=limit)
        for buyer, limit in zip(NAMES, ("1200.00", None, "700.00"), strict=True)
    ]
    limits: list[dict[str, Any]] = [
        {"routing_priority": 3, "capacity_per_hour": 3, "capacity_per_day": 20},
        {"routing_priority": 2, "capacity_per_day": 15, "budget_per_hour": "199.00"},
        {"routing_priority": 1, "price_per_lead": "52.00", "budget_per_day": "400.00"},
    ]
    for buyer, own in zip(buyers, limits, strict=True):
        an_enrollment(conn, buyer, offer, area=("market", "*"), **own)
    conn.execute(
        "INSERT INTO offer_exclusivities (offer_id, buyer_id, scope_type, scope_value)"
        " VALUES (%s, %s, 'postal_code', '80015')",
        (offer, buyers[1]),
    )
    return Village(offer, a_source(conn, offer), buyers)


def _sales(conn: Connection[Any], village: Village) -> dict[int, int | None]:
    """By lead, which of the village's buyers has it."""
    rows = conn.execute("SELECT id, buyer_id FROM leads WHERE offer_id = %s", (village.offer,))
    return {lead: None if buyer is None else village.buyers.index(buyer) for lead, buyer in rows}


def test_nothing_can_be_written(
    conn: Connection[Any], functions: Functions, offer: int, source: int, now: datetime
) -> None:
    route(functions, a_valid_lead(conn, source), at=now)

    def write(done: int, total: int) -> None:
        conn.execute("UPDATE leads SET name = 'Another'")

    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        simulate(conn, Scope(now, now + timedelta(days=1)), None, {}, write)


def test_progress_is_told_of_every_decision_in_the_scope(
    conn: Connection[Any], functions: Functions, offer: int, source: int, now: datetime
) -> None:
    other = a_valid_lead(conn, a_source(conn, an_offer(conn, name="Other")))
    route(functions, other, *(a_valid_lead(conn, source) for _ in range(4)), at=now)
    ((name,),) = conn.execute("SELECT name FROM offers WHERE id = %s", (offer,)).fetchall()
    told: list[tuple[int, int]] = []
    scope = Scope(now, now + timedelta(seconds=1), offer=name)
    report = simulate(conn, scope, None, {}, lambda done, total: told.append((done, total)))
    assert told == [(0, 4), (4, 4)]
    assert report.outcome.unsold == {"no_buyer_in_area": (4, 4)}
    # Nothing lies before or after it.
    for scope in (Scope(now - timedelta(days=1), now), Scope(now + timedelta(seconds=1), now + timedelta(days=1))):
        assert simulate(conn, scope, None, {}, told_to_nobody).outcome.leads == 0


def test_a_decision_recorded_in_a_form_no_longer_read_is_left_as_it_was_and_told(
    conn: Connection[Any], functions: Functions, source: int, now: datetime
) -> None:
    lead = a_valid_lead(conn, source)
    conn.execute(
        "INSERT INTO lead_decisions (decided_at, lead_id, stage, outcome, policy_id, policy_version, inputs, trace)"
        " VALUES (%s, %s, 'routing', 'unrouted', 1, 1, '{\"of\": \"old\"}', '{}')",
        (now, lead),
    )
    report = simulated(conn, now)
    assert (report.unreadable, report.outcome.leads) == (1, 0)


def test_past_track_records_are_what_the_stage_counts(
    conn: Connection[Any], functions: Functions, now: datetime
) -> None:
    town = Town(conn)
    a_busy_day(conn, functions, town, now, random.Random(4))
    policy = PerformanceBased(
        strategy="performance_based", lookback_days=1, sla=Sla(max_delivery_seconds=60, lookback_hours=9)
    )
    ask = lookback_terms(policy)
    late = now + timedelta(hours=12)
    seen = set()
    for offer in town.offers.values():
        found = TrackRecords(ask, history.past(conn, offer, since=now - timedelta(days=2)))
        lookback = Lookback(offer, late - timedelta(days=1), late - timedelta(hours=9), 60)
        for buyer_offer_id, record in track_records.track_records(conn, town.buyers, [lookback], now=late).items():
            assert found.at(buyer_offer_id, late) == record
            seen.add(record)
    assert any(r.accepted and r.delivered > r.on_time > 0 for r in seen)


def test_a_draft_of_validation_keeps_leads_from_being_routed_and_tells_which_would_pass(
    conn: Connection[Any], functions: Functions, now: datetime, tmp_path: Path
) -> None:
    offer = an_offer(conn, name="Lawns", rules={"allowed_cities": ["Aurora"]})
    source = a_source(conn, offer)
    buyer = a_buyer(conn, name="Green")
    an_enrollment(conn, buyer, offer, capacity_per_day=2)
    leads = [
        a_lead(conn, source, city="Aurora", **values) for values in ({}, {"message": "Please"}, {"message": "Call"})
    ] + [a_lead(conn, source, city="Denver", message="Hello")]
    functions.module("validate").process(messages("lead.received", leads), now)
    route(functions, *leads[:3], at=now)
    assert buyers_of(conn, *leads) == [buyer, buyer, None, None]
    path = tmp_path / "draft.yaml"
    path.write_text("offer: Lawns\nvalidation_policy: {required_fields: [message]}\n")
    report = simulated(conn, now, path)
    assert {c.lead_id: c.simulated if isinstance(c.simulated, str) else c.simulated.buyer_id
            for c in report.outcome.changes} == {leads[0]: "invalid: required_fields", leads[2]: buyer}  # fmt: skip
    assert report.outcome.unsold == {"invalid: required_fields": (0, 1), "no_eligible_buyer": (1, 0)}
    assert report.now_valid == 1


def test_the_command_reports_in_text_and_json(
    conn: Connection[Any], functions: Functions, now: datetime, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    offer = an_offer(conn, name="Lawns")
    source = a_source(conn, offer)
    green, blue = (a_buyer(conn, name=name) for name in ("Green", "Blue"))
    for priority, buyer in enumerate((blue, green)):
        an_enrollment(conn, buyer, offer, routing_priority=priority + 1)
    leads = [a_valid_lead(conn, source) for _ in range(2)]
    route(functions, *leads, at=now)
    path = tmp_path / "draft.yaml"
    path.write_text("offer: Lawns\nrouting_policy: {strategy: round_robin}\n")
    command = ["simulate", "--policy", str(path), "--since", "2026-06-17", "--until", "2026-06-18T00:00-06:00"]
    capsys.readouterr()
    assert cli.main(command) == cli.DONE
    said = capsys.readouterr()
    assert f"{leads[1]}     Green ({green})  45.00 USD  Blue ({blue})  45.00 USD" in said.out
    assert said.err.startswith("2 leads decided again in ")
    assert cli.main([*command, "--json"]) == cli.DONE
    assert [change["lead_id"] for change in json.loads(capsys.readouterr().out)["changes"]] == [leads[1]]
    assert cli.main(["simulate", "--since", "2026-06-17"]) == cli.DONE
    assert "No lead changes hands." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--offer", "Trees"], "--offer 'Trees': the database has no such offer; there are 'Lawns' in 'Old'"),
        (["--offer", "Lawns", "--market", "New"], "--offer 'Lawns' --market 'New': the database has no such offer"),
        (["--policy", "none.yaml"], "none.yaml:1: cannot be read"),
    ],
)
def test_what_is_not_there_is_told(
    conn: Connection[Any], capsys: pytest.CaptureFixture[str], options: list[str], told: str
) -> None:
    an_offer(conn, name="Lawns", market_id=a_market(conn, name="Old"))
    assert cli.main(["simulate", "--since", "1d", *options]) == cli.FAILED
    assert told in capsys.readouterr().err
