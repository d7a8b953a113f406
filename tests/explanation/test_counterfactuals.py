"""The smallest change that would have made a refused buyer eligible: it does, and nothing of it can be spared."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadgen.explanation.domain import condition_changes
from leadgen.explanation.domain.condition_changes import AnswerChange
from leadgen.explanation.domain.counterfactuals import Change, smallest_changes
from leadgen.kernel import calendar
from leadgen.kernel.trace import plain
from leadgen.leads.domain import conditions
from leadgen.leads.domain.conditions import All, AnyOf, Condition, Not, Observed
from leadgen.leads.domain.consent import ConsentDemand, Evidence
from leadgen.routing.domain import inputs as routing_inputs_domain
from leadgen.routing.domain.decision import Facts
from leadgen.routing.domain.inputs import RoutingInputs
from leadgen.routing.domain.policy import PriorityBased
from leadgen.routing.domain.strategies import Candidate
from tests.support.counterfactuals import with_changes
from tests.support.domain_values import NOON, enrollment, offer, usage
from tests.support.strategies.decisions import CONDITIONS, lead_fields, routing_inputs

LARGE = conditions.Test(field="rooms", at_least=Decimal(3))
TEXAN = conditions.Test(field="region_code", in_=("TX", "OK"))
MAIL = conditions.Test(field="email", ends_with=".org")


def eligible(inputs: RoutingInputs) -> dict[int, bool]:
    return {verdict.buyer_id: verdict.eligible for verdict in routing_inputs_domain.route(inputs).verdicts}


@given(routing_inputs())
def test_the_smallest_change_makes_every_refused_buyer_eligible_and_nothing_less_of_it_does(
    inputs: RoutingInputs,
) -> None:
    changes = smallest_changes(inputs)
    assert changes.keys() == {buyer_id for buyer_id, is_eligible in eligible(inputs).items() if not is_eligible}
    for buyer_id, found in changes.items():
        assert eligible(with_changes(inputs, buyer_id, found))[buyer_id]
        for left_out in range(len(found)):
            rest = found[:left_out] + found[left_out + 1 :]
            turned = [change.to for change in found if isinstance(change.to, AnswerChange)]
            kept = found[left_out].to
            if isinstance(kept, AnswerChange) and not condition_changes.is_possible(
                condition_changes.without(turned, kept)
            ):
                continue  # no lead answers one of two such tests otherwise and not the other
            assert not eligible(with_changes(inputs, buyer_id, rest))[buyer_id], found[left_out]


@given(routing_inputs())
def test_no_number_could_change_by_less(inputs: RoutingInputs) -> None:
    for buyer_id, found in smallest_changes(inputs).items():
        for change in found:
            if not isinstance(change.to, int | Decimal) or isinstance(change.to, bool):
                continue
            less = replace(change, to=change.to - (1 if isinstance(change.to, int) else Decimal("0.01")))
            nearly = [less if other is change else other for other in found]
            assert not eligible(with_changes(inputs, buyer_id, nearly))[buyer_id], change


@given(routing_inputs())
def test_every_change_is_said_in_words_and_can_be_put_on_record(inputs: RoutingInputs) -> None:
    for found in smallest_changes(inputs).values():
        for change in found:
            assert change.words
            plain(change)


def fewest_by_trying(condition: Condition, observed: Observed) -> int | None:
    """How many answers have to change, found by trying every set of answers."""
    tests = list({str(test.model_dump()): test for test in conditions.tests(condition)}.values())
    now = [conditions.holds(test, observed) for test in tests]
    sizes = []
    for number in range(2 ** len(tests)):
        turned = [position for position in range(len(tests)) if number >> position & 1]
        other = [condition_changes.AnswerChange(tests[position], not now[position]) for position in turned]
        if conditions.holds(condition, condition_changes.with_changes(observed, other)):
            sizes.append(len(other))
    return min(sizes, default=None)


@given(CONDITIONS, lead_fields(NOON))
def test_a_filter_asks_for_other_answers_that_do_and_for_none_if_it_contradicts_itself(
    condition: Condition, fields: dict[str, object]
) -> None:
    observed = conditions.observe([condition], fields)
    turned = condition_changes.fewest_changes(condition, observed)
    fewest = fewest_by_trying(condition, observed)
    if turned is None:
        return  # no lead can give the answers that would do
    assert fewest is not None
    assert len(turned) >= fewest
    assert conditions.holds(condition, condition_changes.with_changes(observed, turned))


def test_a_filter_with_more_ways_than_can_be_looked_at_is_answered_all_the_same() -> None:
    tests = [conditions.Test(field=f"f{number}", equals=str(number)) for number in range(100)]
    pairs = tuple(AnyOf(any=(tests[n], All(all=(tests[n], tests[n + 1])))) for n in range(0, 100, 2))
    observed = conditions.observe([All(all=pairs)], {})
    turned = condition_changes.fewest_changes(All(all=pairs), observed)
    assert turned is not None
    assert [answer_change.test for answer_change in turned] == tests[::2]


def refused(*, closed: str | None = None, stands: dict[str, Any] | None = None, fields: dict[str, object] | None = None,
            evidence: Evidence | None = None, now: datetime = NOON, **enrolled: Any) -> tuple[Change, ...]:  # fmt: skip
    hours: Any = None if closed is None else {"acceptance_hours": {"mon": (("08:00", closed),)}}
    subject = enrollment(**enrolled)
    observed = conditions.observe([subject.filter] if subject.filter else [], fields or {})
    facts = Facts(offer(), "80014", None, (Candidate(subject, usage(**stands or {})),), observed,
                  evidence or Evidence())  # fmt: skip
    return smallest_changes(RoutingInputs(PriorityBased(strategy="priority_based", **hours or {}), facts, now))[1]


def words(**values: Any) -> list[str]:
    return [change.words for change in refused(**values)]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"buyer_active": False}, "make the buyer active"),
        ({"enrolled": False}, "make its enrollment active"),
        ({"area": None}, "add service area postal_code 80014"),
        ({"reachable": False}, "give it a webhook or e-mail notifications"),
        ({"currency": "EUR"}, "currency EUR → USD"),
        ({"fault": "the filter: no"}, "mend what does not parse: the filter: no"),
        ({"pause_until": NOON + timedelta(days=1)},
         "end the pause by 2026-06-17 12:00:00 UTC"),
        ({"paused_since": NOON - timedelta(days=1)},
         "settle its overdue invoices (paused since 2026-06-16 12:00:00 UTC)"),
        ({"capacity_per_day": 3, "stands": {"day": 3}}, "capacity_per_day 3 → 4"),
        ({"capacity_per_week": 3, "stands": {"week": 7}}, "capacity_per_week 3 → 8"),
        ({"budget_per_month": Decimal("100.00"), "stands": {"spent": {"month": "90.00"}}},
         "budget_per_month 100.00 → 135.00"),
        ({"min_balance_required": Decimal("20.00"), "stands": {"wallet": Decimal("5.00")}}, "prepay 15.00 USD"),
        ({"credit_limit": Decimal("50.00"), "stands": {"owed": Decimal("10.00")}}, "prepay 5.00 USD"),
        ({"closed": "18:00"}, "acceptance_hours: open on wed at 06:00"),
        ({"filter": LARGE, "fields": {"attributes.rooms": 2}}, "a lead with rooms at least 3 (is 2)"),
        ({"filter": LARGE, "fields": {"attributes.rooms": 2.5}}, "a lead with rooms at least 3 (is 2.5)"),
        ({"filter": LARGE}, "a lead with rooms at least 3 (is absent)"),
        ({"filter": Not(not_=TEXAN), "fields": {"region_code": "TX"}}, "a lead with not region_code in TX, OK (is TX)"),
        ({"filter": MAIL, "fields": {"email": "zoe@example.com"}}, "a lead with email ends with .org (is withheld)"),
        ({"filter": All(all=(LARGE, Not(not_=LARGE)))}, "drop the filter, which contradicts itself"),
        ({"consent": ConsentDemand()}, "record that consent was given"),
        ({"consent": ConsentDemand(given=False, text=True, text_contains="call")}, "record a consent_text with 'call'"),
        ({"consent": ConsentDemand(given=False, max_age_days=1)},
         "record a consent_at from 2026-06-16 12:00:00 UTC to 2026-06-17 12:00:00 UTC"),
        ({"consent": ConsentDemand(given=False, certificate=True, certificate_hosts=("a.example", "b.example"))},
         "record a consent_certificate_url of a.example or b.example"),
    ],
    ids=str,
)  # fmt: skip
def test_each_rule_has_its_smallest_change(values: dict[str, Any], said: str) -> None:
    assert words(**values) == [said]


def test_one_prepayment_of_the_larger_shortage_meets_balance_and_credit() -> None:
    money = {"min_balance_required": Decimal("10.00"), "credit_limit": Decimal("5.00")}
    assert words(**money) == ["prepay 40.00 USD"]
    assert words(**{**money, "min_balance_required": Decimal("60.00")}) == ["prepay 60.00 USD"]


def test_every_rule_that_refused_has_a_change_of_its_own() -> None:
    rules = [c.rule for c in refused(buyer_active=False, area=None, capacity_per_hour=0, capacity_per_day=0,
                                     min_balance_required=Decimal("1.00"), currency="EUR")]  # fmt: skip
    assert rules == [
        "buyer_active", "service_area", "capacity_per_hour", "capacity_per_day", "min_balance_required", "currency",
    ]  # fmt: skip


@pytest.mark.parametrize("clock", ["00:00", "09:59", "23:59"])
def test_a_window_that_covers_the_local_time_opens_at_any_time(clock: str) -> None:
    local = datetime.fromisoformat(f"2026-06-17T{clock}:30-06:00")
    (change,) = refused(closed="08:01", now=local)
    day, start, end = change.to
    assert calendar.is_open(local, days=[day], start=start, end=end)
    assert not calendar.is_open(local + timedelta(minutes=1), days=[day], start=start, end=end)


@given(st.sampled_from(["given", "consent_at"]), st.integers(-400, 400))
def test_a_time_of_consent_is_moved_no_further_than_it_must(kind: str, days: int) -> None:
    demand = ConsentDemand(given=kind == "given", max_age_days=30)
    at = NOON - timedelta(days=days)
    if 0 <= days <= 30 and kind != "given":
        return
    changes = {c.field: c.to for c in refused(consent=demand, evidence=Evidence(at=at))}
    expected = NOON if days < 0 else NOON - timedelta(days=30)
    assert changes.get("consent_at", expected) == expected
