"""Makes the database's queues and topic bindings those of the template."""

from leadgen.platform.messaging import queues
from leadgen_local.queues.pgmq import Connection
from leadgen_local.template.reader import Template


def prepare(conn: Connection, template: Template) -> None:
    """Create the queues that are missing, bind the topics that are missing, unbind those the template has no more.

    Bindings of queues that are not in the template are not changed.
    """
    with conn.transaction():
        for name in template.queues:
            queues.create(conn, name)
        wanted = {(topic, part.queue) for part in template.subscriptions for topic in part.patterns}
        present = {(topic, queue) for topic, queue in queues.bindings(conn) if queue in template.queues}
        for topic, queue in sorted(wanted - present):
            queues.bind(conn, topic, queue)
        for topic, queue in sorted(present - wanted):
            queues.unbind(conn, topic, queue)
