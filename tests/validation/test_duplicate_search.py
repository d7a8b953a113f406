"""The search for earlier leads in SQL says what the domain's own rule says of every stored lead."""

from datetime import datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from psycopg import Connection

from leadgen.leads.domain.lead import Contact
from leadgen.validation.domain import duplicates
from leadgen.validation.domain.duplicates import Prior, Search
from leadgen.validation.store import screening
from tests.support.examples import examples
from tests.support.factories import a_lead, a_source, an_offer

PHONES = st.sampled_from([None, "13035550100", "13035550101"])
EMAILS = st.sampled_from([None, "jane@example.com", "joe@example.com"])
STATUSES = ("received", "validated", "delivered", "rejected")
LEADS = st.lists(
    st.tuples(
        st.integers(-3, 3),  # hours from the searching lead
        st.sampled_from(STATUSES),
        st.integers(0, 2),  # which source: two of one offer, one of another
        PHONES,
        EMAILS,
    ),
    max_size=8,
)


@examples(short=25, long=160)
@given(
    history=LEADS,
    sought=st.tuples(PHONES, EMAILS).filter(any),
    window=st.integers(1, 4),
    match_all=st.booleans(),
    same_source=st.booleans(),
    excluded=st.sets(st.sampled_from(STATUSES)),
    left_out=st.sets(st.integers(0, 7)),
)
def test_the_latest_match_in_sql_is_the_latest_of_the_domains_matches(
    conn: Connection[Any],
    now: datetime,
    history: list[tuple[int, str, int, str | None, str | None]],
    sought: tuple[str | None, str | None],
    window: int,
    match_all: bool,
    same_source: bool,
    excluded: set[Any],
    left_out: set[int],
) -> None:
    with conn.transaction(force_rollback=True):
        offer, other = an_offer(conn), an_offer(conn)
        sources = [a_source(conn, offer), a_source(conn, offer), a_source(conn, other)]
        half = len(history) // 2
        ids: list[int] = []
        for place, (hours, status, source, phone, email) in enumerate(history):
            if place == half:  # so that lower and higher ids than the searching lead's own occur
                ids.append(_store(conn, sources[0], now, "received", *sought))
            ids.append(_store(conn, sources[source], now + timedelta(hours=hours), status, phone, email))
        if not history:
            ids.append(_store(conn, sources[0], now, "received", *sought))
        searching = ids.pop(half)
        search = Search(
            lead_id=searching,
            offer_id=offer,
            source_id=sources[0] if same_source else None,
            since=now - timedelta(hours=window),
            created_at=now,
            phone=sought[0],
            email=sought[1],
            match_all=match_all,
            exclude_statuses=tuple(excluded),
        )
        except_ids = [ids[place] for place in left_out if place < len(ids)]
        priors = [
            Prior(
                lead_id, now + timedelta(hours=hours), status, sources[source],  # type: ignore[arg-type]
                offer if source < 2 else other, Contact(phone, email),
            )
            for lead_id, (hours, status, source, phone, email) in zip(ids, history, strict=True)
            if lead_id not in except_ids
        ]  # fmt: skip
        matches = [match for prior in priors if (match := duplicates.matches(search, prior)) is not None]
        expected = max(matches, key=lambda match: (match.created_at, match.lead_id), default=None)
        found = screening.latest_matches(conn, [search], except_ids=except_ids)
        assert found == ({} if expected is None else {searching: expected})


def _store(
    conn: Connection[Any], source: int, created_at: datetime, status: str, phone: str | None, email: str | None
) -> int:
    return a_lead(
        conn, source, created_at=created_at, status=status, normalized_phone=phone, normalized_email=email
    )  # fmt: skip


def test_of_two_matches_in_the_same_instant_the_later_id_counts(conn: Connection[Any], now: datetime) -> None:
    offer = an_offer(conn)
    source = a_source(conn, offer)
    hour_ago = now - timedelta(hours=1)
    for phone, email in (("13035550100", None), (None, "jane@example.com"), ("13035550100", None)):
        last = _store(conn, source, hour_ago, "validated", phone, email)
        searching = _store(conn, source, now, "received", "13035550100", "jane@example.com")
        search = Search(
            searching, offer, None, hour_ago, now, "13035550100", "jane@example.com", False, ("received",)
        )  # fmt: skip
        assert screening.latest_matches(conn, [search], except_ids=[])[searching].lead_id == last


def test_several_searches_are_answered_each_for_its_own_lead(conn: Connection[Any], now: datetime) -> None:
    source = a_source(conn, an_offer(conn))
    leads = [
        _store(conn, source, now + timedelta(minutes=n), "validated", phone, None)
        for n, phone in enumerate(["13035550100", "13035550101", "13035550100", "13035550101"])
    ]
    row = conn.execute("SELECT offer_id FROM sources WHERE id = %s", (source,)).fetchone()
    assert row is not None
    searches = [
        Search(lead, row[0], None, now - timedelta(hours=1), now + timedelta(minutes=n), phone, None, False, ())
        for n, (lead, phone) in enumerate(zip(leads, ["13035550100", "13035550101"] * 2, strict=True))
    ]
    found = screening.latest_matches(conn, searches, except_ids=[])
    assert {searching: match.lead_id for searching, match in found.items()} == {leads[2]: leads[0], leads[3]: leads[1]}
