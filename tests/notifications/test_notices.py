"""Subscribers hear of every event once, under one id, whoever dies or refuses meanwhile."""

import json
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import psycopg
import pytest
import standardwebhooks
from psycopg import Connection

from leadgen.audit_trail.domain import Actor
from leadgen.notifications.domain import subscriptions as notifications_subscriptions
from leadgen.notifications.service import subscriptions as notifications_subscriptions_service
from leadgen.outbound.domain.signing import sign
from leadgen.platform import clock
from tests.support.factories import a_buyer, a_subscription
from tests.support.servers.buyer_endpoint import BuyerEndpoint
from tests.support.stages.functions import Functions
from tests.support.stages.messages import body, sqs_event, waiting
from tests.support.stages.notices import (  # fmt: skip
    attempts,
    ids,
    make_due,
    notice_bodies,
    notices,
    notify,
    some_lead,
    wake,
)

SECRET = "whsec_" + "c2VjcmV0LW9mLXRoaXJ0eS10d28tYnl0ZXMtbG9uZyE="
OLD_SECRET = "whsec_" + "YW5vdGhlci1zZWNyZXQtb2YtdGhpcnR5LXR3by1iISE="


def test_an_event_is_posted_signed_with_its_ids_alone(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint
) -> None:
    lead = some_lead(conn)
    a_subscription(conn, buyer_endpoint.url(), secret=SECRET)
    delivered = body("lead.delivered", lead, buyer_id=3, delivery_id="d")
    assert notify(functions, delivered) == ["noted", "notice_succeeded"]
    (received,) = buyer_endpoint.received
    headers = {name.lower(): value for name, value in received.headers.items()}
    assert standardwebhooks.Webhook(SECRET).verify(received.body, headers) == {
        "event": "lead.delivered",
        "occurred_at": delivered["occurred_at"],
        "data": {"lead_id": lead, "buyer_id": 3, "delivery_id": "d"},
    }
    assert headers["x-webhook-signature"] == sign(SECRET, received.body)
    assert headers["webhook-id"] == headers["x-leadgen-delivery-id"] == ids(conn)[0]
    assert headers["x-leadgen-event"] == "lead.delivered"
    assert attempts(conn) == [(1, "succeeded", 200, None)]


def test_an_event_told_again_is_posted_once(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint
) -> None:
    lead = some_lead(conn)
    a_subscription(conn, buyer_endpoint.url())
    received = body("lead.received", lead)
    notify(functions, received, received)
    assert notify(functions, received) == ["noted"]
    assert len(buyer_endpoint.received) == 1


def test_every_subscriber_gets_what_it_chose_and_nothing_else(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint
) -> None:
    lead = some_lead(conn)
    for path, events in (("/all", ["*"]), ("/leads", ["lead.*"]), ("/two", ["invoice.generated", "lead.billed"])):
        a_subscription(conn, buyer_endpoint.url(path), *events)
    ended = a_subscription(conn, buyer_endpoint.url("/ended"))
    conn.execute("UPDATE subscriptions SET ended_at = now(), end_reason = 'unsubscribed' WHERE id = %s", (ended,))
    notify(functions, body("lead.billed", lead, buyer_id=1), body("lead.received", lead),
         body("invoice.generated", None, invoice_id=4, buyer_id=1))  # fmt: skip
    heard = sorted(
        (one.path, event["event"])
        for one, event in zip(buyer_endpoint.received, notice_bodies(buyer_endpoint.received), strict=True)
    )
    assert heard == [
        ("/all", "invoice.generated"), ("/all", "lead.billed"), ("/all", "lead.received"),
        ("/leads", "lead.billed"), ("/leads", "lead.received"),
        ("/two", "invoice.generated"), ("/two", "lead.billed"),
    ]  # fmt: skip


@pytest.mark.parametrize("event", notifications_subscriptions.EVENTS)
def test_a_buyer_hears_of_itself_and_never_of_another(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint, event: str
) -> None:
    buyers = [a_buyer(conn) for _ in range(3)]
    for buyer in buyers[:2]:
        a_subscription(conn, buyer_endpoint.url(f"/{buyer}"), buyer_id=buyer)
    notify(
        functions,
        *(body(event, some_lead(conn), buyer_id=buyer) for buyer in buyers),
        body(event, some_lead(conn)),
        body(event, buyers[0], invoice_id=buyers[1]),  # the number of a buyer, and not about it
    )
    heard = {
        (one.path, told["data"]["buyer_id"])
        for one, told in zip(buyer_endpoint.received, notice_bodies(buyer_endpoint.received), strict=True)
    }
    assert heard == {(f"/{buyer}", buyer) for buyer in buyers[:2]}
    assert len(buyer_endpoint.received) == 2


def test_a_wake_up_is_nobodys_event(conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint) -> None:
    a_subscription(conn, buyer_endpoint.url())
    assert notify(functions, body("delivery.due", some_lead(conn))) == ["noted"]
    assert wake(functions, str(uuid.uuid4())) == []
    assert (buyer_endpoint.received, notices(conn)) == ([], [])


def test_what_fails_is_tried_again_with_the_same_bytes_under_the_same_id_and_a_new_time(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint
) -> None:
    buyer_endpoint.statuses = [500, 302]
    a_subscription(conn, buyer_endpoint.url())
    assert notify(functions, body("lead.received", some_lead(conn))) == ["noted", "notice_retry"]
    (notice,) = ids(conn)
    conn.execute("UPDATE subscriptions SET events = '{invoice.generated}'")  # what is made stays as it is
    for expected in ("notice_retry", "notice_succeeded"):
        make_due(conn)
        assert wake(functions, notice) == [expected]
    assert len({one.body for one in buyer_endpoint.received}) == 1
    assert {one.headers["webhook-id"] for one in buyer_endpoint.received} == {notice}
    assert attempts(conn) == [
        (1, "failed", 500, "status 500"), (2, "failed", 302, "status 302"), (3, "succeeded", 200, None),
    ]  # fmt: skip
    assert wake(functions, notice) == []


def test_a_retry_is_woken_when_it_is_due_and_not_before(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint
) -> None:
    buyer_endpoint.statuses = [500]
    a_subscription(conn, buyer_endpoint.url())
    now = clock.now()
    notify(functions, body("lead.received", some_lead(conn)), at=now)
    (notice,) = ids(conn)
    ((due, woken),) = conn.execute(
        "SELECT n.next_attempt_at, q.vt FROM notices n, pgmq.q_notify q WHERE q.message->>'notice_id' = n.id::text"
    ).fetchall()
    assert timedelta(seconds=3) < due - now < timedelta(seconds=9)
    assert abs(woken - due) < timedelta(seconds=2)
    assert wake(functions, notice, at=due - timedelta(seconds=1, microseconds=1)) == []
    assert wake(functions, notice, at=due) == ["notice_succeeded"]


def test_after_the_last_attempt_it_is_given_up(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint
) -> None:
    buyer_endpoint.statuses = [404] * 20
    a_subscription(conn, buyer_endpoint.url())
    notify(functions, body("lead.received", some_lead(conn)))
    (notice,) = ids(conn)
    outcomes: list[str] = []
    while not outcomes or outcomes[-1] == "notice_retry":
        make_due(conn)
        outcomes += wake(functions, notice)
    assert outcomes == ["notice_retry"] * 6 + ["notice_given_up"]
    assert len(buyer_endpoint.received) == 8
    assert notices(conn) == [("event", "lead.received", "given_up", 8, "status 404")]


def test_410_ends_the_subscription_and_what_waits_for_it(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint
) -> None:
    buyer_endpoint.statuses = [500, 410]
    one, two = some_lead(conn), some_lead(conn)
    subscription = a_subscription(conn, buyer_endpoint.url())
    notify(functions, body("lead.received", one))
    assert notify(functions, body("lead.received", two)) == ["noted", "notice_given_up"]
    assert conn.execute("SELECT end_reason FROM subscriptions WHERE id = %s", (subscription,)).fetchall() == [
        ("answered 410 Gone",)
    ]
    assert [(status, error) for _, _, status, _, error in notices(conn)] == [
        ("given_up", "the subscription has ended"), ("given_up", "status 410"),
    ]  # fmt: skip
    assert notify(functions, body("lead.validated", two)) == ["noted"]


def test_410_of_an_event_does_not_end_a_buyer_s_webhook_at_the_same_address(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint
) -> None:
    buyer_endpoint.statuses = [410]
    buyer = a_buyer(conn, webhook_url=buyer_endpoint.url())
    a_subscription(conn, buyer_endpoint.url(), buyer_id=buyer)
    notify(functions, body("lead.billed", some_lead(conn), buyer_id=buyer))
    assert conn.execute("SELECT owner, state FROM endpoints").fetchall() == [(f"buyer:{buyer}", "closed")]


def test_an_open_breaker_holds_events_back_and_uses_no_attempt(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint
) -> None:
    a_subscription(conn, buyer_endpoint.url())
    buyer_endpoint.statuses = [503] * 3
    leads = [some_lead(conn) for _ in range(4)]
    for lead in leads[:3]:
        open_until = conn.execute("UPDATE endpoints SET open_until = NULL RETURNING 1").fetchall()
        notify(functions, body("lead.received", lead))
    assert open_until
    assert notify(functions, body("lead.received", leads[3])) == ["noted", "notice_held_back"]
    assert notices(conn)[3] == ("event", "lead.received", "pending", 0, None)
    assert len(buyer_endpoint.received) == 3
    (held,) = conn.execute("SELECT next_attempt_at, held_since FROM notices WHERE attempts = 0").fetchall()
    assert wake(functions, ids(conn)[3], at=held[0]) == ["notice_succeeded"]
    assert conn.execute("SELECT count(held_since) FROM notices").fetchone() == (0,)
    assert held[1] is not None


def test_calls_under_way_take_their_endpoint_s_places(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint
) -> None:
    a_subscription(conn, buyer_endpoint.url())
    notify(functions, body("lead.received", some_lead(conn)))
    conn.execute("UPDATE endpoints SET allowed = 1")
    conn.execute(
        "UPDATE notices SET status = 'pending', settled_at = NULL, next_attempt_at = now(), claimed_at = now(), "
        "claimed_until = now() + INTERVAL '1 hour'"
    )
    assert notify(functions, body("lead.received", some_lead(conn))) == ["noted", "notice_held_back"]


def test_more_than_a_worker_calls_at_once_is_left_to_others(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint
) -> None:
    lead = some_lead(conn)
    for number in range(25):
        a_subscription(conn, buyer_endpoint.url(f"/{number}"))
    assert notify(functions, body("lead.received", lead)).count("notice_succeeded") == 20
    assert len(waiting(conn, "notify")) == 5
    functions.drain()
    assert sorted(one.path for one in buyer_endpoint.received) == sorted(f"/{number}" for number in range(25))


def test_during_a_rotation_both_secrets_sign_and_after_it_the_new_one(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint
) -> None:
    a_subscription(conn, buyer_endpoint.url(), secret=SECRET)
    for until in ("now() + INTERVAL '1 hour'", "now()"):
        conn.execute(
            f"UPDATE subscriptions SET previous_secret = %s, previous_secret_until = {until}".encode(), (OLD_SECRET,)
        )
        notify(functions, body("lead.received", some_lead(conn)))
    during, after = buyer_endpoint.received
    for secret in (SECRET, OLD_SECRET):
        standardwebhooks.Webhook(secret).verify(during.body, _lower(during.headers))
    standardwebhooks.Webhook(SECRET).verify(after.body, _lower(after.headers))
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(OLD_SECRET).verify(after.body, _lower(after.headers))


def test_a_hundred_rotations_lose_no_event_of_a_receiver_that_changes_its_secret_late(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint
) -> None:
    subscription = a_subscription(conn, buyer_endpoint.url(), secret=SECRET)
    known = SECRET
    for _ in range(100):
        made = notifications_subscriptions_service.rotate(conn, subscription, None, Actor("op"), now=clock.now())
        notify(functions, body("lead.received", some_lead(conn)))
        received = buyer_endpoint.received[-1]
        for secret in (known, made.secret):
            standardwebhooks.Webhook(secret).verify(received.body, _lower(received.headers))
        known = made.secret
    assert len(buyer_endpoint.received) == 100


def _lower(headers: dict[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def test_the_number_of_statements_does_not_depend_on_the_batch(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint, statements: list[str]
) -> None:
    a_subscription(conn, buyer_endpoint.url())
    notify(functions, body("lead.received", some_lead(conn)))  # from now on the endpoint is known
    claims, records = set(), set()
    for size in (1, 10):
        leads = [some_lead(conn) for _ in range(size)]
        conn.execute("UPDATE endpoints SET allowed = 30")
        statements.clear()
        assert notify(functions, *(body("lead.received", lead) for lead in leads)).count("notice_succeeded") == size
        claim, *recorded = "\n;".join(statements).split("COMMIT")[:-1]
        claims.add(claim.count("\n;"))
        records |= {record.count("\n;") for record in recorded}
    assert (len(claims), len(records)) == (1, 1)
    assert claims.pop() + records.pop() <= 20


def test_nobodys_data_is_in_notices_or_logs(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint, output: Callable[[], str]
) -> None:
    buyer_endpoint.statuses = [500]
    lead = some_lead(conn)
    conn.execute("UPDATE leads SET name = 'Sentinel Person', email = 'sentinel@example.com', phone = '+15125550199'")
    a_subscription(conn, buyer_endpoint.url("/a-secret-path"), secret=SECRET)
    told = body("lead.received", lead) | {"name": "Sentinel Person", "email": "sentinel@example.com"}
    functions.module("notify").handler(sqs_event(told), None)
    rows = conn.execute(
        "SELECT n::text, encode(body, 'escape'), a::text FROM notices n JOIN notice_attempts a ON a.notice_id = n.id"
    )
    everything = output() + str(rows.fetchall()) + str([one.body for one in buyer_endpoint.received])
    for secret in ("Sentinel", "sentinel", "5125550199", SECRET, "a-secret-path"):
        assert secret not in everything
    assert '"subscription_id"' in output()


def test_a_retention_of_90_days_takes_notices_with_their_attempts(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint
) -> None:
    subscription = a_subscription(conn, buyer_endpoint.url())
    notify(functions, body("lead.received", some_lead(conn)))
    with pytest.raises(Exception, match="90 days"):
        conn.execute("DELETE FROM notice_attempts")
    now = clock.now()
    assert functions.module("retain").run(now + timedelta(days=89))["notices_purged"] == 0
    conn.execute("ALTER TABLE notice_attempts DISABLE TRIGGER notice_attempts_append_only")
    conn.execute("UPDATE notice_attempts SET started_at = started_at - INTERVAL '91 days'")
    conn.execute("ALTER TABLE notice_attempts ENABLE TRIGGER notice_attempts_append_only")
    conn.execute("UPDATE notices SET settled_at = settled_at - INTERVAL '91 days'")
    conn.execute("UPDATE subscriptions SET ended_at = now() - INTERVAL '91 days', end_reason = 'unsubscribed'")
    assert functions.module("retain").run(now)["notices_purged"] == 1
    assert attempts(conn) == []
    assert conn.execute("SELECT 1 FROM subscriptions WHERE id = %s", (subscription,)).fetchone() is None


def test_the_sweep_wakes_what_is_overdue(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint
) -> None:
    buyer_endpoint.statuses = [500]
    a_subscription(conn, buyer_endpoint.url())
    notify(functions, body("lead.received", some_lead(conn)))
    conn.execute("TRUNCATE pgmq.q_notify")
    conn.execute("TRUNCATE pgmq.q_validate")
    ((due,),) = conn.execute("SELECT next_attempt_at FROM notices").fetchall()
    sweep = functions.module("sweep").run
    assert sweep(due + timedelta(seconds=5))["notices"] == 0
    assert sweep(due + timedelta(seconds=5, microseconds=1))["notices"] == 1
    assert [one["notice_id"] for one in waiting(conn, "notify") if "notice_id" in one] == ids(conn)
    assert json.dumps(waiting(conn, "notify")).count("notice.due") == 1


def test_a_worker_that_takes_over_locks_the_endpoint_before_the_notice(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint, database_url: str
) -> None:
    """As the one that comes back late does: in another order the two would wait for each other."""
    a_subscription(conn, buyer_endpoint.url())
    notify(functions, body("lead.received", some_lead(conn)))
    conn.execute(
        "UPDATE notices SET status = 'pending', settled_at = NULL, next_attempt_at = '2020-01-01Z', "
        "claimed_at = '2020-01-01Z', claimed_until = '2020-01-02Z'"
    )
    with psycopg.connect(database_url) as late, ThreadPoolExecutor(1) as pool:
        late.execute("SELECT 1 FROM endpoints FOR NO KEY UPDATE")
        taking_over = pool.submit(wake, functions, *ids(conn))
        waits = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        while conn.execute(waits).fetchone() is None:
            assert not taking_over.done()
        assert late.execute("SELECT 1 FROM notices FOR NO KEY UPDATE NOWAIT").fetchone() == (1,)
        late.rollback()
        assert taking_over.result(20) == ["notice_succeeded"]
    assert conn.execute("SELECT attempts, lost_attempts FROM notices").fetchall() == [(2, 1)]
