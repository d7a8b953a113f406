"""Money moved at random, by one worker and by many: every invariant holds after every step, and at any time between."""

import os
import random
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test
from psycopg import Connection

from leadgen.reconciliation import service as reconciliation_service
from tests.support.examples import examples
from tests.support.kept import KeptDatabase
from tests.support.money.random_marketplace import OPERATIONS, WEIGHTS, World, hours
from tests.support.money.sold_leads import everything

BEGIN = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
THREADS = 12
RUNS = int(os.environ.get("MONEY_RUNS", "1"))
EACH = int(os.environ.get("MONEY_OPERATIONS", "150"))


def amiss(conn: Connection[Any], now: datetime) -> dict[str, Any]:
    return {one.name: one.broken for one in reconciliation_service.audit(conn, now=now) if one.broken}


def make_machine(kept: KeptDatabase) -> type[RuleBasedStateMachine]:
    class Money(RuleBasedStateMachine):
        """Each example begins with an empty database."""

        def __init__(self) -> None:
            super().__init__()
            self.conn = psycopg.connect(kept.url, autocommit=True)
            self.world = World(self.conn, BEGIN)
            self.step = 0

        def teardown(self) -> None:
            self.conn.close()
            kept.restore()

        def _do(self, operation: str, pick: int) -> None:
            self.step += 1
            now = BEGIN + hours(self.step)
            before = everything(self.conn)
            outcome = self.world.run(operation, pick, at=now)
            if outcome not in ("done", "nothing", "rolled back", "repeated") and not outcome.startswith("heard"):
                assert everything(self.conn) == before, f"{operation} was refused ({outcome}) and moved something"
            assert amiss(self.conn, now) == {}, f"after {operation} ({outcome})"

        @rule(pick=st.integers(0, 999))
        def deliver(self, pick: int) -> None:
            self._do("deliver", pick)

        @rule(pick=st.integers(0, 999), times=st.integers(1, 5))
        def sell(self, pick: int, times: int) -> None:
            for more in range(times):
                self._do("deliver", pick + more)
            self._do("bill", pick)

        @precondition(lambda self: self.step > 0)
        @rule(operation=st.sampled_from([name for name in OPERATIONS if name != "deliver"]), pick=st.integers(0, 999))
        def happen(self, operation: str, pick: int) -> None:
            self._do(operation, pick)

    return Money


@pytest.mark.hypothesis
@pytest.mark.timeout(3600)
def test_every_invariant_holds_after_every_step_of_any_history(
    kept: KeptDatabase, environment: pytest.MonkeyPatch
) -> None:
    run_state_machine_as_test(
        make_machine(kept),
        settings=settings(
            examples(short=8, long=200),
            stateful_step_count=40,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.fixture
def watching(database_url: str) -> Iterator[list[dict[str, Any]]]:
    """What a second connection finds amiss while others work; it looks without a pause."""
    found: list[dict[str, Any]] = []
    ended = threading.Event()

    def watch() -> None:
        with psycopg.connect(database_url, autocommit=True) as conn:
            while not ended.is_set():
                found.append(amiss(conn, BEGIN))

    with ThreadPoolExecutor(1) as pool:
        watcher = pool.submit(watch)
        yield found
        ended.set()
        watcher.result()
    assert found != []
    assert [one for one in found if one] == []


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", range(RUNS))
def test_every_invariant_holds_while_many_move_money_at_once(
    conn: Connection[Any], database_url: str, watching: list[dict[str, Any]], seed: int
) -> None:
    world = World(conn, BEGIN)
    names = [name for name in OPERATIONS for _ in range(WEIGHTS.get(name, 1))]
    barrier = threading.Barrier(THREADS)

    def work(worker: int) -> Counter[str]:
        chosen = random.Random(seed * 1000 + worker)
        outcomes: Counter[str] = Counter()
        with psycopg.connect(database_url, autocommit=True) as own:
            mine = world.beside(own)
            barrier.wait()
            for step in range(EACH):
                operation, pick = chosen.choice(names), chosen.randrange(100_000)
                outcome = mine.run(operation, pick, at=BEGIN + hours(step))
                outcomes[f"{operation}: {outcome}"] += 1
        return outcomes

    with ThreadPoolExecutor(THREADS) as pool:
        done = sum((future.result() for future in [pool.submit(work, n) for n in range(THREADS)]), Counter[str]())
    assert done.total() == THREADS * EACH
    assert amiss(conn, BEGIN) == {}
    numbers = conn.execute("SELECT array_agg(sequence ORDER BY sequence) FROM invoices WHERE issued_at IS NOT NULL")
    (issued,) = numbers.fetchone() or ([],)
    assert issued == list(range(1, len(issued) + 1))
    print(f"seed {seed}: {len(watching)} snapshots, {len(issued)} invoices;", dict(sorted(done.items())))
