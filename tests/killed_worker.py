"""Deliver's handler in processes that are killed with ``kill -9`` at a point of the delivery.

``python -m tests.killed_worker`` reads ``<point> <lead id>`` by line. For each it forks a worker that takes the lead's
message and dies at the point; it answers with the worker's process id, and then with the signal it died of. Forking
from a process that has imported everything and connected to nothing makes a thousand kills a matter of a minute.
"""

import importlib.util
import os
import signal
import sys
from pathlib import Path
from typing import Any

from leadgen.adapters import bus, clock, egress
from leadgen.operations import dispatch
from tests.messages import messages

POINTS = ("before_call", "during_call", "after_answer", "before_record", "before_commit")

_HANDLER = Path(__file__).parents[1] / "functions/deliver/handler.py"


def _die(*_: Any, **__: Any) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


def _arm(point: str) -> None:
    """Make this process die when it comes to the point; during the call, its receiver kills it."""
    post = egress.post
    match point:
        case "before_call":
            egress.post = _die
        case "after_answer":
            egress.post = lambda *given, **named: _die(post(*given, **named))
        case "before_record":
            dispatch.record = _die
        case "before_commit":
            record = dispatch.record

            def recorded(*given: Any, **named: Any) -> Any:
                result = record(*given, **named)
                bus.Transaction.announce = _die  # type: ignore[method-assign]
                return result

            dispatch.record = recorded


def main() -> None:
    """Fork a worker for each line."""
    spec = importlib.util.spec_from_file_location("deliver_handler", _HANDLER)
    assert spec is not None
    assert spec.loader is not None
    handler = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(handler)
    for line in sys.stdin:
        point, lead = line.split()
        worker = os.fork()
        if worker == 0:
            _arm(point)
            handler.process(messages("lead.routed", [int(lead)]), clock.now())
            os._exit(0)
        print(worker, flush=True)
        _, status = os.waitpid(worker, 0)
        print(os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0, flush=True)


if __name__ == "__main__":
    main()
