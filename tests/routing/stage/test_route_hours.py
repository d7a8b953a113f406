"""Acceptance hours: leads are routed while the policy's hours are open in the market's time, and wait otherwise."""

from datetime import datetime
from typing import Any

import pytest
from psycopg import Connection

from leadgen.kernel.errors import PolicyInvalid
from leadgen.routing.domain import policy
from tests.support.factories import a_buyer, a_source, an_enrollment, an_offer
from tests.support.stages.functions import Functions
from tests.support.stages.routing import a_valid_lead, failed_checks, route

HOURS = {"wed": [["08:00", "12:00"], ["22:00", "02:00"]], "sat": [["00:00", "24:00"]]}


def denver(day_and_time: str) -> datetime:
    return datetime.fromisoformat(f"2026-06-{day_and_time}:00-06:00")


@pytest.mark.parametrize(
    ("at", "is_open"),
    [
        ("17T07:59", False), ("17T08:00", True), ("17T11:59", True), ("17T12:00", False),
        ("17T22:00", True), ("18T01:59", True), ("18T02:00", False), ("18T08:00", False),
        ("20T00:00", True), ("20T23:59", True), ("21T00:00", False),
    ],
)  # fmt: skip
def test_a_lead_is_routed_only_within_the_hours(
    conn: Connection[Any], functions: Functions, at: str, is_open: bool
) -> None:
    offer = an_offer(conn, config={"strategy": "priority_based", "acceptance_hours": HOURS})
    buyer = a_buyer(conn)
    an_enrollment(conn, buyer, offer)
    lead = a_valid_lead(conn, a_source(conn, offer))
    assert route(functions, lead, at=denver(at)) == ["routed" if is_open else "unrouted"]
    assert failed_checks(conn, lead) == {buyer: [] if is_open else ["acceptance_hours"]}


@pytest.mark.parametrize(
    "hours",
    [{}, {"wed": []}, {"wed": [["08:00", "08:00"]]}, {"wed": [["8:00", "12:00"]]}, {"wed": [["24:00", "12:00"]]},
     {"wednesday": [["08:00", "12:00"]]}, {"wed": [["08:00"]]}],
    ids=str,
)  # fmt: skip
def test_hours_that_never_open_or_do_not_parse_are_refused(hours: object) -> None:
    with pytest.raises(PolicyInvalid, match="acceptance_hours"):
        policy.parse_routing({"strategy": "priority_based", "acceptance_hours": hours}, label="test")
