"""Messages are handed to functions as Lambda's event source mappings do it."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import psycopg
import pytest

from leadgen_local.queues import pgmq, topology
from leadgen_local.queues import pump as queues_pump
from leadgen_local.queues.pump import Invoke, Pump
from leadgen_local.template import reader
from leadgen_local.template.reader import Template
from tests.support.local import EVENT_SECONDS, a_mapping, a_queue, a_template

Connection = psycopg.Connection[tuple[Any, ...]]


@pytest.fixture
def conn(database_url: str) -> Iterator[Connection]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


def ids(event: dict[str, Any]) -> list[str]:
    return [record["messageId"] for record in event["Records"]]


def numbers(event: dict[str, Any]) -> list[int]:
    return [json.loads(record["body"])["n"] for record in event["Records"]]


def send(conn: Connection, *values: int, topic: str = "job.made") -> None:
    """Announce messages as the stages do: sent and notified in one transaction."""
    with conn.transaction():
        for n in values:
            conn.execute("SELECT pgmq.send_topic(%s, %s::jsonb)", (topic, json.dumps({"n": n})))
        conn.execute("SELECT pg_notify('leadgen_queues', %s)", (topic,))


def stored(conn: Connection, queue: str = "work") -> list[int]:
    return [row[0] for row in conn.execute(f"SELECT (message->>'n')::int FROM pgmq.q_{queue} ORDER BY msg_id")]


def prepared(conn: Connection, template: Template) -> Template:
    topology.prepare(conn, template)
    return template


def drain(database_url: str, template: Template, handler: Invoke) -> int:
    return Pump(template, database_url, {"Stage": handler}).drain()


@contextmanager
def running(database_url: str, template: Template, handler: Invoke, worker: str = reader.MAIN_WORKER) -> Iterator[Pump]:
    pump = Pump(template, database_url, {"Stage": handler}, worker=worker)
    stop = threading.Event()
    thread = threading.Thread(target=pump.run, args=(stop,), daemon=True)
    thread.start()
    try:
        yield pump
    finally:
        stop.set()
        thread.join(EVENT_SECONDS)
    assert not thread.is_alive()


def recorder(done: threading.Event, awaited: set[int]) -> Callable[[dict[str, Any]], object]:
    """A handler that sets the event once it has been handed all that is awaited."""
    seen: set[int] = set()

    def handle(event: dict[str, Any]) -> object:
        seen.update(numbers(event))
        if awaited <= seen:
            done.set()
        return None

    return handle


def test_messages_come_in_batches_oldest_first_and_are_deleted(conn: Connection, database_url: str) -> None:
    template = prepared(conn, a_template(a_mapping(a_queue(), batch=2)))
    send(conn, 1, 2, 3)
    batches: list[list[int]] = []
    assert drain(database_url, template, lambda event: batches.append(numbers(event))) == 3
    assert batches == [[1, 2], [3]]
    assert stored(conn) == []


def test_what_a_message_brings_about_is_drained_too(conn: Connection, database_url: str) -> None:
    template = prepared(conn, a_template(a_mapping(a_queue())))
    send(conn, 1)
    seen: list[int] = []

    def handle(event: dict[str, Any]) -> None:
        seen.extend(numbers(event))
        if seen[-1] < 3:
            send(conn, seen[-1] + 1)

    drain(database_url, template, handle)
    assert seen == [1, 2, 3]


def test_only_the_reported_messages_of_a_batch_stay(conn: Connection, database_url: str) -> None:
    template = prepared(conn, a_template(a_mapping(a_queue())))
    send(conn, 1, 2, 3)

    def handle(event: dict[str, Any]) -> object:
        return {"batchItemFailures": [{"itemIdentifier": ids(event)[1]}]}

    drain(database_url, template, handle)
    assert stored(conn) == [2]


def test_the_read_is_committed_before_the_handler_runs(conn: Connection, database_url: str) -> None:
    template = prepared(conn, a_template(a_mapping(a_queue())))
    send(conn, 1)
    counts: list[Any] = []

    def handle(event: dict[str, Any]) -> None:
        counts.append(conn.execute("SELECT read_ct, vt > clock_timestamp() FROM pgmq.q_work").fetchone())

    drain(database_url, template, handle)
    assert counts == [(1, True)]


@pytest.mark.parametrize("answer", ["nonsense", {"batchItemFailures": [{"itemIdentifier": "0"}]}])
def test_a_malformed_answer_fails_the_whole_batch(conn: Connection, database_url: str, answer: object) -> None:
    template = prepared(conn, a_template(a_mapping(a_queue())))
    send(conn, 1, 2)
    drain(database_url, template, lambda event: answer)
    assert stored(conn) == [1, 2]


def test_a_message_that_keeps_failing_is_tried_as_often_as_the_queue_allows_and_then_buried(
    conn: Connection, database_url: str
) -> None:
    template = prepared(conn, a_template(a_mapping(a_queue(visibility=0, tries=3))))
    send(conn, 1)
    counts: list[str] = []

    def fail(event: dict[str, Any]) -> object:
        counts.append(event["Records"][0]["attributes"]["ApproximateReceiveCount"])
        raise RuntimeError("no")

    drain(database_url, template, fail)
    assert counts == ["1", "2", "3"]
    assert stored(conn) == []
    assert stored(conn, "work_dlq") == [1]
    headers = conn.execute("SELECT headers FROM pgmq.q_work_dlq").fetchone()
    assert headers is not None
    assert headers[0]["source_queue"] == "work"
    assert headers[0]["receive_count"] == 3


def test_a_poison_message_does_not_hold_back_the_others(conn: Connection, database_url: str) -> None:
    template = prepared(conn, a_template(a_mapping(a_queue(visibility=0, tries=2), batch=1)))
    send(conn, 1, 2, 3)
    seen: list[int] = []

    def handle(event: dict[str, Any]) -> None:
        if numbers(event) == [1]:
            raise SystemExit("poison")
        seen.extend(numbers(event))

    def as_loaded(event: dict[str, Any]) -> None:
        try:
            handle(event)
        except SystemExit as error:
            raise RuntimeError from error

    drain(database_url, template, as_loaded)
    assert seen == [2, 3]
    assert stored(conn, "work_dlq") == [1]


def test_a_notification_wakes_the_consumers(
    conn: Connection, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queues_pump, "_POLL_SECONDS", 10 * EVENT_SECONDS)
    template = prepared(conn, a_template(a_mapping(a_queue()), "job.made", "job.due"))
    done = threading.Event()
    with running(database_url, template, recorder(done, {1, 2})) as pump:
        assert pump.listening.wait(EVENT_SECONDS)
        send(conn, 1)
        send(conn, 2, topic="job.due")
        assert done.wait(EVENT_SECONDS)


def test_a_message_that_comes_due_without_a_notification_is_found(conn: Connection, database_url: str) -> None:
    template = prepared(conn, a_template(a_mapping(a_queue())))
    done = threading.Event()
    with running(database_url, template, recorder(done, {1})) as pump:
        assert pump.listening.wait(EVENT_SECONDS)
        conn.execute("SELECT pgmq.send('work', '{\"n\": 1}'::jsonb, 1)")
        assert done.wait(EVENT_SECONDS)


def test_messages_a_dead_pump_was_working_on_are_handed_out_again_at_once(conn: Connection, database_url: str) -> None:
    template = prepared(conn, a_template(a_mapping(a_queue(visibility=3600))))
    send(conn, 1)
    conn.execute("SELECT pgmq.send('work', '{\"n\": 2}'::jsonb, 3600)")
    assert len(pgmq.read(conn, template.queues["work"], 10)) == 1
    done = threading.Event()
    with running(database_url, template, recorder(done, {1})):
        assert done.wait(EVENT_SECONDS)
    assert stored(conn) == [2]


def test_it_goes_on_when_the_database_comes_back(conn: Connection, database_url: str) -> None:
    template = prepared(conn, a_template(a_mapping(a_queue(visibility=3600))))
    done = threading.Event()
    first = threading.Event()

    def handle(event: dict[str, Any]) -> None:
        if not first.is_set():
            conn.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            first.set()
            raise ConnectionError("the database went away")
        done.set()

    with running(database_url, template, handle) as pump:
        assert pump.listening.wait(EVENT_SECONDS)
        send(conn, 1)
        assert done.wait(EVENT_SECONDS)
    assert first.is_set()
    assert stored(conn) == []


def test_a_second_pump_waits_until_the_first_has_ended(conn: Connection, database_url: str) -> None:
    template = prepared(conn, a_template(a_mapping(a_queue())))
    done = threading.Event()
    with ExitStack() as first_runs:
        first = first_runs.enter_context(running(database_url, template, lambda event: None))
        assert first.listening.wait(EVENT_SECONDS)
        with running(database_url, template, recorder(done, {1})) as second:
            while not conn.execute(
                "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%try_advisory_lock%'"
                " AND state = 'idle' AND pid NOT IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory')"
            ).fetchone():
                assert first.listening.is_set()
            assert not second.listening.is_set()
            first_runs.close()
            assert second.listening.wait(EVENT_SECONDS)
            send(conn, 1)
            assert done.wait(EVENT_SECONDS)


def test_pumps_of_two_workers_work_side_by_side_and_leave_each_other_s_messages_alone(
    conn: Connection, database_url: str
) -> None:
    first = prepared(conn, a_template(a_mapping(a_queue()), "job.made"))
    second = prepared(conn, a_template(a_mapping(a_queue("drawings", dead="drawings_dlq")), "drawing.made"))
    under_way, go_on, done = threading.Event(), threading.Event(), threading.Event()
    drawn: list[int] = []

    def draw(event: dict[str, Any]) -> None:
        drawn.extend(numbers(event))
        under_way.set()
        assert go_on.wait(EVENT_SECONDS)

    with running(database_url, second, draw, worker="worker-drawings") as drawing:
        assert drawing.listening.wait(EVENT_SECONDS)
        send(conn, 1, topic="drawing.made")
        assert under_way.wait(EVENT_SECONDS)
        with running(database_url, first, recorder(done, {2})) as pump:
            assert pump.listening.wait(EVENT_SECONDS)
            assert stored(conn, "drawings") == [1]
            send(conn, 2)
            assert done.wait(EVENT_SECONDS)
            go_on.set()
    assert drawn == [1]
    assert (stored(conn), stored(conn, "drawings")) == ([], [])


@pytest.mark.parametrize("busy", ["worker", "worker-drawings"])
def test_a_stack_does_not_start_beside_any_pump_of_another(
    conn: Connection, database_url: str, busy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queues_pump, "_LISTEN_SECONDS", 0.01)
    template = prepared(conn, a_template(a_mapping(a_queue())))
    workers = ("worker", "worker-drawings")
    with running(database_url, template, print, worker=busy) as pump:
        assert pump.listening.wait(EVENT_SECONDS)
        with pytest.raises(queues_pump.PumpBusyError):
            queues_pump.await_free(conn, workers, 0)
    queues_pump.await_free(conn, workers, EVENT_SECONDS)


def test_a_batching_window_gathers_what_arrives_within_it(conn: Connection, database_url: str) -> None:
    template = prepared(conn, a_template(a_mapping(a_queue(), batch=3, window=2, threads=1)))
    done = threading.Event()
    batches: list[list[int]] = []

    def handle(event: dict[str, Any]) -> None:
        batches.append(numbers(event))
        done.set()

    with running(database_url, template, handle) as pump:
        assert pump.listening.wait(EVENT_SECONDS)
        send(conn, 1)
        send(conn, 2)
        send(conn, 3)
        assert done.wait(EVENT_SECONDS)
    assert batches == [[1, 2, 3]]


def test_bindings_become_those_of_the_template_and_others_stay(conn: Connection) -> None:
    conn.execute("SELECT pgmq.create('foreign'), pgmq.create('work')")
    conn.execute("SELECT pgmq.bind_topic('job.made', 'foreign'), pgmq.bind_topic('job.old', 'work')")
    topology.prepare(conn, a_template(a_mapping(a_queue()), "job.made"))
    bound = conn.execute(
        "SELECT pattern, queue_name FROM pgmq.topic_bindings WHERE queue_name IN ('foreign', 'work') ORDER BY 2"
    ).fetchall()
    assert bound == [("job.made", "foreign"), ("job.made", "work")]
