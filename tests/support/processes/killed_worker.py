"""A stage's handler in processes that are killed with ``kill -9`` at a point of the delivery.

``python -m tests.support.processes.killed_worker <stage>`` reads ``<point> <id>`` by line: of a lead for deliver, of a
notice for notify.
For each it forks a worker that takes the message and dies at the point; it answers with the worker's process id, and
then with the signal it died of. Forking from a process that has imported everything and connected to nothing makes a
thousand kills a matter of a minute.
"""

import importlib.util
import os
import signal
import sys
from pathlib import Path
from typing import Any

from leadgen.delivery.service import dispatch as delivery_dispatch
from leadgen.notifications.service import dispatch as notifications_dispatch
from leadgen.platform import clock
from leadgen.platform.egress import http_client
from leadgen.platform.messaging import bus
from leadgen.platform.messaging.batch import Message
from tests.support.stages.messages import body, messages

POINTS = ("before_call", "during_call", "after_answer", "before_record", "before_commit")

_FUNCTIONS = Path(__file__).parents[3] / "functions"
_RECORDS: dict[str, Any] = {"deliver": delivery_dispatch, "notify": notifications_dispatch}


def _die(*_: Any, **__: Any) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


def _arm(point: str, records: Any) -> None:
    """Make this process die when it comes to the point; during the call, its receiver kills it."""
    post = http_client.post
    match point:
        case "before_call":
            http_client.post = _die
        case "after_answer":
            http_client.post = lambda *given, **named: _die(post(*given, **named))
        case "before_record":
            records.record = _die
        case "before_commit":
            record = records.record

            def recorded(*given: Any, **named: Any) -> Any:
                result = record(*given, **named)
                bus.Transaction.announce = _die  # type: ignore[method-assign]
                return result

            records.record = recorded


def _message(stage: str, about: str) -> list[Message]:
    if stage == "deliver":
        return messages("lead.routed", [int(about)])
    return [Message("message", "notice.due", None, clock.now(), None, body("notice.due", None, notice_id=about))]


def main() -> None:
    """Fork a worker for each line."""
    stage = sys.argv[1]
    spec = importlib.util.spec_from_file_location(f"{stage}_handler", _FUNCTIONS / stage / "handler.py")
    assert spec is not None
    assert spec.loader is not None
    handler = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(handler)
    for line in sys.stdin:
        point, about = line.split()
        worker = os.fork()
        if worker == 0:
            _arm(point, _RECORDS[stage])
            handler.process(_message(stage, about), clock.now())
            os._exit(0)
        print(worker, flush=True)
        _, status = os.waitpid(worker, 0)
        print(os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0, flush=True)


if __name__ == "__main__":
    main()
