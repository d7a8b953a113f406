"""What several of these tests need: waiting for the end of a process that is no child, and small templates."""

import os
import select
from pathlib import Path

from leadgen_local.template.reader import Function, Queue, QueueMapping, Subscription, Template

EVENT_SECONDS = 60.0
"""How long an awaited event may take before the test fails, on a busy machine."""


def await_end(pid: int) -> None:
    """Return when the process has ended, whosever child it is."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        ended, _, _ = select.select([descriptor], [], [], EVENT_SECONDS)
    finally:
        os.close(descriptor)
    assert ended, f"process {pid} did not end"


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def a_function(name: str = "Stage") -> Function:
    return Function(name, Path("functions/stage"), "handler.handler", 30, 128, {})


def a_queue(name: str = "work", *, visibility: int = 30, tries: int = 3, dead: str | None = "work_dlq") -> Queue:
    arn = f"arn:aws:sqs:us-east-1:000000000000:leadgen-{name.replace('_', '-')}"
    return Queue(name, arn, visibility, dead, tries if dead else None)


def a_mapping(
    queue: Queue, *, batch: int = 10, reports: bool = True, threads: int = 2, window: int = 0
) -> QueueMapping:
    return QueueMapping(queue, "Stage", batch, window, threads, reports)


def a_template(mapping: QueueMapping, *events: str) -> Template:
    """One queue with its dead letter queue, mapped to one function and bound to the events, or to all."""
    queues = {mapping.queue.name: mapping.queue}
    if mapping.queue.dead_letter_queue is not None:
        queues[mapping.queue.dead_letter_queue] = a_queue(mapping.queue.dead_letter_queue, dead=None)
    subscription = Subscription(mapping.queue.name, events or None)
    return Template({"Stage": a_function()}, (), queues, (mapping,), (subscription,), ())
