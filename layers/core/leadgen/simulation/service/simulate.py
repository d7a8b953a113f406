"""Decides recorded leads again under draft policies, and reports what would change for leads and money."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from psycopg import Connection
from pydantic import ValidationError

from leadgen.configuration.domain.yaml_reader import Problem
from leadgen.configuration.service.apply import ConfigurationInvalid
from leadgen.kernel.errors import PolicyInvalid
from leadgen.routing.domain import inputs as routing_inputs
from leadgen.routing.domain import track_records
from leadgen.simulation.domain import revalidation, simulation
from leadgen.simulation.domain.simulation import (
    PolicyDraft,
    RoutingAttempt,
    SimulatedSale,
    Simulation,
    SimulationOutcome,
)
from leadgen.simulation.domain.track_records import TrackRecords
from leadgen.simulation.service import drafts as service
from leadgen.simulation.service.drafts import OfferDraft
from leadgen.simulation.store import history
from leadgen.simulation.store.history import KnownOffer, RecordedRejection, RecordedRouting
from leadgen.validation.domain.policy import ValidationPolicy

OnProgress = Callable[[int, int], None]
"""Called as the work goes on, with how many decisions are done and how many there are."""


@dataclass(frozen=True)
class Scope:
    """What is simulated: a time, and the offer of this name (in this market), or all."""

    since: datetime
    until: datetime
    offer: str | None = None
    market: str | None = None


@dataclass(frozen=True)
class Report:
    """What a simulation came to, with the names of the buyers and offers in it by id.

    ``unreadable`` are decisions recorded in a form that is not read any more; they are left as they were.
    ``now_valid`` are leads that validation turned away and a draft of it would let pass: not routed, because nothing is
    recorded of their buyers. ``unanswered`` is by rule of such a draft for how many leads the record could not
    answer them.
    """

    since: datetime
    until: datetime
    drafted: tuple[str, ...]
    outcome: SimulationOutcome
    unreadable: int
    now_valid: int
    unanswered: Mapping[str, int]
    buyers: Mapping[int, str]
    offers: Mapping[int, str]


def simulate(
    conn: Connection[Any], scope: Scope, policy: Path | None, environ: Mapping[str, str], on_progress: OnProgress
) -> Report:
    """Simulate the policies of a file, or without one those of the time. ``conn`` is in autocommit.

    Reads one snapshot and writes nothing. Raises ConfigurationInvalid.
    """
    with conn.transaction():
        history.read_only(conn)
        known = history.offers(conn)
        named = _named(known, scope)
        drafted = [] if policy is None else _in_scope(service.read(conn, policy, environ), named, scope)
        offer_ids = {draft.offer.offer_id for draft in drafted} if drafted else named
        run = Simulation({d.offer.offer_id: _draft(conn, d, scope.since) for d in drafted if d.routing is not None})
        rules = {draft.offer.offer_id: draft.validation for draft in drafted if draft.validation is not None}
        screening = _Screening(rules)
        unreadable = _run(conn, run, scope, offer_ids, screening, on_progress)
        outcome = run.outcome()
        return Report(
            since=scope.since,
            until=scope.until,
            drafted=tuple(draft.offer.name for draft in drafted),
            outcome=outcome,
            unreadable=unreadable,
            now_valid=_now_valid(conn, scope, screening) if rules else 0,
            unanswered=dict(sorted(screening.unanswered.items())),
            buyers=history.buyer_names(conn, {buyer_id for buyer_id, _ in outcome.buyers}),
            offers={offer.offer_id: offer.name for offer in known},
        )


def _named(known: Sequence[KnownOffer], scope: Scope) -> set[int] | None:
    """The offers the scope names; None for all."""
    if scope.offer is None and scope.market is None:
        return None
    found = {
        offer.offer_id for offer in known if scope.offer in (None, offer.name) and scope.market in (None, offer.market)
    }
    if not found:
        problem = " ".join(
            f"--{name} {value!r}" for name, value in (("offer", scope.offer), ("market", scope.market)) if value
        )
        there = ", ".join(f"{offer.name!r} in {offer.market!r}" for offer in known) or "none"
        raise ConfigurationInvalid([Problem(problem, None, "", f"the database has no such offer; there are {there}")])
    return found


def _in_scope(drafted: Sequence[OfferDraft], named: Collection[int] | None, scope: Scope) -> list[OfferDraft]:
    chosen = [draft for draft in drafted if named is None or draft.offer.offer_id in named]
    if not chosen:
        there = ", ".join(repr(draft.offer.name) for draft in drafted)
        raise ConfigurationInvalid(
            [Problem("--policy", None, "", f"drafts nothing for the offers named; it drafts {there}")]
        )
    return chosen


def _draft(conn: Connection[Any], draft: OfferDraft, since: datetime) -> PolicyDraft:
    assert draft.routing is not None
    terms = track_records.lookback_terms(draft.routing)
    if not terms.anything:
        return PolicyDraft(draft.routing)
    # A decision is recorded a little after the instant it was made at.
    past = history.past(conn, draft.offer.offer_id, since=since - terms.longest - timedelta(days=1))
    return PolicyDraft(draft.routing, TrackRecords(terms, past))


def _run(
    conn: Connection[Any],
    run: Simulation,
    scope: Scope,
    offer_ids: Collection[int] | None,
    screening: "_Screening",
    on_progress: OnProgress,
) -> int:
    """Decide everything in the scope again; how many decisions could not be read."""
    part = history.record_span(conn, since=scope.since, until=scope.until, offer_ids=offer_ids)
    if part is None:
        return 0
    done = unreadable = 0
    on_progress(done, part.decisions)
    for chunk in history.routings(conn, part, offer_ids=offer_ids):
        validated = history.validations(conn, {r.lead_id for r in chunk}) if screening.drafts else {}
        for recorded in chunk:
            try:
                inputs = routing_inputs.read_routing(recorded.inputs)
                refused = screening.refused(inputs.facts.offer.offer_id, validated.get(recorded.lead_id))
            except (ValidationError, PolicyInvalid):
                unreadable += 1
                continue
            run.decide(RoutingAttempt(recorded.lead_id, inputs, _result(recorded), refused))
        done += len(chunk)
        on_progress(done, part.decisions)
    return unreadable


class _Screening:
    """The drafts of validation, by offer id. ``unanswered`` counts, by rule, what the record could not answer."""

    def __init__(self, drafts: Mapping[int, ValidationPolicy]) -> None:
        self.drafts = drafts
        self.unanswered: Counter[str] = Counter()

    def refused(self, offer_id: int, validated: str | None) -> str | None:
        """Why a draft would not have let a lead be routed; a lead without a record of validation passes."""
        if validated is None or offer_id not in self.drafts:
            return None
        again = revalidation.validate_again(validated, self.drafts[offer_id])
        self.unanswered.update(again.unanswered)
        return None if again.refused is None else f"invalid: {again.refused}"


def _now_valid(conn: Connection[Any], scope: Scope, screening: _Screening) -> int:
    chunks = history.rejections(conn, since=scope.since, until=scope.until, offer_ids=screening.drafts)
    return sum(_passes(rejected, screening) for chunk in chunks for rejected in chunk)


def _passes(rejected: RecordedRejection, screening: _Screening) -> bool:
    try:
        return screening.refused(rejected.offer_id, rejected.inputs) is None
    except (ValidationError, PolicyInvalid):
        return False


def _result(recorded: RecordedRouting) -> simulation.RoutingResult:
    if recorded.buyer_id is None or recorded.buyer_offer_id is None or recorded.price is None:
        return recorded.reason or ""
    return SimulatedSale(recorded.buyer_id, recorded.buyer_offer_id, recorded.price)
