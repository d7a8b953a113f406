"""`python -m leadgen_local`: the embedded stack on this machine, until Ctrl-C."""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from threading import Event, Thread
from types import FrameType

from leadgen_local.examples import configure, next_steps
from leadgen_local.stack import FAILURES, Stack

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class StopRequested(BaseException):
    """SIGTERM, Ctrl-C or the end of the terminal: stop everything and go."""


def main() -> int:
    """Run the stack; the process's exit status."""
    options = _parse(sys.argv[1:])
    for number in _SIGNALS:
        if number is not signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:  # nohup ignores it
            signal.signal(number, _request_stop)
    stack = None
    try:
        stack = Stack(os.environ, _print_line)
        stack.start()
        return _serve(stack, options)
    except FAILURES as error:
        print(f"LeadGen cannot run. {error}", file=sys.stderr)
        return 1
    except StopRequested:
        _print_line("Stopping …")
        return 0
    finally:
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)  # stopping is bounded in time: a second signal changes nothing
        if stack is not None:
            stack.stop()


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m leadgen_local", description="Run the embedded stack.")
    parser.add_argument(
        "--once",
        action="store_true",
        help="end after a report: on the example leads, or on what the database holds where none were posted; "
        "the status is 0 if the files could be applied and every example lead had the expected outcome",
    )
    parser.add_argument("--no-examples", action="store_true", help="post no example leads, apply none but the files")
    parser.add_argument(
        "files",
        nargs="*",
        type=Path,
        help="configuration to apply. Without any, the examples are applied to an empty embedded database, and their "
        "leads posted; to a database that holds anything, or that DATABASE_URL names, nothing is applied",
    )
    return parser.parse_args(arguments)


def _request_stop(number: int, frame: FrameType | None) -> None:
    for handled in _SIGNALS:
        signal.signal(handled, signal.SIG_IGN)
    raise StopRequested


def _print_line(line: str) -> None:
    try:
        print(line, flush=True)
    except BrokenPipeError:  # whoever read along has gone; the stack has not
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - for as long as the process lives


def _serve(stack: Stack, options: argparse.Namespace) -> int:
    """Supervise in this thread, which the children live and die with; another applies the files and posts the leads."""
    ended, failed, stopping = Event(), Event(), Event()

    def print_line(line: str) -> None:
        if not stopping.is_set():  # what fails because everything is being stopped is no failure to report
            _print_line(line)

    def work() -> None:
        if not configure.run(stack, options.files, print_line, examples=not options.no_examples, report=options.once):
            failed.set()
        if options.once:
            ended.set()
        else:
            next_steps.show(stack, print_line)

    Thread(target=work, daemon=True).start()
    try:
        stack.supervise(ended)
    finally:
        stopping.set()
    return 1 if failed.is_set() else 0


if __name__ == "__main__":
    sys.exit(main())
