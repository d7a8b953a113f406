"""On deploy: migrate the database, and bind every topic to the outbox."""

from pathlib import Path
from typing import Any

from leadgen.platform import db, settings
from leadgen.platform.log import logger
from leadgen.platform.messaging import queues
from leadgen.platform.migrations import migrate


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Lambda's entry; the event is not looked at: running it twice changes nothing."""
    directory = settings.current().migrations_dir
    if directory is None:
        raise RuntimeError("MIGRATIONS_DIR is not set: it names the folder of the SQL migrations")
    with db.current().connection() as conn:
        applied = migrate(conn, Path(directory))
        queues.create(conn, queues.OUTBOX)
        queues.bind(conn, "#", queues.OUTBOX)
    logger.info("migrate.run", extra={"stage": "migrate", "applied": applied})
    return {"applied": applied}
