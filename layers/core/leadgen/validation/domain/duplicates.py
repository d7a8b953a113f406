"""The Duplicate Detection Contract: whether a lead matches an earlier one within the policy's window."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from leadgen.kernel.trace import Json, plain, read
from leadgen.leads.domain.lead import Contact, Lead, LeadStatus
from leadgen.validation.domain.policy import DuplicateDetection


@dataclass(frozen=True)
class Search:
    """What to look for. A prior lead is earlier by (created_at, lead_id); the window ends where this lead begins.

    ``phone`` and ``email`` are the normalized values of the policy's keys, None where the policy does not use the key
    or the lead has no such value.
    """

    lead_id: int
    offer_id: int
    source_id: int | None
    since: datetime
    created_at: datetime
    phone: str | None
    email: str | None
    match_all: bool
    exclude_statuses: tuple[LeadStatus, ...]


@dataclass(frozen=True)
class Prior:
    """An earlier lead that may match."""

    lead_id: int
    created_at: datetime
    status: LeadStatus
    source_id: int
    offer_id: int
    contact: Contact


@dataclass(frozen=True)
class Match:
    """The most recent prior lead that matches, and by which keys."""

    lead_id: int
    created_at: datetime
    keys: tuple[str, ...]


WhyNot = Literal["disabled", "missing_fields", "no_match"]


@dataclass(frozen=True)
class NotDuplicate:
    """``why`` is ``disabled``, ``missing_fields`` (the check needs what the lead has not) or ``no_match``."""

    why: WhyNot


@dataclass(frozen=True)
class Duplicate:
    """The policy's action on a match."""

    action: Literal["reject", "flag", "accept"]
    reason_code: str
    matched_lead_id: int
    keys: tuple[str, ...]


def search_for(
    policy: DuplicateDetection, lead: Lead, contact: Contact, *, default_window_hours: int
) -> Search | NotDuplicate:
    """What to search for, or why there is nothing to search."""
    if not policy.enabled:
        return NotDuplicate("disabled")
    present = {
        "phone": contact.normalized_phone,
        "email": contact.normalized_email,
    }
    if any(present[field] is None for field in policy.min_fields):
        return NotDuplicate("missing_fields")
    sought = {key: present[key] for key in policy.keys}
    found = [value is not None for value in sought.values()]
    if not (all(found) if policy.match_mode == "all" else any(found)):
        return NotDuplicate("missing_fields")
    return Search(
        lead_id=lead.lead_id,
        offer_id=lead.offer_id,
        source_id=lead.source_id if policy.include_sources == "same_source_only" else None,
        since=lead.created_at - timedelta(hours=policy.window_hours or default_window_hours),
        created_at=lead.created_at,
        phone=sought.get("phone"),
        email=sought.get("email"),
        match_all=policy.match_mode == "all",
        exclude_statuses=policy.exclude_statuses,
    )


def matches(search: Search, prior: Prior) -> Match | None:
    """Whether one prior lead is what is searched for; the store tests the same of every stored lead in SQL."""
    if (prior.created_at, prior.lead_id) >= (search.created_at, search.lead_id) or prior.created_at < search.since:
        return None
    if prior.offer_id != search.offer_id or prior.status in search.exclude_statuses:
        return None
    if search.source_id is not None and prior.source_id != search.source_id:
        return None
    sought = {"phone": search.phone, "email": search.email}
    held = {"phone": prior.contact.normalized_phone, "email": prior.contact.normalized_email}
    keys = tuple(key for key, value in sought.items() if value is not None and held[key] == value)
    wanted = sum(value is not None for value in sought.values())
    if not keys or (search.match_all and len(keys) < wanted):
        return None
    return Match(prior.lead_id, prior.created_at, keys)


def judge(policy: DuplicateDetection, found: Sequence[Match]) -> Duplicate | NotDuplicate:
    """The contract's output for the matches found: the most recent one counts."""
    if not found:
        return NotDuplicate("no_match")
    latest = max(found, key=lambda match: (match.created_at, match.lead_id))
    return Duplicate(policy.action, policy.reason_code, latest.lead_id, latest.keys)


@dataclass(frozen=True)
class Inputs:
    """What the record of the decision keeps: enough to decide again, without the values that were looked for.

    ``present`` names those that there were; ``skipped`` is why nothing was searched.
    """

    policy: Json
    since: datetime | None
    present: tuple[str, ...]
    skipped: WhyNot | None
    found: tuple[Match, ...]


def inputs(
    policy: DuplicateDetection, contact: Contact, search: Search | NotDuplicate, found: Sequence[Match]
) -> Inputs:
    """The inputs of a decision, for its record."""
    present = {"phone": contact.normalized_phone, "email": contact.normalized_email}
    return Inputs(
        policy=plain(policy.model_dump(mode="json", exclude_unset=True)),
        since=search.since if isinstance(search, Search) else None,
        present=tuple(key for key, value in present.items() if value),
        skipped=search.why if isinstance(search, NotDuplicate) else None,
        found=tuple(found),
    )


def decide_recorded(recorded: Json) -> Duplicate | NotDuplicate:
    """The decision that recorded inputs lead to. Raises ValidationError on inputs that are none."""
    again = read(Inputs, recorded)
    if again.skipped is not None:
        return NotDuplicate(again.skipped)
    return judge(DuplicateDetection.model_validate_json(json.dumps(again.policy)), again.found)
