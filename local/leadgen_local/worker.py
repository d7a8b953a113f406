"""The worker process: the queue pump and the schedules, calling the same loaded handlers."""

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


def main() -> None:
    """Work on the template that is the argument until SIGTERM.

    A message under way then is finished or, when that takes too long, received again by the next worker.
    """
    os.nice(_NICENESS)
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(asctime)s %(levelname)s %(message)s")
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    described = reader.load(Path(sys.argv[1]))
    names = {mapping.function for mapping in described.mappings}
    names |= {schedule.function for schedule in described.schedules}
    loaded = handlers.load_all(described.functions[name] for name in sorted(names))
    pump = Pump(described, os.environ["DATABASE_URL"], loaded)
    threading.Thread(target=_announce, args=(pump,), daemon=True).start()
    Scheduler(described, loaded).start(stop)
    pump.run(stop)


def _announce(pump: Pump) -> None:
    pump.listening.wait()
    readiness.announce()


if __name__ == "__main__":
    main()
