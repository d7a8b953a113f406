"""The one statement of ingest: source resolved, key derived, lead stored once, announced."""

import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg import Connection

from leadgen.intake import store as intake_store
from leadgen.intake.domain import idempotency
from leadgen.intake.store import Intake
from tests.support.examples import examples
from tests.support.factories import a_source, an_offer
from tests.support.stages.messages import sent, waiting

KEY = "a-key-of-16-chars"


def take_in(conn: Connection[Any], **values: Any) -> Intake:
    """Post an ordinary lead, identified and changed by ``values``."""
    post: dict[str, Any] = {
        "source_id": None, "source_key": None, "hostname": None, "path": "/",
        "default_source_key": None, "trusted": False, "salt": "salt", "api_key_hash": None, "rate_limits": {},
        "idempotency_key": KEY, "material": None, "content_hash": "0" * 64, "source": "landing_page",
        "name": "Jane", "email": "Jane@example.com", "phone": "+1 303 555 0100", "country_code": "US",
        "postal_code": "80014", "city": None, "region_code": None, "message": None, "utm_source": None,
        "utm_medium": None, "utm_campaign": None, "consent": None, "gdpr_consent": None, "attributes": {},
        "normalized_email": "jane@example.com", "normalized_phone": "13035550100", "ip_address": None,
        "ip_country": None, "user_agent": None, "trace_id": "trace-1",
    }  # fmt: skip
    return intake_store.take_in(conn, post | values)


def source_of(taken: Intake) -> int | None:
    return None if taken.answer is None else taken.answer.source_id


def stored(conn: Connection[Any]) -> int:
    row = conn.execute("SELECT count(*)::int FROM leads").fetchone()
    assert row is not None
    return int(row[0])


def test_a_source_is_found_by_id_by_key_and_by_host(conn: Connection[Any]) -> None:
    source = a_source(conn, an_offer(conn), source_key="by-key", hostname="h.example")
    for way in ({"source_id": source}, {"source_key": "by-key"}, {"hostname": "h.example"}):
        taken = take_in(conn, **way)
        assert (taken.resolution, source_of(taken)) == ("resolved", source)


def test_the_lead_is_bound_to_the_sources_offer_market_and_vertical(conn: Connection[Any]) -> None:
    an_offer(conn)
    offer = an_offer(conn)
    source = a_source(conn, offer)
    bound = conn.execute("SELECT market_id, vertical_id FROM offers WHERE id = %s", (offer,)).fetchone()
    taken = take_in(conn, source_id=source)
    assert taken.answer is not None
    assert (taken.answer.offer_id, (taken.answer.market_id, taken.answer.vertical_id)) == (offer, bound)
    assert conn.execute("SELECT source_id, offer_id FROM leads").fetchall() == [(source, offer)]


@pytest.mark.parametrize(
    "way", [{"source_id": 10**6}, {"source_key": "nobodys"}, {"hostname": "nobodys.example"}], ids=str
)
def test_what_no_source_claims_stores_nothing(conn: Connection[Any], way: dict[str, Any]) -> None:
    a_source(conn, an_offer(conn), hostname="h.example")
    taken = take_in(conn, **way)
    assert (taken.resolution, taken.answer, taken.created) == ("none", None, False)
    assert (stored(conn), waiting(conn, "validate")) == (0, [])


def test_an_inactive_source_is_found_in_no_way(conn: Connection[Any]) -> None:
    source = a_source(conn, an_offer(conn), source_key="by-key", hostname="h.example", is_active=False)
    for way in ({"source_id": source}, {"source_key": "by-key"}, {"hostname": "h.example"}):
        assert take_in(conn, **way, default_source_key="by-key").resolution == "none"
    assert stored(conn) == 0


@pytest.mark.parametrize(
    ("path", "prefix"),
    [
        ("/", None),
        ("/lp", "/lp"),
        ("/lp/plumbing", "/lp/plumb"),
        ("/lp/plumbing/form", "/lp/plumbing/"),
        ("/lp/roofing", "/lp"),
        ("/LP", None),
        ("/other", None),
    ],
)
def test_the_longest_prefix_of_the_path_wins(conn: Connection[Any], path: str, prefix: str | None) -> None:
    offer = an_offer(conn)
    sources = {
        own: a_source(conn, offer, hostname="h.example", path_prefix=own)
        for own in (None, "/lp", "/lp/plumb", "/lp/plumbing/")
    }
    a_source(conn, offer, hostname="other.example", path_prefix="/lp/plumbing/form")
    assert source_of(take_in(conn, hostname="h.example", path=path)) == sources[prefix]


def test_underscore_and_percent_in_a_prefix_are_no_wildcards(conn: Connection[Any]) -> None:
    offer = an_offer(conn)
    underscore = a_source(conn, offer, hostname="h.example", path_prefix="/a_b")
    percent = a_source(conn, offer, hostname="h.example", path_prefix="/100%")
    assert source_of(take_in(conn, hostname="h.example", path="/a_b/c")) == underscore
    assert source_of(take_in(conn, hostname="h.example", path="/100%/c")) == percent
    assert take_in(conn, hostname="h.example", path="/axb").resolution == "none"
    assert take_in(conn, hostname="h.example", path="/100-percent").resolution == "none"


@pytest.mark.parametrize("prefix", [None, "/lp"])
def test_two_equally_long_prefixes_are_ambiguous_even_with_a_default(conn: Connection[Any], prefix: str | None) -> None:
    offer = an_offer(conn)
    for key in ("one", "two"):
        a_source(conn, offer, source_key=key, hostname="h.example", path_prefix=prefix)
    taken = take_in(conn, hostname="h.example", path="/lp", default_source_key="one")
    assert (taken.resolution, taken.answer) == ("ambiguous", None)
    assert stored(conn) == 0


def test_a_longer_prefix_ends_an_ambiguity(conn: Connection[Any]) -> None:
    offer = an_offer(conn)
    for _ in range(2):
        a_source(conn, offer, hostname="h.example", path_prefix="/lp")
    longest = a_source(conn, offer, hostname="h.example", path_prefix="/lp/a")
    assert source_of(take_in(conn, hostname="h.example", path="/lp/abc")) == longest


def test_the_default_source_is_used_only_where_a_host_maps_to_none(conn: Connection[Any]) -> None:
    offer = an_offer(conn)
    default = a_source(conn, offer, source_key="default")
    mapped = a_source(conn, offer, hostname="h.example")
    assert source_of(take_in(conn, hostname="nobodys.example", default_source_key="default")) == default
    assert source_of(take_in(conn, hostname="h.example", default_source_key="default")) == mapped
    assert take_in(conn, source_key="wrong", default_source_key="default").resolution == "none"
    assert take_in(conn, source_id=10**6, default_source_key="default").resolution == "none"
    assert take_in(conn, hostname="nobodys.example", default_source_key="no-such").resolution == "none"


def test_a_source_with_an_api_key_takes_only_posts_that_bring_it(conn: Connection[Any]) -> None:
    right, wrong = (hashlib.sha256(key).hexdigest() for key in (b"right", b"wrong"))
    source = a_source(conn, an_offer(conn), source_key="partner", kind="partner_api", api_key_hash=right)
    for brought in (None, wrong, "", "right"):
        taken = take_in(conn, source_key="partner", api_key_hash=brought)
        assert (taken.api_key_accepted, taken.answer) == (False, None)
    assert (stored(conn), waiting(conn, "validate")) == (0, [])
    assert source_of(take_in(conn, source_key="partner", api_key_hash=right)) == source


def test_an_operators_post_needs_no_api_key_and_an_open_source_asks_for_none(conn: Connection[Any]) -> None:
    offer = an_offer(conn)
    guarded = a_source(conn, offer, api_key_hash="0" * 64)
    free = a_source(conn, offer, source_key="free")
    assert source_of(take_in(conn, source_id=guarded, trusted=True)) == guarded
    assert source_of(take_in(conn, source_key="free", api_key_hash="1" * 64)) == free


def test_the_rate_limit_counts_an_addresss_posts_of_the_last_minute(conn: Connection[Any]) -> None:
    source = a_source(conn, an_offer(conn), kind="landing_page")
    limits = {"landing_page": 2, "embed_form": 1}

    def post(number: int, ip_address: str | None = "203.0.113.7") -> Intake:
        key = f"{number:016d}"
        return take_in(conn, source_id=source, rate_limits=limits, ip_address=ip_address, idempotency_key=key)

    assert [post(n).rate_limited for n in range(3)] == [False, False, True]
    assert (stored(conn), len(waiting(conn, "validate"))) == (2, 2)
    assert (post(0).rate_limited, post(0).created) == (False, False)  # a replay is no post more
    assert post(10, "203.0.113.8").rate_limited is False
    assert post(11, None).rate_limited is False
    with conn.transaction():
        conn.execute("ALTER TABLE leads DISABLE TRIGGER leads_refuse_rewrite")
        conn.execute("UPDATE leads SET created_at = created_at - INTERVAL '1 minute'")
        conn.execute("ALTER TABLE leads ENABLE TRIGGER leads_refuse_rewrite")
    assert post(12).rate_limited is False


def test_a_kind_of_source_without_a_limit_has_none(conn: Connection[Any]) -> None:
    source = a_source(conn, an_offer(conn), kind="partner_api")
    for n in range(3):
        taken = take_in(conn, source_id=source, rate_limits={"landing_page": 1}, ip_address="203.0.113.7",
                        idempotency_key=f"{n:016d}")  # fmt: skip
        assert taken.created


def test_the_same_key_finds_the_stored_lead_and_announces_nothing(conn: Connection[Any]) -> None:
    source = a_source(conn, an_offer(conn))
    first = take_in(conn, source_id=source, name="Jane")
    again = take_in(conn, source_id=source, name="Joe", content_hash="1" * 64)
    assert (first.created, again.created) == (True, False)
    assert (again.answer, again.content_hash) == (first.answer, "0" * 64)
    assert conn.execute("SELECT name FROM leads").fetchall() == [("Jane",)]
    assert first.answer is not None
    assert sent(conn, "validate") == [("lead.received", first.answer.lead_id)]


def test_a_key_is_known_within_its_source_only(conn: Connection[Any]) -> None:
    offer = an_offer(conn)
    one, two = (take_in(conn, source_id=a_source(conn, offer)) for _ in range(2))
    assert one.created
    assert two.created
    assert stored(conn) == 2


def test_a_replay_says_what_became_of_the_lead(conn: Connection[Any]) -> None:
    source = a_source(conn, an_offer(conn))
    assert take_in(conn, source_id=source).answer is not None
    conn.execute(
        "UPDATE leads SET status = 'delivered', delivered_price = 45, price_components = '[]', delivered_at = now()"
    )
    again = take_in(conn, source_id=source).answer
    assert again is not None
    assert (again.status, str(again.price), again.settled) == ("delivered", "45.00", True)


def test_the_announcement_holds_ids_only(conn: Connection[Any]) -> None:
    taken = take_in(conn, source_id=a_source(conn, an_offer(conn)))
    assert taken.answer is not None
    (message,) = waiting(conn, "validate")
    assert message.keys() == {"event", "lead_id", "occurred_at", "trace_id"}
    assert (message["event"], message["lead_id"], message["trace_id"]) == (
        "lead.received", taken.answer.lead_id, "trace-1",
    )  # fmt: skip


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=12)
FILLED = TEXT.filter(lambda text: text.strip() != "")


@examples(short=20, long=120)
@given(name=TEXT, email=FILLED, phone=FILLED, postal=FILLED.map(lambda text: text[:4]), message=TEXT | st.none())
def test_the_key_derived_in_sql_is_the_one_the_contract_derives(
    conn: Connection[Any], name: str, email: str, phone: str, postal: str, message: str | None
) -> None:
    if not postal.strip():
        return
    material = idempotency.material(
        name=name, email=email, phone=phone, country_code="US", postal_code=postal, message=message
    )
    with conn.transaction(force_rollback=True):
        source = a_source(conn, an_offer(conn))
        taken = take_in(conn, source_id=source, idempotency_key=None, material=material)
        assert taken.answer is not None
        assert taken.answer.idempotency_key == idempotency.derive(source, material)
