"""invoice.generated, credit_note.issued: draw the document, keep it, and mail it to its buyer once."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from leadgen.documents.service import mails, records
from leadgen.documents.service.mails import MailToSend
from leadgen.kernel.events import Topic
from leadgen.outbound.service import claims
from leadgen.outbound.service.webhook import Call
from leadgen.platform import clock, db, settings
from leadgen.platform.messaging import batch
from leadgen.platform.messaging.batch import Message, Outcome


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Lambda's entry: an SQS batch."""
    return batch.run("document", event, process)


def process(messages: Sequence[Message], now: datetime) -> list[Outcome]:
    """Draw what is new, claim the mails that are due and commit, hand them over at once, record each answer: no
    transaction is open in a call.
    """
    invoices = [int(m.body["invoice_id"]) for m in messages if m.event == Topic.INVOICE_GENERATED]
    credit_notes = [int(m.body["credit_note_id"]) for m in messages if m.event == Topic.CREDIT_NOTE_ISSUED]
    began = clock.seconds()
    with db.current().connection() as conn:
        mails.draw(conn, invoices, credit_notes)
    drawn_at = now + timedelta(seconds=clock.seconds() - began)
    until = claims.until(drawn_at, call_seconds=settings.current().webhook_timeout_seconds)
    with db.current().transaction() as conn:
        to_send = mails.claim(conn, invoices, credit_notes, now=drawn_at, until=until)
    done: list[Outcome] = []

    def record(ended: Sequence[tuple[MailToSend, Call]]) -> None:
        with db.current().transaction() as conn:
            results = mails.record(conn, ended, now=clock.now())
        done.extend(records.outcome(outgoing, call, results[outgoing.claimed.mail_id]) for outgoing, call in ended)

    claims.carry_out(to_send, mails.send, record)
    return done + [Outcome("nothing_due")] * (len(messages) - len(done))
