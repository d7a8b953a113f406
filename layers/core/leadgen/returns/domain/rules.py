"""Applies every rule of a return policy to a request, and records each."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Literal, get_args

from pydantic import Field, ValidationError

from leadgen.kernel.errors import Refusal
from leadgen.kernel.model import Model
from leadgen.kernel.model_errors import describe
from leadgen.kernel.text import StorableText
from leadgen.kernel.trace import Check, Json, plain
from leadgen.receivables.domain.return_reasons import Reason
from leadgen.returns.domain.policy import Quota, ReturnPolicy
from leadgen.returns.domain.proof import Proof

REASONS: tuple[str, ...] = get_args(Reason)

# What an operator may do without: the buyer and the lead are what they are for everybody.
_OVERRIDABLE = frozenset({"policy", "reason", "window", "quota"})


class ReturnRequest(Model):
    """The request of who gives a lead back. An operator's ``note`` is its remark, without which it is refused."""

    reason: Reason
    note: Annotated[StorableText, Field(min_length=1, max_length=1000)] | None = None


class ReturnVerdict(Model):
    """An operator's decision on a return that waits."""

    verdict: Literal["approve", "reject"]
    remark: Annotated[StorableText, Field(min_length=1, max_length=1000)]


def read_request(fields: Mapping[str, object]) -> ReturnRequest:
    """A posted return. Raises Refusal 400."""
    try:
        return ReturnRequest.model_validate(dict(fields))
    except ValidationError as error:
        raise Refusal(400, "invalid_request", describe(error, whole="the return")) from None


def read_verdict(fields: Mapping[str, object]) -> ReturnVerdict:
    """A posted verdict. Raises Refusal 400."""
    try:
        return ReturnVerdict.model_validate(dict(fields))
    except ValidationError as error:
        raise Refusal(
            400, "invalid_request", describe(error, whole="the verdict"), {"verdicts": ["approve", "reject"]}
        ) from None


@dataclass(frozen=True)
class Sale:
    """A lead as its return is judged. ``buyer_id`` is who has it, ``taken_at`` since when;
    ``return_status`` is the state of the return that it has, if any. ``given_back`` are the returns of
    its buyer, offer and billing cycle that are approved or wait; ``billed`` the leads billed in that cycle.
    """

    lead_id: int
    buyer_id: int | None
    is_sold: bool
    is_refunded: bool
    taken_at: datetime | None
    return_status: str | None
    given_back: int
    billed: int


@dataclass(frozen=True)
class Decision:
    """Whether a lead may be given back, by which rules, and whether that needs nobody's word. ``overridden`` are the
    rules that failed and that an operator did without.
    """

    checks: tuple[Check, ...]
    overridden: tuple[str, ...]
    proof: Proof | None
    is_approved: bool

    @property
    def failed(self) -> tuple[str, ...]:
        """The rules that keep it from being given back."""
        return tuple(check.rule for check in self.checks if not check.passed and check.rule not in self.overridden)

    @property
    def trace(self) -> Json:
        """The record of it."""
        return plain({"checks": self.checks, "overridden": self.overridden, "proof": self.proof})


def decide(
    wanted: ReturnRequest,
    sale: Sale,
    policy: ReturnPolicy | None,
    proof: Proof | None,
    *,
    requested_by: int | None,
    now: datetime,
) -> Decision:
    """Hold every rule. ``requested_by`` is the buyer who requests it, None an operator, who may do without some.
    A buyer's return needs no operator where the policy allows it and the platform's records prove it; an operator's
    is one.
    """
    by_operator = requested_by is None
    checks = [
        Check("sold", sale.is_sold, True, sale.is_sold),
        Check("own", sale.buyer_id, requested_by, by_operator or sale.buyer_id == requested_by),
        Check("not_returned", "refunded" if sale.is_refunded else sale.return_status, None,
              not sale.is_refunded and sale.return_status is None),
        Check("policy", policy is not None, True, policy is not None),
    ]  # fmt: skip
    if policy is not None:
        checks.append(Check("reason", wanted.reason, list(policy.reasons), wanted.reason in policy.reasons))
        if sale.taken_at is not None:
            until = sale.taken_at + timedelta(hours=policy.window_hours)
            checks.append(Check("window", plain(now), plain(until), now <= until))
        if policy.quota is not None:
            most = allowed(policy.quota, sale.billed)
            checks.append(Check("quota", sale.given_back + 1, most, sale.given_back < most))
    overridden = tuple(
        check.rule for check in checks if by_operator and not check.passed and check.rule in _OVERRIDABLE
    )
    fails = any(not check.passed and check.rule not in overridden for check in checks)
    proven = policy is not None and wanted.reason in policy.auto_approve and proof is not None and proof.holds
    return Decision(tuple(checks), overridden, proof, is_approved=not fails and (by_operator or proven))


def allowed(quota: Quota, billed: int) -> int:
    """How many returns a quota allows where so many leads were billed in the cycle."""
    return int(quota.value if quota.type == "count" else Decimal(billed) * quota.value / 100)


_WHY: Mapping[str, tuple[int, str]] = {
    "sold": (409, "was not sold: only what its buyer has taken is given back"),
    "own": (404, ""),
    "not_returned": (409, "is given back already, or its return waits"),
    "policy": (409, "may not be given back: its offer has no return policy, and only an operator may return it"),
    "reason": (409, "may not be given back for this reason"),
    "window": (409, "may not be given back any more: its time is over"),
    "quota": (409, "may not be given back: more than the quota of this billing cycle; ask the seller"),
}
_CODES = {"sold": "lead_not_sold", "not_returned": "already_returned"}


def refuse(decision: Decision, sale: Sale) -> None:
    """Refuse a return by its first rule that fails. Raises Refusal 404 for another's lead, else 409 with the rules."""
    if not decision.failed:
        return
    if "own" in decision.failed:
        raise no_lead(sale.lead_id)
    rule = decision.failed[0]
    status, why = _WHY[rule]
    details = {"rule": rule, "state": sale.return_status, "checks": plain(decision.checks)}
    raise Refusal(status, _CODES.get(rule, "return_not_allowed"), f"lead {sale.lead_id} {why}", details)


def no_lead(lead_id: int) -> Refusal:
    """The message for a lead that there is none of, for this caller."""
    return Refusal.missing("lead", lead_id)
