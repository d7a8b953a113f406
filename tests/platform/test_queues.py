"""Announcing: what every bound queue is told, and when."""

from datetime import datetime
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from leadgen.kernel.events import Event, Topic
from leadgen.platform.messaging import queues
from tests.support.stages.messages import sent as messages_sent
from tests.support.stages.messages import waiting


@pytest.fixture
def quiet(conn: Connection[Any]) -> Connection[Any]:
    """A database whose queues are bound to nothing."""
    for topic, queue in queues.bindings(conn):
        queues.unbind(conn, topic, queue)
    return conn


def test_a_queue_is_told_the_topics_it_is_bound_to(quiet: Connection[Any], now: datetime) -> None:
    queues.bind(quiet, "lead.received", "validate")
    queues.bind(quiet, "#", "notify")
    sent = queues.announce(quiet, [Event(Topic.LEAD_RECEIVED, now, 1), Event(Topic.LEAD_ROUTED, now, 2)])
    assert messages_sent(quiet, "validate") == [("lead.received", 1)]
    assert messages_sent(quiet, "notify") == [("lead.received", 1), ("lead.routed", 2)]
    assert sorted(message.queue_name for message in sent) == ["notify", "notify", "validate"]


def test_a_queue_unbound_is_told_no_more(quiet: Connection[Any], now: datetime) -> None:
    queues.bind(quiet, "lead.received", "validate")
    queues.unbind(quiet, "lead.received", "validate")
    assert queues.announce(quiet, [Event(Topic.LEAD_RECEIVED, now, 1)]) == []
    assert ("lead.received", "validate") not in queues.bindings(quiet)


def test_binding_or_creating_twice_changes_nothing(quiet: Connection[Any], now: datetime) -> None:
    for _ in range(2):
        queues.create(quiet, "extra")
        queues.bind(quiet, "lead.received", "extra")
    queues.announce(quiet, [Event(Topic.LEAD_RECEIVED, now, 1)])
    assert messages_sent(quiet, "extra") == [("lead.received", 1)]
    assert queues.exists(quiet, "extra")
    assert not queues.exists(quiet, "missing")


def test_the_message_is_the_events_own(quiet: Connection[Any], now: datetime) -> None:
    event = Event(Topic.LEAD_BILLED, now, 7, "trace", ids={"buyer_id": 3})
    queues.bind(quiet, "lead.billed", "notify")
    queues.announce(quiet, [event])
    assert waiting(quiet, "notify") == [event.message()]


def test_events_of_one_topic_keep_their_order(quiet: Connection[Any], now: datetime) -> None:
    queues.bind(quiet, "lead.validated", "route")
    queues.announce(quiet, [Event(Topic.LEAD_VALIDATED, now, lead_id) for lead_id in (5, 3, 9, 1)])
    assert messages_sent(quiet, "route") == [("lead.validated", lead_id) for lead_id in (5, 3, 9, 1)]


def test_a_delay_holds_back_its_own_message_only(quiet: Connection[Any], now: datetime) -> None:
    queues.bind(quiet, "delivery.due", "deliver")
    with quiet.transaction():
        began = quiet.execute("SELECT now()").fetchone()
        delays = {1: 0.0, 2: 5.0, 3: 15.0, 4: 5.0}
        queues.announce(
            quiet, [Event(Topic.DELIVERY_DUE, now, lead, delay_seconds=delay) for lead, delay in delays.items()]
        )
        assert began is not None
        due = dict(
            quiet.execute(
                "SELECT (message->>'lead_id')::int, round(extract(epoch FROM vt - %s))::int FROM pgmq.q_deliver",
                began,
            ).fetchall()
        )
    assert due == {1: 0, 2: 5, 3: 15, 4: 5}
    depths = {depth.queue: depth for depth in queues.depths(quiet)}
    assert (depths["deliver"].messages, depths["deliver"].visible) == (4, 1)


def test_nothing_is_told_by_a_transaction_that_is_rolled_back(quiet: Connection[Any], now: datetime) -> None:
    queues.bind(quiet, "lead.received", "validate")
    with quiet.transaction(force_rollback=True):
        queues.announce(quiet, [Event(Topic.LEAD_RECEIVED, now, 1)])
    assert waiting(quiet, "validate") == []


def test_the_commit_wakes_who_listens_once_a_topic(quiet: Connection[Any], now: datetime, database_url: str) -> None:
    queues.bind(quiet, "lead.received", "validate")
    with psycopg.connect(database_url, autocommit=True) as listener:
        listener.execute("LISTEN leadgen_queues")
        with quiet.transaction():
            queues.announce(quiet, [Event(Topic.LEAD_RECEIVED, now, lead) for lead in range(5)])
            assert list(listener.notifies(timeout=0)) == []
        assert [n.payload for n in listener.notifies(timeout=5, stop_after=1)] == ["lead.received"]
        assert list(listener.notifies(timeout=0)) == []


def test_the_outbox_is_read_by_id_or_by_age_and_emptied_by_id(quiet: Connection[Any], now: datetime) -> None:
    queues.create(quiet, queues.OUTBOX)
    queues.bind(quiet, "#", queues.OUTBOX)
    sent = queues.announce(quiet, [Event(Topic.LEAD_RECEIVED, now, lead) for lead in (1, 2, 3)])
    ids = [message.msg_id for message in sent]
    quiet.execute("UPDATE pgmq.q_outbox SET enqueued_at = %s WHERE msg_id = %s", (now, ids[2]))

    def read(**which: Any) -> list[int]:
        found = queues.read_outbox(quiet, **{"msg_ids": None, "before": None, "limit": 10} | which)
        return [message.message["lead_id"] for message in found]

    assert read(msg_ids=ids[:2]) == [1, 2]
    assert read(before=now.replace(year=now.year + 1), limit=1) in ([1], [3])
    assert read(before=now.replace(hour=13)) == [3]
    queues.delete(quiet, queues.OUTBOX, ids[:2])
    assert read() == [3]


def test_depths_tell_a_queues_length_and_age(quiet: Connection[Any], now: datetime) -> None:
    queues.bind(quiet, "lead.received", "validate")
    queues.announce(quiet, [Event(Topic.LEAD_RECEIVED, now, 1)])
    quiet.execute("UPDATE pgmq.q_validate SET enqueued_at = enqueued_at - INTERVAL '90 seconds'")
    depths = {depth.queue: depth for depth in queues.depths(quiet)}
    assert depths["validate"].messages == 1
    assert (depths["validate"].oldest_seconds or 0) >= 90
    assert (depths["route"].messages, depths["route"].oldest_seconds) == (0, None)
    assert depths.keys() >= {"validate_dlq", "route_dlq", "deliver_dlq", "bill_dlq", "notify_dlq"}
