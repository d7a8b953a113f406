"""Decisions are deterministic, and their records are enough to make them again: to the byte."""

import json
import random
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from leadgen.explanation.domain import verification
from leadgen.explanation.domain.verification import canonical
from leadgen.kernel.trace import Json, plain
from leadgen.routing.domain import inputs as routing_inputs_domain
from leadgen.routing.domain.decision import NoBuyer, Routed
from leadgen.routing.domain.eligibility import Enrollment
from leadgen.routing.domain.inputs import RoutingInputs
from leadgen.routing.domain.strategies import Candidate
from tests.support.strategies.decisions import (
    BUYER_IDS,
    an_enrollment_that_takes_all,
    routing_inputs,
    shuffled,
    usages,
)


def bytes_of(decision: Routed | NoBuyer) -> bytes:
    verdict = verification.routing_verdict(decision)
    return canonical({"outcome": verdict.outcome, "reason": verdict.reason, "trace": verdict.trace})


def winner(decision: Routed | NoBuyer) -> tuple[Any, ...] | None:
    """Who has the lead, at which price, and whose turn it was for it."""
    if isinstance(decision, NoBuyer):
        return None
    return decision.buyer_id, decision.buyer_offer_id, decision.price, decision.exclusive, decision.rotation


@given(routing_inputs())
def test_the_inputs_on_record_give_the_same_bytes_again(inputs: RoutingInputs) -> None:
    decided = routing_inputs_domain.route(inputs)
    recorded = json.dumps(plain(inputs))
    read = routing_inputs_domain.read_routing(recorded)
    assert bytes_of(routing_inputs_domain.route(read)) == bytes_of(decided)
    assert canonical(plain(read)) == canonical(plain(inputs))
    # PostgreSQL's jsonb orders an object's keys its own way.
    reordered = json.dumps(json.loads(recorded, object_pairs_hook=lambda pairs: dict(reversed(pairs))))
    verdict = verification.DECIDERS["routing"](reordered)
    assert (verdict.outcome, verdict.reason, canonical(verdict.trace)) == (
        "routed" if isinstance(decided, Routed) else "unrouted",
        None if isinstance(decided, Routed) else decided.reason,
        canonical(plain(decided)),
    )


@given(routing_inputs())
def test_of_the_pools_only_the_one_that_was_shared_out_counts(inputs: RoutingInputs) -> None:
    decided = routing_inputs_domain.route(inputs)
    turn = decided.rotation if isinstance(decided, Routed) else None
    kept = replace(inputs, facts=replace(inputs.facts, rotations=() if turn is None else (turn,)))
    assert bytes_of(routing_inputs_domain.route(kept)) == bytes_of(decided)


@given(routing_inputs(), st.randoms(use_true_random=False))
def test_a_permutation_of_the_rows_changes_nothing(inputs: RoutingInputs, seed: random.Random) -> None:
    assert bytes_of(routing_inputs_domain.route(shuffled(inputs, seed))) == bytes_of(
        routing_inputs_domain.route(inputs)
    )


ONE_FAULT: list[dict[str, Any]] = [
    {"buyer_active": False}, {"enrolled": False}, {"area": None}, {"reachable": False}, {"currency": "EUR"},
    {"fault": "does not parse"}, {"paused_since": datetime(2026, 6, 1, tzinfo=UTC)},
    {"capacity": {"month": 0}}, {"budget": {"week": Decimal(0)}},
    {"credit_limit": Decimal(-10_000)}, {"min_balance_required": Decimal(10_000)},
]  # fmt: skip


@given(routing_inputs(), st.data())
def test_adding_a_buyer_who_is_not_eligible_never_changes_the_winner(
    inputs: RoutingInputs, data: st.DataObject
) -> None:
    free = sorted(set(BUYER_IDS) - {c.enrollment.buyer_id for c in inputs.facts.candidates})
    willing: Enrollment = data.draw(an_enrollment_that_takes_all(data.draw(st.sampled_from(free))))
    refused = replace(willing, priority=9, **data.draw(st.sampled_from(ONE_FAULT)))
    added = Candidate(refused, data.draw(usages()))
    more = replace(inputs, facts=replace(inputs.facts, candidates=(added, *inputs.facts.candidates)))
    before, after = routing_inputs_domain.route(inputs), routing_inputs_domain.route(more)
    assert winner(after) == winner(before)
    assert len(after.verdicts) == len(before.verdicts) + 1


@given(routing_inputs())
def test_the_components_of_every_price_add_up_to_it_to_the_cent(inputs: RoutingInputs) -> None:
    decided = routing_inputs_domain.route(inputs)
    if isinstance(decided, Routed):
        price = decided.price
        assert sum((part.amount for part in price.components), Decimal(0)) == price.amount
        assert price.amount == price.amount.quantize(Decimal("0.01")) > 0


@given(routing_inputs())
def test_what_was_recorded_before_buyers_could_give_leads_back_gives_the_same_bytes_again(
    inputs: RoutingInputs,
) -> None:
    before = replace(
        inputs,
        facts=replace(
            inputs.facts,
            assigned_to=None,
            candidates=tuple(
                replace(c, enrollment=replace(c.enrollment, rejected=False)) for c in inputs.facts.candidates
            ),
        ),
    )
    recorded: Any = plain(before)
    del recorded["facts"]["assigned_to"]
    for candidate in recorded["facts"]["candidates"]:
        del candidate["enrollment"]["rejected"]
    assert bytes_of(routing_inputs_domain.route(routing_inputs_domain.read_routing(json.dumps(recorded)))) == bytes_of(
        routing_inputs_domain.route(before)
    )


@given(routing_inputs())
def test_edge_26_what_was_recorded_before_a_currency_had_digits_of_its_own_gives_the_same_bytes_again(
    inputs: RoutingInputs,
) -> None:
    to_the_cent = replace(inputs, facts=replace(inputs.facts, offer=replace(inputs.facts.offer, currency="JPY")))
    recorded: Any = plain(to_the_cent)
    del recorded["facts"]["offer"]["digits"]
    assert bytes_of(routing_inputs_domain.route(routing_inputs_domain.read_routing(json.dumps(recorded)))) == bytes_of(
        routing_inputs_domain.route(to_the_cent)
    )


@given(routing_inputs())
def test_edge_26_every_price_in_yen_is_whole_in_all_its_parts(inputs: RoutingInputs) -> None:
    yen = replace(inputs, facts=replace(inputs.facts, offer=replace(inputs.facts.offer, digits=0)))
    decided = routing_inputs_domain.route(yen)
    assert bytes_of(
        routing_inputs_domain.route(routing_inputs_domain.read_routing(json.dumps(plain(yen))))
    ) == bytes_of(decided)
    if isinstance(decided, Routed):
        assert all(part.amount == int(part.amount) for part in decided.price.components)


@given(routing_inputs())
def test_what_was_recorded_before_deliveries_could_be_paused_for_overdue_invoices_gives_the_same_bytes_again(
    inputs: RoutingInputs,
) -> None:
    before = replace(
        inputs,
        facts=replace(
            inputs.facts,
            candidates=tuple(
                replace(c, enrollment=replace(c.enrollment, paused_since=None)) for c in inputs.facts.candidates
            ),
        ),
    )
    recorded: Any = plain(before)
    for candidate in recorded["facts"]["candidates"]:
        del candidate["enrollment"]["paused_since"]
    assert bytes_of(routing_inputs_domain.route(routing_inputs_domain.read_routing(json.dumps(recorded)))) == bytes_of(
        routing_inputs_domain.route(before)
    )


def test_inputs_that_are_none_are_refused() -> None:
    for text in ('{"policy": {"strategy": "random"}}', "[]", "nonsense"):
        with pytest.raises(ValidationError):
            routing_inputs_domain.read_routing(text)


RECORDED: dict[str, Json] = {"outcome": "routed", "trace": {"verdicts": [{"eligible": True}, {"eligible": False}]}}


@pytest.mark.parametrize(
    ("decided", "paths"),
    [
        (RECORDED, []),
        ({**RECORDED, "outcome": "unrouted"}, ["outcome"]),
        ({**RECORDED, "trace": {"verdicts": [{"eligible": True}, {"eligible": True}]}}, ["trace.verdicts[1].eligible"]),
        ({**RECORDED, "trace": {"verdicts": [{"eligible": True}]}}, ["trace.verdicts"]),
        ({**RECORDED, "trace": {"verdicts": [{"eligible": 1}, {"eligible": False, "merit": None}]}},
         ["trace.verdicts[0].eligible", "trace.verdicts[1].merit"]),
        ({"outcome": "routed"}, ["trace"]),
        ([], [""]),
    ],
)  # fmt: skip
def test_where_two_decisions_differ_is_named(decided: Json, paths: list[str]) -> None:
    assert list(verification.differing(RECORDED, decided)) == paths
    assert (canonical(RECORDED) == canonical(decided)) == (not paths)
