"""The record that the bench of what-if writes."""

from typing import Any

from psycopg import Connection

from bench import simulate as bench
from leadgen.simulation.service.simulate import Scope, simulate


def test_it_is_one_that_is_reproduced(conn: Connection[Any]) -> None:
    bench.fill(conn, 120)
    report = simulate(conn, Scope(bench.SINCE, bench.UNTIL), None, {}, lambda done, total: None)
    outcome = report.outcome
    assert (outcome.leads, outcome.changes, report.unreadable) == (120, (), 0)
    assert sum(compared.simulated.leads for compared in outcome.buyers.values()) > 100
