"""Track records at any instant of the past."""

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from leadgen.routing.domain.eligibility import TrackRecord
from leadgen.routing.domain.track_records import LookbackTerms
from leadgen.simulation.domain.track_records import Past, TrackRecords
from tests.support.domain_values import NOON

_MINUTES = st.integers(0, 60).map(lambda minutes: NOON + timedelta(minutes=minutes))


@st.composite
def past(draw: st.DrawFn) -> Past:
    """A sold lead, handed over when it was sold; answered and settled afterwards, if at all."""
    sold = draw(_MINUTES)
    later = st.none() | st.integers(0, 40).map(lambda minutes: sold + timedelta(minutes=minutes))
    settled = draw(later)
    return Past(
        draw(st.integers(1, 2)),
        sold,
        draw(later),
        draw(st.booleans()),
        draw(st.sampled_from([sold, sold, None])),
        settled,
        settled is not None and draw(st.booleans()),
    )


def counted(leads: list[Past], ask: LookbackTerms, now: datetime) -> TrackRecord:
    """What the routing stage's statement counts, as it would have found the leads at that instant."""
    answered = [
        lead for lead in leads
        if ask.answers_within is not None and lead.answered_at is not None and lead.answered_at <= now
        and lead.delivered_at >= now - ask.answers_within
    ]  # fmt: skip
    delivered = []
    on_time = 0
    for lead in leads:
        if lead.handed_at is None or ask.deliveries_within is None or ask.patience is None:
            continue
        settled = lead.settled_at is not None and lead.settled_at <= now
        if lead.handed_at > now or lead.handed_at < now - ask.deliveries_within:
            continue
        if settled or lead.handed_at + ask.patience < now:
            delivered.append(lead)
            on_time += bool(
                settled and lead.succeeded and lead.settled_at and lead.settled_at <= lead.handed_at + ask.patience
            )
    return TrackRecord(len(answered), sum(lead.accepted for lead in answered), len(delivered), on_time)


@given(
    st.lists(past(), max_size=8),
    _MINUTES,
    st.sampled_from([None, timedelta(minutes=20)]),
    st.sampled_from([None, timedelta(minutes=15)]),
)
def test_it_is_what_a_decision_of_that_instant_would_have_counted(
    leads: list[Past], now: datetime, answers: timedelta | None, deliveries: timedelta | None
) -> None:
    ask = LookbackTerms(answers, deliveries, None if deliveries is None else timedelta(minutes=5))
    found = TrackRecords(ask, leads)
    for buyer_offer_id in (1, 2):
        own = [lead for lead in leads if lead.buyer_offer_id == buyer_offer_id]
        assert found.at(buyer_offer_id, now) == counted(own, ask, now)


def test_a_buyer_without_a_past_has_no_record() -> None:
    assert TrackRecords(LookbackTerms(timedelta(days=1), None, None), []).at(7, NOON) == TrackRecord()
