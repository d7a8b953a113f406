"""The smallest change that would have made an ineligible buyer eligible: as few changes as possible, each as small as
possible.

Each rule that failed needs a change of its own, as no two read the same value, but for the two about money: one
prepayment meets both.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, cast
from zoneinfo import ZoneInfo

from leadgen.explanation.domain import condition_changes
from leadgen.kernel import calendar
from leadgen.kernel.calendar import Period
from leadgen.leads.domain import conditions, consent
from leadgen.leads.domain.consent import ConsentDemand, Evidence
from leadgen.routing.domain import decision, eligibility
from leadgen.routing.domain.eligibility import UNUSED, Enrollment, Terms, Usage
from leadgen.routing.domain.inputs import RoutingInputs


@dataclass(frozen=True)
class Change:
    """One value that would have had to be another for ``rule`` to pass.

    ``was`` and ``to`` are the value of ``field`` on record and the nearest one that passes; ``words`` put it to a
    person, as something to do.
    """

    rule: str
    field: str
    was: Any
    to: Any
    words: str


def smallest_changes(inputs: RoutingInputs) -> dict[int, tuple[Change, ...]]:
    """By buyer id, for each ineligible buyer: the changes that together would have made it eligible."""
    asked = decision.terms(inputs.policy, inputs.facts, inputs.facts.candidates, now=inputs.now)
    found = {}
    for candidate in inputs.facts.candidates:
        terms = asked[candidate.enrollment.buyer_id].terms
        failed = [c.rule for c in eligibility.checks(candidate.enrollment, candidate.usage, terms) if not c.passed]
        if failed:
            ineligible = _Ineligible(candidate.enrollment, candidate.usage, terms, inputs.facts.offer.timezone)
            found[candidate.enrollment.buyer_id] = tuple(_changes(ineligible, failed))
    return found


@dataclass(frozen=True)
class _Ineligible:
    enrollment: Enrollment
    usage: Usage
    terms: Terms
    timezone: str


def _changes(ineligible: _Ineligible, failed: Sequence[str]) -> Iterator[Change]:
    for rule in failed:
        if rule == "credit_limit" and "min_balance_required" in failed:
            continue  # the prepayment is already there
        if rule == "not_refused" and "assigned" in failed:
            continue  # this rule is not checked of whom an operator chooses
        yield from _REMEDIES[rule.partition("_per_")[0]](ineligible, rule)


def _buyer_active(ineligible: _Ineligible, rule: str) -> Iterator[Change]:
    yield Change(rule, "buyer_active", False, True, "make the buyer active")


def _enrolled(ineligible: _Ineligible, rule: str) -> Iterator[Change]:
    yield Change(rule, "enrolled", False, True, "make its enrollment active")


def _service_area(ineligible: _Ineligible, rule: str) -> Iterator[Change]:
    yield area_for(ineligible.terms.postal_code)


def area_for(place: str) -> Change:
    """The smallest service area that covers a place."""
    area = f"postal_code {place}"
    return Change("service_area", "area", None, area, f"add service area {area}")


def _assigned(ineligible: _Ineligible, rule: str) -> Iterator[Change]:
    was, to = ineligible.terms.assigned_to, ineligible.enrollment.buyer_id
    yield Change(rule, "assigned_to", was, to, "assign the lead to this buyer")


def _not_refused(ineligible: _Ineligible, rule: str) -> Iterator[Change]:
    yield Change(rule, "rejected", True, False, "assign the lead to this buyer, from which it was taken back")


def _configuration(ineligible: _Ineligible, rule: str) -> Iterator[Change]:
    yield Change(
        rule, "fault", ineligible.enrollment.fault, None, f"mend what does not parse: {ineligible.enrollment.fault}"
    )


def _filter(ineligible: _Ineligible, rule: str) -> Iterator[Change]:
    condition, observed = ineligible.enrollment.filter, ineligible.terms.observed
    assert condition is not None
    turned = condition_changes.fewest_changes(condition, observed)
    if turned is None:
        yield Change(rule, "filter", condition, None, "drop the filter, which contradicts itself")
        return
    for answer_change in turned:
        shown = conditions.shown(answer_change.test, observed)
        value = cast(Mapping[str, Any], shown)[answer_change.test.field]
        observed_value = "absent" if value is None else value["number"] if isinstance(value, Mapping) else str(value)
        wanted = str(answer_change.test) if answer_change.answer else f"not {answer_change.test}"
        yield Change(
            rule, answer_change.test.field, value, answer_change, f"a lead with {wanted} (is {observed_value})"
        )


def _consent(ineligible: _Ineligible, rule: str) -> Iterator[Change]:
    demand, evidence, now = ineligible.enrollment.consent, ineligible.terms.evidence, ineligible.terms.now
    assert demand is not None
    unmet = set(consent.unmet(demand, evidence, now=now))
    if "given" in unmet:
        yield Change(rule, "consent", False, True, "record that consent was given")
    if unmet & {"text", "text_contains"}:
        words = demand.text_contains or "any text"
        suffix = "" if demand.text_contains is None else f" with {words!r}"
        yield Change(rule, "consent_text", evidence.text, words, f"record a consent_text{suffix}")
    if "max_age_days" in unmet:
        yield _consent_at(demand, evidence, now)
    if unmet & {"certificate", "certificate_hosts"}:
        hosts = demand.certificate_hosts
        suffix = "" if hosts is None else f" of {' or '.join(hosts)}"
        to = "any host" if hosts is None else hosts[0]
        words = f"record a consent_certificate_url{suffix}"
        yield Change(rule, "consent_certificate_url", evidence.certificate_host, to, words)


def _consent_at(demand: ConsentDemand, evidence: Evidence, now: datetime) -> Change:
    assert demand.max_age_days is not None
    earliest = now - timedelta(days=demand.max_age_days)
    to = earliest if evidence.at is None else min(max(evidence.at, earliest), now)
    since = f"record a consent_at from {_instant(earliest)} to {_instant(now)}"
    return Change("consent", "consent_at", evidence.at, to, since)


def _not_paused(ineligible: _Ineligible, rule: str) -> Iterator[Change]:
    until, now = ineligible.enrollment.pause_until, ineligible.terms.now
    assert until is not None
    yield Change(rule, "pause_until", until, now, f"end the pause by {_instant(now)}")


def _not_paused_for_overdue(ineligible: _Ineligible, rule: str) -> Iterator[Change]:
    since = ineligible.enrollment.paused_since
    assert since is not None
    yield Change(rule, "paused_since", since, None, f"settle its overdue invoices (paused since {_instant(since)})")


def _capacity(ineligible: _Ineligible, rule: str) -> Iterator[Change]:
    period = _period(rule)
    most, claimed = ineligible.enrollment.capacity[period], ineligible.usage.used.get(period, UNUSED).leads
    yield Change(rule, rule, most, claimed + 1, f"{rule} {most} → {claimed + 1}")


def _budget(ineligible: _Ineligible, rule: str) -> Iterator[Change]:
    period = _period(rule)
    most, spent = ineligible.enrollment.budget[period], ineligible.usage.used.get(period, UNUSED).amount
    wanted = spent + ineligible.terms.price
    yield Change(rule, rule, most, wanted, f"{rule} {most} → {wanted}")


def _prepayment(ineligible: _Ineligible, rule: str) -> Iterator[Change]:
    enrollment, usage = ineligible.enrollment, ineligible.usage
    short = [Decimal(0)]
    if enrollment.min_balance_required is not None:
        short.append(enrollment.min_balance_required - usage.available)
    if enrollment.credit_limit is not None:
        short.append(usage.exposure + ineligible.terms.price - enrollment.credit_limit)
    words = f"prepay {max(short)} {ineligible.terms.currency}"
    yield Change(rule, "wallet", usage.wallet, usage.wallet + max(short), words)


def _reachable(ineligible: _Ineligible, rule: str) -> Iterator[Change]:
    yield Change(rule, "reachable", False, True, "give it a webhook or e-mail notifications")


def _currency(ineligible: _Ineligible, rule: str) -> Iterator[Change]:
    was, to = ineligible.enrollment.currency, ineligible.terms.currency
    yield Change(rule, "currency", was, to, f"currency {was} → {to}")


def _acceptance_hours(ineligible: _Ineligible, rule: str) -> Iterator[Change]:
    local = ineligible.terms.now.astimezone(ZoneInfo(ineligible.timezone))
    day, start = calendar.DAYS[local.weekday()], f"{local:%H:%M}"
    # The next minute by the wall clock, whatever the clocks do then.
    end = f"{local.replace(tzinfo=None) + timedelta(minutes=1):%H:%M}" if start != "23:59" else "24:00"
    words = f"acceptance_hours: open on {day} at {start}"
    yield Change(rule, "acceptance_hours", ineligible.terms.hours.limit, (day, start, end), words)


_REMEDIES: Mapping[str, Callable[[_Ineligible, str], Iterator[Change]]] = {
    "buyer_active": _buyer_active,
    "enrolled": _enrolled,
    "service_area": _service_area,
    "assigned": _assigned,
    "not_refused": _not_refused,
    "configuration": _configuration,
    "filter": _filter,
    "consent": _consent,
    "not_paused": _not_paused,
    "not_paused_for_overdue": _not_paused_for_overdue,
    "capacity": _capacity,
    "budget": _budget,
    "min_balance_required": _prepayment,
    "credit_limit": _prepayment,
    "reachable": _reachable,
    "currency": _currency,
    "acceptance_hours": _acceptance_hours,
}


def _period(rule: str) -> Period:
    return cast(Period, rule.partition("_per_")[2])


def _instant(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
