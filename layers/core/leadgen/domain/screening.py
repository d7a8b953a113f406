"""What becomes of received leads: duplicates first, then validation, the oldest lead first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from leadgen.domain import duplicates, validation
from leadgen.domain.duplicates import Duplicate, Match, NotDuplicate, Prior, Search
from leadgen.domain.lead import Contact, Lead
from leadgen.domain.policies import LeadStatus, ValidationPolicy
from leadgen.domain.validation import Rejected, Validated


@dataclass(frozen=True)
class Request:
    """A received lead, its policy, and what duplicate detection looks for."""

    lead: Lead
    contact: Contact
    policy: ValidationPolicy
    search: Search | NotDuplicate


@dataclass(frozen=True)
class Screened:
    """The decisions on one lead. ``found`` is the latest match within the batch and the latest outside it, where there
    are any; ``validation`` is None for a duplicate that the policy rejects.
    """

    request: Request
    found: tuple[Match, ...]
    duplicate: Duplicate | NotDuplicate
    validation: Validated | Rejected | None

    @property
    def status(self) -> LeadStatus:
        """The state the lead moves to."""
        return "validated" if isinstance(self.validation, Validated) else "rejected"

    @property
    def reason(self) -> str | None:
        """Why it is rejected, or None."""
        match self.validation:
            case Validated():
                return None
            case Rejected(reason=reason):
                return reason
            case None:
                assert isinstance(self.duplicate, Duplicate)
                return self.duplicate.reason_code


def screen_in_turn(requests: Sequence[Request], stored: Mapping[int, Match]) -> list[Screened]:
    """Decide a batch. ``stored`` is the latest match outside the batch, by lead id; those inside are found here,
    where what became of each is known.
    """
    screened: list[Screened] = []
    priors: list[Prior] = []
    for request in sorted(requests, key=lambda r: (r.lead.created_at, r.lead.lead_id)):
        result = _screen(request, stored.get(request.lead.lead_id), priors)
        screened.append(result)
        lead = request.lead
        priors.append(
            Prior(lead.lead_id, lead.created_at, result.status, lead.source_id, lead.offer_id, request.contact)
        )
    return screened


def _screen(request: Request, stored: Match | None, priors: Sequence[Prior]) -> Screened:
    found: tuple[Match, ...] = ()
    duplicate: Duplicate | NotDuplicate
    if isinstance(request.search, NotDuplicate):
        duplicate = request.search
    else:
        matches = (duplicates.matches(request.search, prior) for prior in reversed(priors))
        inside = next((match for match in matches if match is not None), None)  # the latest, and only that one counts
        found = tuple(match for match in (inside, stored) if match is not None)
        duplicate = duplicates.judge(request.policy.detection, found)
    if isinstance(duplicate, Duplicate) and duplicate.action == "reject":
        return Screened(request, found, duplicate, None)
    return Screened(request, found, duplicate, validation.validate(request.policy, request.lead))
