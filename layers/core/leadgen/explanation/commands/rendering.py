"""An explanation as a person reads it: stage by stage, every buyer with its verdict."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, cast
from zoneinfo import ZoneInfo

from leadgen.buyers.store import NamedBuyer
from leadgen.delivery import commands as delivery_commands
from leadgen.explanation.domain import counterfactuals
from leadgen.explanation.service.explain import BuyerVerdict, Explained, Explanation
from leadgen.explanation.store import Subject
from leadgen.kernel.trace import Check
from leadgen.terminal.tables import columns, folded, printable, room

# The states of a delivery that has not succeeded, and may.
_UNSETTLED = ("pending", "in_review")
_STAGES = ("duplicates", "validation", "routing")
_LONGEST_SHOWN = 48
# As a decision's record has an instant.
_INSTANT = re.compile(r"^\d{4}-\d\d-\d\dT[\d:.]+\+00:00$")
# What a list that a rule found is a list of.
_FOUND = {"required_fields": "missing", "consent": "unmet"}
_TOO_OLD = "not known: the record is too old"


def text(explanation: Explanation, *, buyer: NamedBuyer | None = None, every: bool = False) -> Iterator[str]:
    """Its lines. ``every`` shows each attempt of a stage in full, not only the last; ``buyer`` of routing only what
    concerns this one, with every rule.
    """
    for part in _parts(explanation, buyer, every=every):
        for line in map(printable, part.split("\n")):
            yield from folded(line)


def _parts(explanation: Explanation, buyer: NamedBuyer | None, *, every: bool) -> Iterator[str]:
    yield from _heading(explanation)
    if not explanation.decisions:
        yield "\nNothing has been decided about it yet."
    for stage in _STAGES:
        attempts = [one for one in explanation.decisions if one.decision.stage == stage]
        for number, explained in enumerate(attempts, start=1):
            attempt = f", attempt {number} of {len(attempts)}" if len(attempts) > 1 else ""
            yield from _decision(explained, attempt, explanation, buyer, in_full=every or number == len(attempts))
    yield from _others(explanation, buyer)
    for delivery_history in explanation.deliveries:
        if buyer is None or delivery_history.delivery.buyer_id == buyer.buyer_id:
            yield f"\n{'─' * room()}"
            yield from delivery_commands.lines(delivery_history, lambda instant: _local(instant, explanation.subject))


def _heading(explanation: Explanation) -> Iterator[str]:
    subject = explanation.subject
    yield f"Lead {subject.lead_id}: {subject.offer} in {subject.market}, postal code {subject.postal_code}"
    yield f"Received {_local(subject.created_at, subject)} ({subject.timezone}) from {subject.source_key}"
    yield f"Status {_status(explanation)}"
    if subject.released_at is not None:
        yield f"Released from review by a person {_local(subject.released_at, subject)}"


def _status(explanation: Explanation) -> str:
    subject = explanation.subject
    if subject.in_review_since is not None:
        detail = f" ({subject.review_detail})" if subject.review_detail else ""
        since = _local(subject.in_review_since, subject)
        return f"{subject.status}: waits for a person since {since}, {subject.review_reason}{detail}"
    if subject.buyer_id is not None:
        paid = "" if subject.delivered_price is None else f" for {subject.delivered_price} {subject.currency}"
        whose = f"{explanation.buyer} ({subject.buyer_id}){paid}"
        if any(delivery_history.delivery.status in _UNSETTLED for delivery_history in explanation.deliveries):
            return f"{subject.status}: claimed for {whose}, not delivered yet"
        return f"{subject.status}: sold to {whose}"
    if subject.status == "rejected":
        return f"rejected: {subject.rejection_reason}"
    if subject.unrouted_reason is not None and subject.route_again_at is not None:
        again = _local(subject.route_again_at, subject)
        return f"{subject.status}: without a buyer ({subject.unrouted_reason}), tried again at {again}"
    waits = {"received": "waits for validation", "validated": "waits for routing"}
    return f"{subject.status}: {waits.get(subject.status, 'no buyer on record')}"


def _decision(
    explained: Explained, attempt: str, explanation: Explanation, buyer: NamedBuyer | None, *, in_full: bool
) -> Iterator[str]:
    decision = explained.decision
    reason = "" if decision.reason is None else f" ({decision.reason})"
    name = f"{decision.stage.capitalize()}{attempt}: {decision.outcome}{reason}"
    when = _local(decision.decided_at, explanation.subject)
    policy = f"policy {decision.policy_name or decision.policy_id} version {decision.policy_version}"
    if not in_full:
        looked_at = f", buyers considered: {len(explained.verdicts)}" if decision.stage == "routing" else ""
        yield f"\n{name}, {when}{looked_at}, {policy}"
        return
    yield f"\n{'─' * room()}\n{name}"
    yield f"{when}, {policy}"
    if decision.stage == "routing":
        yield from _routing(explained, explanation, buyer)
    else:
        yield from _screening(cast(Any, decision.trace))


def _screening(trace: Sequence[Mapping[str, Any]] | Mapping[str, Any]) -> Iterator[str]:
    """Duplicates leave what they found, validation its checks."""
    checks = trace.get("checks", []) if isinstance(trace, Mapping) else trace
    if isinstance(trace, Mapping):
        yield from (f"  {name}: {shown(value)}" for name, value in trace.items() if name != "checks")
    if checks:
        yield ""
        yield from _checks([Check(**check) for check in checks])


def _checks(checks: Sequence[Check]) -> list[str]:
    rows = [
        ("ok" if check.passed else "NO", check.rule, shown(_value(check), None), shown(check.limit, None))
        for check in checks
    ]
    return columns(("", "RULE", "VALUE", "LIMIT"), rows)


def _value(check: Check) -> Any:
    """What a rule found, with its name where it would look like the rule's own value."""
    named = _FOUND.get(check.rule)
    return {named: check.value} if named and isinstance(check.value, list | tuple) else check.value


def _routing(explained: Explained, explanation: Explanation, buyer: NamedBuyer | None) -> Iterator[str]:
    if explained.why is not None:
        why = explained.why if explained.decision.reason is None else explained.why[0].upper() + explained.why[1:]
        yield f"{why}."
    price = cast(Mapping[str, Any], explained.decision.trace).get("price")
    if price is not None:
        parts = " + ".join(f"{part['component']} {part['amount']}" for part in price["components"])
        yield f"Price {price['amount']} {explanation.subject.currency} = {parts}"
    if buyer is not None:
        own = next((verdict for verdict in explained.verdicts if verdict.buyer_id == buyer.buyer_id), None)
        if own is not None:
            yield from _in_detail(own)
    elif explained.verdicts:
        yield ""
        yield from columns(
            ("BUYER", "VERDICT", "RULE", "VALUE", "LIMIT", "WHY, OR THE SMALLEST CHANGE"),
            [row for verdict in explained.verdicts for row in _rows(verdict)],
        )


def _rows(verdict: BuyerVerdict) -> Iterator[tuple[str, ...]]:
    """A row for each rule that failed, beside the changes it needs; one row where none did."""
    who: tuple[str, str] = (f"{verdict.buyer} ({verdict.buyer_id})", verdict.verdict)
    if verdict.deciding is None:
        yield (*who, "", "", "", verdict.words or "")
    for check in verdict.checks:
        if not check.passed:
            yield (*who, check.rule, shown(_value(check)), shown(check.limit), _changes(verdict, check.rule))
            who = ("", "")


def _changes(verdict: BuyerVerdict, rule: str) -> str:
    if verdict.smallest_changes is None:
        return _TOO_OLD
    own = [change.words for change in verdict.smallest_changes if change.rule == rule]
    return "; ".join(own) if own else "met by the same prepayment"


def _in_detail(verdict: BuyerVerdict) -> Iterator[str]:
    yield f"\n{verdict.buyer} ({verdict.buyer_id}): {verdict.verdict}{f', {verdict.words}' if verdict.words else ''}"
    yield ""
    yield from _checks(verdict.checks)
    if verdict.verdict == "ineligible":
        yield "\nThe smallest change that would have made it eligible:"
        changes = verdict.smallest_changes
        yield from [f"  {_TOO_OLD}"] if changes is None else [f"  {printable(change.words)}" for change in changes]


def _others(explanation: Explanation, buyer: NamedBuyer | None) -> Iterator[str]:
    others, place = explanation.others, explanation.subject.postal_code
    if others is None:
        if buyer is not None:
            yield f"\n{buyer.name} ({buyer.buyer_id}) was not considered: the lead has not been routed."
        return
    change = counterfactuals.area_for(place).words
    if buyer is not None:
        routed = [one for one in explanation.decisions if one.decision.stage == "routing"]
        if all(verdict.buyer_id != buyer.buyer_id for verdict in routed[-1].verdicts):
            yield f"\n{buyer.name} ({buyer.buyer_id}) was not considered: no service area of it covers {place}."
            yield f"The smallest change before its other rules apply: {change}"
    elif others.count:
        names = ", ".join(f"{other.name} ({other.buyer_id})" for other in others.first)
        unnamed = others.count - len(others.first)
        yield f"\nNot considered, as their service areas do not cover {place} ({change}):"
        yield from columns(("",), [(names + (f" and {unnamed} more" if unnamed else ""),)])[1:]


def shown(value: Any, longest: int | None = _LONGEST_SHOWN) -> str:
    """A check's value or limit in one line; cut where it is longer than ``longest``."""
    text = _value_text(value)
    return text if longest is None or len(text) <= longest else text[: longest - 1] + "…"


def _value_text(value: Any) -> str:
    match value:
        case {} | [] | () if not value:
            return "none"
        case Mapping() if (condition := _condition(value)) is not None:
            return condition
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case Mapping():
            return ", ".join(f"{name}: {_value_text(item)}" for name, item in value.items())
        case list() | tuple():
            return f"[{', '.join(_value_text(item) for item in value)}]"
        case str() if _INSTANT.match(value):
            return f"{datetime.fromisoformat(value):%Y-%m-%d %H:%M:%S} UTC"
        case _:
            return printable(str(value))


def _condition(value: Mapping[str, Any]) -> str | None:
    """A condition as a sentence; None where it is none."""
    match value:
        case {"all": [*parts]} if len(value) == 1:
            return " and ".join(map(_part, parts))
        case {"any": [*parts]} if len(value) == 1:
            return " or ".join(map(_part, parts))
        case {"not": part} if len(value) == 1:
            return f"not {_part(part)}"
        case {"field": str(field), **test} if len(test) == 1:
            operator, operand = next(iter(test.items()))
            return f"{printable(field)} {str(operator).replace('_', ' ')} {_value_text(operand)}"
        case _:
            return None


def _part(condition: Any) -> str:
    """A condition inside another, in brackets where it would read otherwise without them."""
    text = _value_text(condition)
    return f"({text})" if isinstance(condition, Mapping) and condition.keys() & {"all", "any"} else text


def _local(instant: datetime, subject: Subject) -> str:
    return f"{instant.astimezone(ZoneInfo(subject.timezone)):%Y-%m-%d %H:%M:%S}"
