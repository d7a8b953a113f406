"""What-if: recorded leads decided again under a draft policy, with caps, money and rotations carried through time.

A recorded decision holds every candidate as it was configured and as it stood at that instant. The simulation takes it
at its word and adds only the difference: what it has claimed so far, less what was claimed in truth. Payments,
billing and changes of the configuration are in the record by themselves, and under the policies of the time every
difference is nothing: the record comes out again.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from leadgen.kernel import calendar
from leadgen.kernel.calendar import PERIODS, CapPeriods, Period
from leadgen.leads.domain import retention
from leadgen.routing.domain import decision, disposition, rotation, track_records
from leadgen.routing.domain.eligibility import UNUSED, TrackRecord, Usage, Used
from leadgen.routing.domain.inputs import RoutingInputs
from leadgen.routing.domain.policy import RoutingPolicy
from leadgen.routing.domain.rotation import Rotation, RotationKey
from leadgen.routing.domain.strategies import Candidate
from leadgen.simulation.domain.track_records import TrackRecords


@dataclass(frozen=True)
class SimulatedSale:
    """A lead's buyer, and what it pays."""

    buyer_id: int
    buyer_offer_id: int
    price: Decimal


RoutingResult = SimulatedSale | str
"""A lead's sale, or the reason why it is unsold."""


@dataclass(frozen=True)
class RoutingAttempt:
    """A recorded decision to route a lead. ``refused`` is why a draft of the validation would not have let it pass."""

    lead_id: int
    inputs: RoutingInputs
    recorded: RoutingResult
    refused: str | None = None


@dataclass(frozen=True)
class PolicyDraft:
    """The policy an offer is simulated under; ``past`` counts the track records that it needs."""

    policy: RoutingPolicy
    past: TrackRecords | None = None


@dataclass(frozen=True)
class BuyerChange:
    """A lead that has another buyer than on record, or none instead of one, or one instead of none."""

    lead_id: int
    offer_id: int
    currency: str
    recorded: RoutingResult
    simulated: RoutingResult


@dataclass(frozen=True)
class Sum:
    """Leads sold, and their prices together."""

    leads: int = 0
    money: Decimal = Decimal(0)

    def plus(self, price: Decimal) -> "Sum":
        """One lead more."""
        return Sum(self.leads + 1, self.money + price)


@dataclass(frozen=True)
class Compared:
    """The record against the draft."""

    recorded: Sum = Sum()
    simulated: Sum = Sum()


@dataclass(frozen=True)
class SimulationOutcome:
    """What a simulation came to.

    ``buyers`` are by buyer id and currency, ``unsold`` by reason: on record, and under the draft. ``repriced`` are the
    leads that keep their buyer at another price.
    """

    leads: int
    attempts: int
    buyers: Mapping[tuple[int, str], Compared]
    unsold: Mapping[str, tuple[int, int]]
    repriced: int
    changes: tuple[BuyerChange, ...]


@dataclass
class _Course:
    """A lead between its attempts. ``is_over``: in the simulation it is sold or given up, and tried no more."""

    offer_id: int
    currency: str
    recorded: RoutingResult = ""
    simulated: RoutingResult = ""
    first_unrouted_at: datetime | None = None
    is_over: bool = False


@dataclass
class _Tally:
    recorded: Sum = field(default_factory=Sum)
    simulated: Sum = field(default_factory=Sum)


class Simulation:
    """Takes the recorded attempts in the order in which they were decided. ``drafts`` are by offer id.

    A lead that was given back by its buyer is counted each time it was sold.
    An offer without a draft is decided under the policies of the time. A lead is tried when the record tried it, and no
    more once it is sold or given up in the simulation: what a further attempt would have found, nobody has recorded.
    """

    def __init__(self, drafts: Mapping[int, PolicyDraft]) -> None:
        self._drafts = drafts
        self._courses: dict[int, _Course] = {}
        self._carried = _Carried()
        self._differing: dict[int, list[tuple[SimulatedSale | None, int, CapPeriods]]] = defaultdict(list)
        self._rotations: dict[int, dict[RotationKey, Rotation]] = defaultdict(dict)
        self._last_used: dict[tuple[int, RotationKey], datetime] = {}
        self._buyers: dict[tuple[int, str], _Tally] = defaultdict(_Tally)
        self._unsold: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
        self._changes: list[BuyerChange] = []
        self._leads = self._attempts = self._repriced = 0

    def decide(self, attempt: RoutingAttempt) -> None:
        """Decide one recorded attempt again."""
        facts = attempt.inputs.facts
        rotations = self._rotations[facts.offer.offer_id]
        for recorded in facts.rotations:
            # From where the record first shows a rotation, the simulation goes on with its own; one that had no
            # lead for so long that it was forgotten is shown anew.
            last = self._last_used.get((facts.offer.offer_id, recorded.key))
            if recorded.key not in rotations or (last is not None and attempt.inputs.now - last >= retention.ROTATION):
                rotations[recorded.key] = recorded
        self._give_back(attempt.lead_id)
        course = self._courses.setdefault(attempt.lead_id, _Course(facts.offer.offer_id, facts.offer.currency))
        claimed = None if course.is_over else self._try(attempt, course)
        course.recorded = attempt.recorded
        self._attempts += 1
        taken = attempt.recorded if isinstance(attempt.recorded, SimulatedSale) else None
        if claimed != taken:
            periods = calendar.cap_periods(attempt.inputs.now, facts.offer.timezone)
            for sale, leads in ((claimed, 1), (taken, -1)):
                self._carried.add(sale, leads, periods)
                self._differing[attempt.lead_id].append((sale, leads, periods))
        if taken is not None:
            self._close(attempt.lead_id, self._courses.pop(attempt.lead_id))

    def _give_back(self, lead_id: int) -> None:
        """A lead that the record routes again after a sale was given back by its buyer: so it was in the simulation."""
        if lead_id not in self._courses and lead_id in self._differing:
            for sale, leads, periods in self._differing.pop(lead_id):
                self._carried.add(sale, -leads, periods)

    def outcome(self) -> SimulationOutcome:
        """What came of all attempts taken so far; nothing can be decided after that."""
        for lead_id, course in self._courses.items():
            self._close(lead_id, course)
        self._courses.clear()
        on_record, drafted = self._unsold
        return SimulationOutcome(
            leads=self._leads,
            attempts=self._attempts,
            buyers={key: Compared(tally.recorded, tally.simulated) for key, tally in sorted(self._buyers.items())},
            unsold={reason: (on_record[reason], drafted[reason]) for reason in sorted({*on_record, *drafted})},
            repriced=self._repriced,
            changes=tuple(sorted(self._changes, key=lambda change: change.lead_id)),
        )

    def _try(self, attempt: RoutingAttempt, course: _Course) -> SimulatedSale | None:
        """Decide for a lead that has no buyer yet; what is claimed for it."""
        inputs = attempt.inputs
        if attempt.refused is not None:
            course.simulated, course.is_over = attempt.refused, True
            return None
        offer_id = inputs.facts.offer.offer_id
        draft = self._drafts.get(offer_id)
        policy = inputs.policy if draft is None else draft.policy
        facts = self._carried.into(inputs)
        if draft is not None and draft.past is not None:
            facts = replace(
                facts, candidates=tuple(_remembered(c, inputs, draft, draft.past) for c in facts.candidates)
            )
        settled = decision.settle(policy, facts, self._rotations[offer_id], now=inputs.now)
        if not isinstance(settled, decision.Settled):
            course.simulated = settled
            first = course.first_unrouted_at = course.first_unrouted_at or inputs.now
            course.is_over = disposition.is_given_up(policy, settled, first_unrouted_at=first, now=inputs.now)
            return None
        winner = settled.winner.enrollment
        if settled.rotation is not None:
            used_rotation = rotation.after(settled.rotation, winner.buyer_offer_id)
            self._rotations[offer_id][used_rotation.key] = used_rotation
            self._last_used[offer_id, used_rotation.key] = inputs.now
        sale = SimulatedSale(winner.buyer_id, winner.buyer_offer_id, settled.price)
        course.simulated, course.is_over = sale, True
        return sale

    def _close(self, lead_id: int, course: _Course) -> None:
        """Count a lead of which the record holds no more."""
        recorded, simulated = course.recorded, course.simulated
        self._leads += 1
        if isinstance(recorded, SimulatedSale):
            tally = self._buyers[recorded.buyer_id, course.currency]
            tally.recorded = tally.recorded.plus(recorded.price)
        else:
            self._unsold[0][recorded] += 1
        if isinstance(simulated, SimulatedSale):
            tally = self._buyers[simulated.buyer_id, course.currency]
            tally.simulated = tally.simulated.plus(simulated.price)
        else:
            self._unsold[1][simulated] += 1
        if _buyer(recorded) != _buyer(simulated):
            self._changes.append(BuyerChange(lead_id, course.offer_id, course.currency, recorded, simulated))
        elif recorded != simulated and isinstance(recorded, SimulatedSale):
            self._repriced += 1


def _buyer(result: RoutingResult) -> int | None:
    return result.buyer_id if isinstance(result, SimulatedSale) else None


def _remembered(candidate: Candidate, inputs: RoutingInputs, draft: PolicyDraft, past: TrackRecords) -> Candidate:
    """With the track record that the draft needs: the recorded one where the policy of the time needed the same."""
    asked, wanted = track_records.lookback_terms(inputs.policy), track_records.lookback_terms(draft.policy)
    recorded = candidate.usage.record
    counted = past.at(candidate.enrollment.buyer_offer_id, inputs.now)
    same_answers = asked.answers_within == wanted.answers_within
    same_deliveries = (asked.deliveries_within, asked.patience) == (wanted.deliveries_within, wanted.patience)
    answers, deliveries = recorded if same_answers else counted, recorded if same_deliveries else counted
    record = TrackRecord(answers.answered, answers.accepted, deliveries.delivered, deliveries.on_time)
    return Candidate(candidate.enrollment, replace(candidate.usage, record=record))


class _Carried:
    """What the simulation has claimed more than the record, or less."""

    def __init__(self) -> None:
        self._used: dict[int, dict[tuple[Period, datetime], Used]] = defaultdict(dict)
        self._money: dict[int, Decimal] = defaultdict(Decimal)

    def add(self, sale: SimulatedSale | None, leads: int, periods: CapPeriods) -> None:
        """Count a claim of the simulation (1) or of the record (-1)."""
        if sale is None:
            return
        amount = sale.price * leads
        self._money[sale.buyer_id] += amount
        used = self._used[sale.buyer_offer_id]
        for period in PERIODS:
            key = period, getattr(periods, period)
            so_far = used.get(key, UNUSED)
            used[key] = Used(so_far.leads + leads, so_far.amount + amount)

    def into(self, inputs: RoutingInputs) -> decision.Facts:
        """The recorded facts with what differs in the simulation."""
        facts = inputs.facts
        if not self._money:
            return facts
        periods = calendar.cap_periods(inputs.now, facts.offer.timezone)
        starts = [(period, getattr(periods, period)) for period in PERIODS]
        return replace(facts, candidates=tuple(self._candidate(c, starts) for c in facts.candidates))

    def _candidate(self, candidate: Candidate, starts: Sequence[tuple[Period, datetime]]) -> Candidate:
        enrollment, usage = candidate.enrollment, candidate.usage
        # Whoever has claimed anything has claimed money.
        if enrollment.buyer_id not in self._money:
            return candidate
        differing = self._used.get(enrollment.buyer_offer_id, {})
        used = {**usage.used}
        for start in starts:
            more = differing.get(start)
            if more is not None:
                so_far = used.get(start[0], UNUSED)
                used[start[0]] = Used(so_far.leads + more.leads, so_far.amount + more.amount)
        pending = usage.pending + self._money[enrollment.buyer_id]
        return Candidate(enrollment, Usage(used, usage.owed, pending, usage.wallet, usage.record))
