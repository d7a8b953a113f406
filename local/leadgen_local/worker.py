"""A worker process: the queue pump and the schedules of some of the template's functions."""

import contextlib
import logging
import os
import signal
import sys
import threading
from pathlib import Path

from leadgen_local import handlers
from leadgen_local.queues.pump import Pump
from leadgen_local.schedules.scheduler import Scheduler
from leadgen_local.supervision import readiness
from leadgen_local.template import reader

_NICENESS = 5  # on a busy machine a post is answered before the leads taken in earlier are worked on
_NICENESS_APART = 5  # more than that: a function that has a worker of its own is slow, and the leads go first


def main() -> None:
    """Arguments: the template, and the name of the worker among those of the template. Works until SIGTERM.

    A message under way then is finished or, when that takes too long, received again by the next worker.
    """
    template, name = Path(sys.argv[1]), sys.argv[2]
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(asctime)s %(levelname)s %(message)s")
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    part = reader.load(template).part_of(name)
    called = {mapping.function for mapping in part.mappings} | {schedule.function for schedule in part.schedules}
    loaded = handlers.load_all(part.functions[function] for function in sorted(called))
    # Not before: the stack waits for every worker to be loaded. And before any thread: each has a niceness of its own.
    os.nice(_NICENESS)
    if name != reader.MAIN_WORKER:
        _give_way_to_the_main_worker()
    pump = Pump(part, os.environ["DATABASE_URL"], loaded, worker=name)
    threading.Thread(target=_announce, args=(pump,), daemon=True).start()
    Scheduler(part, loaded).start(stop)
    pump.run(stop)


def _give_way_to_the_main_worker() -> None:
    os.nice(_NICENESS_APART)
    # Where Linux groups processes by session, niceness counts within a session only, and each child is one of its own.
    with contextlib.suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(_NICENESS_APART))


def _announce(pump: Pump) -> None:
    pump.listening.wait()
    readiness.announce()


if __name__ == "__main__":
    main()
