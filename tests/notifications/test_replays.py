"""A replay sends the same bytes under the same id, is signed anew, and changes nothing but its own log."""

import json
import threading
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
import standardwebhooks
from psycopg import Connection

from leadgen.audit_trail.domain import Actor
from leadgen.notifications.service import replays
from leadgen.notifications.service.replays import ReplayImpossible
from leadgen.platform import clock
from tests.support.factories import a_buyer, an_enrollment
from tests.support.servers.buyer_endpoint import BuyerEndpoint
from tests.support.stages.functions import Functions
from tests.support.stages.messages import body, waiting
from tests.support.stages.notices import (
    a_taken_delivery,
    attempts,
    ids,
    make_due,
    money,
    notices,
    notify,
    open_endpoints,
    wake,
)

SECRET = "whsec_" + "c2VjcmV0LW9mLXRoaXJ0eS10d28tYnl0ZXMtbG9uZyE="
OPERATOR = Actor("op")


@pytest.fixture
def buyer(conn: Connection[Any], offer: int, buyer_endpoint: BuyerEndpoint) -> int:
    """A buyer with a webhook, enrolled in the offer."""
    made = a_buyer(conn, webhook_url=buyer_endpoint.url(), webhook_secret=SECRET)
    an_enrollment(conn, made, offer)
    return made


def replay(conn: Connection[Any], delivery: str) -> str:
    with conn.transaction():
        return replays.replay(conn, delivery, OPERATOR, now=clock.now())


def replay_all(conn: Connection[Any], buyer: int, *, rate: int = 5, now: datetime | None = None) -> int:
    now = now or clock.now()
    with conn.transaction():
        begun = replays.replay_all(
            conn, str(buyer), since=now - timedelta(days=365), until=now + timedelta(days=1), rate=rate, actor=OPERATOR,
            now=now,
        )  # fmt: skip
    return begun.progress.replay_batch_id


def test_the_same_bytes_go_out_under_the_same_id_signed_now(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint, buyer: int, source: int
) -> None:
    delivery = a_taken_delivery(
        conn, buyer, source, body=b"a=1&b=\xc3\xa9", content_type="application/x-www-form-urlencoded"
    )
    before = money(conn)
    replay(conn, delivery)
    functions.drain()
    (received,) = buyer_endpoint.received
    headers = {name.lower(): value for name, value in received.headers.items()}
    assert received.body == b"a=1&b=\xc3\xa9"
    assert headers["content-type"] == "application/x-www-form-urlencoded"
    assert headers["webhook-id"] == headers["x-leadgen-delivery-id"] == delivery
    assert headers["x-leadgen-event"] == "lead.delivered"
    assert abs(int(headers["webhook-timestamp"]) - clock.now().timestamp()) < 60
    signed = standardwebhooks.Webhook(SECRET)
    assert signed.sign(delivery, clock.now().fromtimestamp(int(headers["webhook-timestamp"])), received.body.decode())
    assert money(conn) == before
    assert attempts(conn) == [(1, "succeeded", 200, None)]


def test_two_replays_by_hand_both_go_out(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint, buyer: int, source: int
) -> None:
    delivery = a_taken_delivery(conn, buyer, source)
    assert replay(conn, delivery) != replay(conn, delivery)
    functions.drain()
    assert [one.headers["webhook-id"] for one in buyer_endpoint.received] == [delivery] * 2
    audited = conn.execute("SELECT action, after_state FROM audit_logs ORDER BY id").fetchall()
    assert [(action, after["delivery_id"], after["by"]) for action, after in audited] == [
        ("delivery.replay", delivery, "op")
    ] * 2


def test_a_delivery_in_review_may_be_replayed_and_stays_there_in_doubt(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint, buyer: int, source: int
) -> None:
    """The buyer has it now: whoever takes it back to sell it to another is to know."""
    delivery = a_taken_delivery(conn, buyer, source, status="in_review")
    conn.execute("UPDATE deliveries SET outcome_unknown = true")
    before = money(conn)
    conn.execute("UPDATE deliveries SET outcome_unknown = false")
    replay(conn, delivery)
    functions.drain()
    assert len(buyer_endpoint.received) == 1
    assert money(conn) == before


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"status": "pending"}, "is under way"),
        ({"body": None, "content_type": None, "channel": "email"}, "never went to a webhook"),
    ],
)
def test_what_cannot_be_sent_again_is_refused_with_the_reason(
    conn: Connection[Any], buyer: int, source: int, values: dict[str, Any], why: str
) -> None:
    delivery = a_taken_delivery(conn, buyer, source, **values)
    with pytest.raises(ReplayImpossible, match=why):
        replay(conn, delivery)
    assert notices(conn) == []


def test_what_is_erased_is_not_sent_again_also_when_it_waits_already(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint, buyer: int, source: int
) -> None:
    delivery = a_taken_delivery(conn, buyer, source)
    replay(conn, delivery)
    conn.execute("UPDATE deliveries SET body = NULL, content_type = NULL")
    conn.execute("UPDATE leads SET erased_at = now()")
    with pytest.raises(ReplayImpossible, match="erased"):
        replay(conn, delivery)
    functions.drain()
    assert buyer_endpoint.received == []
    assert notices(conn) == [("replay", "lead.delivered", "given_up", 1, "its bytes are no more")]


@pytest.mark.parametrize("wrong", ["7", "no uuid", "00000000-0000-4000-8000-000000000001"])
def test_a_delivery_that_is_none_is_told(conn: Connection[Any], wrong: str) -> None:
    with pytest.raises(ReplayImpossible):
        replay(conn, wrong)


def test_a_buyer_without_a_webhook_is_told(conn: Connection[Any], buyer: int, source: int) -> None:
    delivery = a_taken_delivery(conn, buyer, source)
    conn.execute("UPDATE buyers SET webhook_url = NULL")
    with pytest.raises(ReplayImpossible, match="no webhook any more"):
        replay(conn, delivery)


def test_a_recovery_takes_what_the_webhook_took_in_its_time_and_nothing_else(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint, buyer: int, source: int, offer: int
) -> None:
    other = a_buyer(conn, webhook_url=buyer_endpoint.url("/other"))
    an_enrollment(conn, other, offer)
    a_taken_delivery(conn, other, source)
    inside = [a_taken_delivery(conn, buyer, source, settled_at=f"2026-06-17T1{hour}:00:00Z") for hour in (0, 1)]
    a_taken_delivery(conn, buyer, source, settled_at="2026-06-17T12:00:00Z")
    a_taken_delivery(conn, buyer, source, status="in_review")
    mailed = {"channel": "email", "body": None, "content_type": None}
    a_taken_delivery(conn, buyer, source, settled_at="2026-06-17T10:30:00Z", **mailed)
    a_taken_delivery(conn, buyer, source, settled_at="2026-06-17T10:40:00Z", channel="email")  # the webhook failed
    since, until = (datetime.fromisoformat(f"2026-06-17T{hour}:00:00+00:00") for hour in (10, 12))
    with conn.transaction():
        begun = replays.replay_all(conn, str(buyer), since=since, until=until, rate=50, actor=OPERATOR, now=clock.now())
    assert (begun.progress.total, begun.left_out) == (2, 2)
    functions.drain()
    while progress := replays.progress(conn, begun.progress.replay_batch_id):
        if progress.settled == progress.total:
            break
        functions.drain()
    assert [one.headers["webhook-id"] for one in buyer_endpoint.received] == inside


def test_the_same_command_takes_up_the_recovery_that_is_under_way(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint, buyer: int, source: int
) -> None:
    a_taken_delivery(conn, buyer, source)
    first = replay_all(conn, buyer)
    assert replay_all(conn, buyer) == first
    functions.drain()
    assert replay_all(conn, buyer) == first + 1
    assert conn.execute("SELECT count(*) FROM notices").fetchone() == (2,)


def test_a_stopped_recovery_sends_nothing_more(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint, buyer: int, source: int
) -> None:
    for _ in range(3):
        a_taken_delivery(conn, buyer, source)
    batch = replay_all(conn, buyer)
    with conn.transaction():
        assert replays.stop(conn, batch, OPERATOR, now=clock.now()) == 3
    functions.drain()
    assert buyer_endpoint.received == []


def test_after_an_outage_a_recovery_goes_no_faster_than_its_rate(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint, buyer: int, source: int
) -> None:
    for _ in range(60):
        a_taken_delivery(conn, buyer, source)
    began = clock.now()
    replay_all(conn, buyer, rate=5, now=began)
    now = began + timedelta(hours=1)  # all of them came due in the outage
    open_at_once = "UPDATE endpoints SET state = 'closed', failures = 0, open_until = NULL, allowed = 50"
    sent: list[tuple[datetime, int]] = []
    while len(buyer_endpoint.received) < 60:
        before = len(buyer_endpoint.received)
        due = conn.execute(
            "SELECT id::text FROM notices WHERE status = 'pending' AND next_attempt_at <= %s ORDER BY next_attempt_at",
            (now,),
        )
        for (notice,) in due.fetchall():
            conn.execute(open_at_once.encode())
            wake(functions, notice, at=now)
        sent.append((now, len(buyer_endpoint.received) - before))
        now += timedelta(milliseconds=500)
    for start, _ in sent:
        within = sum(count for at, count in sent if start <= at < start + timedelta(seconds=4))
        assert within <= 5 * 4 + 5
    assert now - sent[0][0] <= timedelta(seconds=60 / 5 + 2)


def test_the_sweep_wakes_a_recovery_ahead_of_its_time(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint, buyer: int, source: int
) -> None:
    for _ in range(200):
        a_taken_delivery(conn, buyer, source)
    now = clock.now()
    replay_all(conn, buyer, rate=1, now=now)
    assert len(waiting(conn, "notify")) == 65
    conn.execute("TRUNCATE pgmq.q_notify")
    functions.module("sweep").run(now + timedelta(seconds=60))
    assert len([one for one in waiting(conn, "notify") if "notice_id" in one]) == 125


def test_recovering_200_with_workers_that_die_sends_each_at_least_once_and_bills_nothing(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint, buyer: int, source: int
) -> None:
    deliveries = [a_taken_delivery(conn, buyer, source) for _ in range(200)]
    before = money(conn)
    batch = replay_all(conn, buyer, rate=50)
    module = functions.module("notify")
    real, record = module.claims.at_once, module.dispatch.record

    def dies_before(*_: object) -> object:
        raise SystemExit

    def dies_after(*_: object, **__: object) -> object:
        raise SystemExit

    rounds = 0
    while (progress := replays.progress(conn, batch)).settled < progress.total:
        rounds += 1
        conn.execute("UPDATE replay_batches SET paced_to = '2026-01-01Z'")
        open_endpoints(conn)
        make_due(conn)
        woken = [row[0] for row in conn.execute("SELECT id::text FROM notices WHERE status = 'pending' LIMIT 10")]
        with pytest.MonkeyPatch.context() as dying:
            if rounds % 4 == 1:
                dying.setattr(module.claims, "at_once", dies_before)
            elif rounds % 4 == 2:
                dying.setattr(module.dispatch, "record", dies_after)
            try:
                notify(functions, *(body("notice.due", None, notice_id=notice) for notice in woken))
            except SystemExit:
                assert (module.claims.at_once, module.dispatch.record) != (real, record)
    assert (progress.succeeded, progress.given_up) == (200, 0)
    received = [one.headers["webhook-id"] for one in buyer_endpoint.received]
    assert set(received) == set(deliveries)
    assert len(received) > 200
    assert len({one.body for one in buyer_endpoint.received}) == 200
    assert money(conn) == before


def test_two_who_ask_at_once_begin_one_recovery(
    conn: Connection[Any], database_url: str, buyer: int, source: int
) -> None:
    a_taken_delivery(conn, buyer, source)
    begun: list[int] = []

    def ask() -> None:
        with psycopg.connect(database_url, autocommit=True) as own:
            begun.append(replay_all(own, buyer))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(begun)) == 1
    assert len(ids(conn)) == 1


def test_what_a_recovery_failed_at_is_tried_again(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint, buyer: int, source: int
) -> None:
    a_taken_delivery(conn, buyer, source)
    buyer_endpoint.statuses = [500] * 3
    batch = replay_all(conn, buyer)
    (notice,) = ids(conn)
    for expected in ("notice_retry", "notice_retry", "notice_retry", "notice_succeeded"):
        make_due(conn)
        open_endpoints(conn)
        conn.execute("UPDATE replay_batches SET paced_to = '2026-01-01Z'")
        assert wake(functions, notice) == [expected]
    assert replays.progress(conn, batch).succeeded == 1
    assert json.dumps([one.headers["webhook-id"] for one in buyer_endpoint.received]).count("-") == 16
