"""``make bench-simulate``: what-if over 100,000 recorded leads, beside a plain read of the same rows.

The record is what the routing stage would have written: its own decisions, batch by batch through thirty days, on a
market of twenty buyers with caps, budgets and credit, of whom ten serve each lead, in turn.
"""

import json
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
from psycopg import Connection

from bench import database
from leadgen.kernel import calendar
from leadgen.kernel.calendar import PERIODS, Period
from leadgen.kernel.trace import plain
from leadgen.leads.domain.lead import Lead
from leadgen.platform import clock
from leadgen.routing.domain import allocation, rotation
from leadgen.routing.domain.allocation import Choice, RoutingRequest
from leadgen.routing.domain.decision import Offer, Routed
from leadgen.routing.domain.eligibility import UNUSED, Enrollment, Usage, Used
from leadgen.routing.domain.inputs import RoutingInputs
from leadgen.routing.domain.policy import RoundRobin
from leadgen.routing.domain.rotation import Rotation, RotationKey
from leadgen.simulation.service.simulate import Scope, simulate
from leadgen.simulation.store import history
from leadgen.simulation.store.history import RecordSpan
from leadgen.terminal.progress import Progress

LEADS = 100_000
BUYERS, SERVING, BATCH, DAYS = 20, 10, 10, 30
LIMIT_SECONDS = 60
SINCE = datetime(2026, 5, 1, tzinfo=UTC)
UNTIL = SINCE + timedelta(days=DAYS)
ZONE = "America/Denver"
POLICY = RoundRobin(strategy="round_robin")
DRAFT = """\
offer: Leads
routing_policy:
  strategy: weighted
  weights: {buyer1@bench.example: 3, buyer2@bench.example: 2}
"""


def main(leads: int = LEADS) -> int:
    """Measure; 1 when the limit is broken."""
    with database.fresh() as url, psycopg.connect(url, autocommit=True) as conn:
        fill(conn, leads)
        seconds, _ = _timed(lambda: _read(conn))
        print(f"{'reading the rows':34}{seconds:8.1f} s {leads / seconds:10,.0f} leads/s")
        kept = [
            _measured(conn, leads, label, policy, seconds)
            for label, policy in (("the policies of the time", None), ("a draft of weights", DRAFT))
        ]
    return 0 if all(kept) else 1


def _measured(conn: Connection[Any], leads: int, label: str, policy: str | None, beside: float) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "draft.yaml"
        path.write_text(policy or "")
        told = Progress(label).update
        busy = time.process_time()
        seconds, report = _timed(
            lambda: simulate(conn, Scope(SINCE, UNTIL), None if policy is None else path, {}, told)
        )
        busy = time.process_time() - busy
    allowed = LIMIT_SECONDS * leads / LEADS
    verdict = "kept" if seconds <= allowed else "BROKEN"
    print(
        f"{'simulating ' + label:34}{seconds:8.1f} s {leads / seconds:10,.0f} leads/s"
        f"   {seconds / beside:4.1f} times the read, {busy:.1f} s of this process; at most {allowed:.0f} s: {verdict}"
        f"   ({len(report.outcome.changes):,} change hands)"
    )
    if policy is None and report.outcome.changes:
        print("The policies of the time did not reproduce the record: BROKEN")
        return False
    return seconds <= allowed


def _timed(work: Any) -> tuple[float, Any]:
    began = clock.seconds()
    result = work()
    return clock.seconds() - began, result


def _read(conn: Connection[Any]) -> None:
    with conn.transaction():
        for _ in history.routings(conn, RecordSpan(0, 2**62, 0), offer_ids=None):
            pass


def fill(conn: Connection[Any], leads: int) -> None:
    """Write the record of so many leads, and the rows that it speaks of."""
    offer, enrollments = _market(conn, leads)
    progress = Progress("deciding")
    with (
        conn.cursor() as cursor,
        cursor.copy(
            "COPY lead_decisions (decided_at, lead_id, stage, outcome, reason, policy_id, policy_version, inputs,"
            " trace) FROM STDIN"
        ) as copy,
    ):
        for number, choice, now in _decisions(offer, enrollments, leads):
            routed = isinstance(choice.decision, Routed)
            copy.write_row(
                (
                    now,
                    choice.request.lead.lead_id,
                    "routing",
                    "routed" if routed else "unrouted",
                    None if isinstance(choice.decision, Routed) else choice.decision.reason,
                    1,
                    1,
                    json.dumps(plain(RoutingInputs(POLICY, choice.facts, now))),
                    json.dumps(plain(choice.decision)),
                )
            )
            progress.update(number, leads)
    conn.execute("ANALYZE")


def _market(conn: Connection[Any], leads: int) -> tuple[Offer, list[Enrollment]]:
    """A market with its offer, buyers and leads; the offer and the enrollments as the decisions load them."""
    conn.execute("INSERT INTO markets (name, timezone) VALUES ('Bench', %s)", (ZONE,))
    conn.execute("INSERT INTO verticals (slug, name) VALUES ('bench', 'Bench')")
    conn.execute("INSERT INTO validation_policies (name, rules) VALUES ('Bench', '{}')")
    conn.execute("""INSERT INTO routing_policies (name, config) VALUES ('Bench', '{"strategy": "round_robin"}')""")
    conn.execute(
        "INSERT INTO offers (market_id, vertical_id, name, default_price_per_lead, validation_policy_id,"
        " routing_policy_id) VALUES (1, 1, 'Leads', 45.00, 1, 1)"
    )
    conn.execute("INSERT INTO sources (offer_id, source_key, kind, name) VALUES (1, 'bench', 'landing_page', 'Bench')")
    conn.execute(
        "INSERT INTO buyers (name, email, phone) SELECT 'Buyer ' || n, 'buyer' || n || '@bench.example', '+13035550100'"
        " FROM generate_series(1, %s) n",
        (BUYERS,),
    )
    conn.execute("INSERT INTO buyer_offers (buyer_id, offer_id) SELECT n, 1 FROM generate_series(1, %s) n", (BUYERS,))
    conn.execute(
        "INSERT INTO leads (source_id, offer_id, market_id, vertical_id, idempotency_key, name, email, phone,"
        " postal_code, status)"
        " SELECT 1, 1, 1, 1, 'bench-lead-' || n, 'Person', 'person@example.com', '+13035550101', '80014', 'validated'"
        " FROM generate_series(1, %s) n",
        (leads,),
    )
    return Offer(1, True, Decimal("45.00"), "USD", ZONE), [_enrollment(number) for number in range(1, BUYERS + 1)]


def _enrollment(number: int) -> Enrollment:
    """Buyers with limits of several kinds, each of which some leads reach."""
    return Enrollment(
        buyer_id=number,
        buyer_offer_id=number,
        buyer_active=True,
        enrolled=True,
        area=None,
        priority=1 + number % 3,
        buyer_price=Decimal("47.50") if number % 2 else None,
        pause_until=None,
        capacity={"hour": 9, "day": 190} if number % 3 == 0 else {"day": 180},
        budget={"hour": Decimal("450.00")} if number % 4 == 0 else {"month": Decimal("400000.00")},
        filter=None,
        consent=None,
        fault=None,
        min_balance_required=None,
        credit_limit=Decimal("9000.00") if number % 5 == 0 else None,
        currency="USD",
        reachable=True,
    )


def _decisions(offer: Offer, enrollments: Sequence[Enrollment], leads: int) -> Iterator[tuple[int, Choice, datetime]]:
    """The stage's decisions, with what it keeps between batches: counters, money and rotations."""
    counters: dict[tuple[int, Period, datetime], Used] = {}
    pending: dict[int, Decimal] = defaultdict(Decimal)
    rotations: dict[RotationKey, Rotation] = {}
    today = SINCE.date()
    for first in range(1, leads + 1, BATCH):
        now = SINCE + (UNTIL - SINCE) * (first - 1) / leads
        if now.date() != today:
            today = now.date()
            pending.clear()  # everybody pays at night
        periods = calendar.cap_periods(now, ZONE)
        usages = {
            e.buyer_offer_id: Usage(
                {p: counters.get((e.buyer_offer_id, p, getattr(periods, p)), UNUSED) for p in PERIODS},
                Decimal("0.00"),
                pending[e.buyer_id],
                Decimal("0.00"),
            )
            for e in enrollments
        }
        numbers = range(first, min(first + BATCH, leads + 1))
        requests = [_request(number, offer, enrollments, now) for number in numbers]
        choices = allocation.allocate(requests, usages, {offer.offer_id: list(rotations.values())}, now=now)
        for number, choice in zip(numbers, choices, strict=True):
            yield number, choice, now
            if isinstance(choice.decision, Routed):
                _count(choice.decision, periods, counters, pending, rotations)


def _request(number: int, offer: Offer, enrollments: Sequence[Enrollment], now: datetime) -> RoutingRequest:
    serving = (enrollments[(number * 7 + place) % BUYERS] for place in range(SERVING))
    area = f"postal_code 800{number * 7 % BUYERS:02d}"
    lead = Lead(number, now, 1, 1, 1, "US", area.split()[1], None, frozenset())
    return RoutingRequest(lead, POLICY, offer, None, tuple(replace(e, area=area) for e in serving))


def _count(
    routed: Routed,
    periods: calendar.CapPeriods,
    counters: dict[tuple[int, Period, datetime], Used],
    pending: dict[int, Decimal],
    rotations: dict[RotationKey, Rotation],
) -> None:
    pending[routed.buyer_id] += routed.price.amount
    for period in PERIODS:
        key = routed.buyer_offer_id, period, getattr(periods, period)
        used = counters.get(key, UNUSED)
        counters[key] = Used(used.leads + 1, used.amount + routed.price.amount)
    if routed.rotation is not None:
        used_rotation = rotation.after(routed.rotation, routed.buyer_offer_id)
        rotations[used_rotation.key] = used_rotation
