"""Screens a batch of received leads, oldest first: duplicates, then validation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import assert_never

from leadgen.kernel.trace import Json, plain
from leadgen.leads.domain.lead import Contact, Lead, LeadStatus
from leadgen.validation.domain import duplicates, rules
from leadgen.validation.domain.duplicates import Duplicate, Match, NotDuplicate, Prior, Search
from leadgen.validation.domain.extraction import observe
from leadgen.validation.domain.observations import NOTHING_LOOKED_UP, LookedUp, Observations
from leadgen.validation.domain.policy import ValidationPolicy
from leadgen.validation.domain.rules import Held, Rejected, Validated


@dataclass(frozen=True)
class ScreeningRequest:
    """A received lead, its policy, and what duplicate detection looks for.

    ``fields`` are the lead's own as they are stored, and its attributes as ``attributes.<name>``.
    """

    lead: Lead
    contact: Contact
    policy: ValidationPolicy
    search: Search | NotDuplicate
    fields: Mapping[str, object] = field(default_factory=dict)
    looked_up: LookedUp = NOTHING_LOOKED_UP


@dataclass(frozen=True)
class Screened:
    """The decisions on one lead. ``found`` is the latest match within the batch and the latest outside it, where there
    are any; ``observations`` and ``validation`` are None for a duplicate that the policy rejects.
    """

    request: ScreeningRequest
    found: tuple[Match, ...]
    duplicate: Duplicate | NotDuplicate
    observations: Observations | None
    validation: Validated | Rejected | Held | None

    @property
    def status(self) -> LeadStatus:
        """The state the lead moves to, or stays in while a person looks at it."""
        match self.validation:
            case Validated():
                return "validated"
            case Held():
                return "received"
            case Rejected() | None:
                return "rejected"
            case _:
                assert_never(self.validation)

    @property
    def reason(self) -> str | None:
        """Why it is rejected, or None."""
        match self.validation:
            case Validated() | Held():
                return None
            case Rejected(reason=reason):
                return reason
            case None:
                assert isinstance(self.duplicate, Duplicate)
                return self.duplicate.reason_code
            case _:
                assert_never(self.validation)


@dataclass(frozen=True)
class Deferred:
    """No decision yet, and nothing changed: ``mail_domain_unknown`` (no resolver answered whether it takes mail), or
    ``earlier_lead_undecided`` (the same person's lead before it waits for that).
    """

    request: ScreeningRequest
    why: str


@dataclass(frozen=True)
class RecordedVerdict:
    """A decision as its record has it."""

    outcome: str
    reason: str | None
    trace: Json


def screen(requests: Sequence[ScreeningRequest], stored: Mapping[int, Match]) -> list[Screened | Deferred]:
    """Decide a batch. ``stored`` is the latest match outside the batch, by lead id; those inside are found here,
    where what became of each is known.
    """
    screened: list[Screened | Deferred] = []
    priors: list[Prior] = []
    undecided: set[int] = set()
    for request in sorted(requests, key=lambda r: (r.lead.created_at, r.lead.lead_id)):
        lead = request.lead
        result = _screen(request, stored.get(lead.lead_id), priors, undecided)
        screened.append(result)
        if isinstance(result, Deferred):
            undecided.add(lead.lead_id)
        status = "received" if isinstance(result, Deferred) else result.status
        priors.append(Prior(lead.lead_id, lead.created_at, status, lead.source_id, lead.offer_id, request.contact))
    return screened


def _screen(
    request: ScreeningRequest, stored: Match | None, priors: Sequence[Prior], undecided: set[int]
) -> Screened | Deferred:
    found: tuple[Match, ...] = ()
    duplicate: Duplicate | NotDuplicate
    if isinstance(request.search, NotDuplicate):
        duplicate = request.search
    else:
        # Whatever becomes of an undecided lead, it may be the one that counts.
        whatever = replace(request.search, exclude_statuses=())
        if any(prior.lead_id in undecided and duplicates.matches(whatever, prior) for prior in priors):
            return Deferred(request, "earlier_lead_undecided")
        matches = (duplicates.matches(request.search, prior) for prior in reversed(priors))
        inside = next((match for match in matches if match is not None), None)  # the latest, and only that one counts
        found = tuple(match for match in (inside, stored) if match is not None)
        duplicate = duplicates.judge(request.policy.detection, found)
    if isinstance(duplicate, Duplicate) and duplicate.action == "reject":
        return Screened(request, found, duplicate, None, None)
    seen = observe(
        request.policy, request.lead, request.fields, request.looked_up, is_duplicate=isinstance(duplicate, Duplicate)
    )
    if not rules.is_known_to_take_mail(request.policy, seen):
        return Deferred(request, "mail_domain_unknown")
    return Screened(request, found, duplicate, seen, rules.validate(request.policy, seen))


def duplicate_verdict(duplicate: Duplicate | NotDuplicate) -> RecordedVerdict:
    """The record of the duplicates stage."""
    match duplicate:
        case Duplicate(action=action, reason_code=code):
            return RecordedVerdict(f"duplicate_{action}", code, plain(duplicate))
        case NotDuplicate(why=why):
            return RecordedVerdict("not_duplicate", why, plain(duplicate))
        case _:
            assert_never(duplicate)


def validation_verdict(decision: rules.Decision) -> RecordedVerdict:
    """The record of the validation stage."""
    checks = plain(decision.checks)
    match decision:
        case Validated():
            return RecordedVerdict("validated", None, checks)
        case Rejected(reason=reason):
            return RecordedVerdict("rejected", reason, checks)
        case Held(reason=reason):
            return RecordedVerdict("held", reason, checks)
        case _:
            assert_never(decision)


def verify_duplicates(recorded: Json) -> RecordedVerdict:
    """What the duplicates stage's recorded inputs lead to."""
    return duplicate_verdict(duplicates.decide_recorded(recorded))


def verify_validation(recorded: Json) -> RecordedVerdict:
    """What the validation stage's recorded inputs lead to."""
    return validation_verdict(rules.decide_recorded(recorded))
