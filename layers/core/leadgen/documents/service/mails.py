"""Mails of documents: drawn and kept, claimed and committed, sent, recorded. Each goes out once; a worker that dies
between sending and recording is the only reason for a second one, and the log says so. None is forgotten.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg import Connection

from leadgen.documents.domain import mail as domain
from leadgen.documents.service import documents
from leadgen.documents.store import mails
from leadgen.documents.store.documents import Document
from leadgen.documents.store.mails import ClaimedMail, MailResult, WaitingMail
from leadgen.kernel.events import Event, Topic
from leadgen.kernel.mail_page import MailText
from leadgen.outbound.domain import outcomes
from leadgen.outbound.domain.outcomes import CallOutcome, FailedForNow, Succeeded, Unknown
from leadgen.outbound.service import mail as outbound_mail
from leadgen.outbound.service import webhook
from leadgen.outbound.service.webhook import Call
from leadgen.payments.service import checkout
from leadgen.platform import settings
from leadgen.platform.log import logger
from leadgen.platform.mail import mail as platform_mail
from leadgen.platform.mail.mail import Attachment


@dataclass(frozen=True)
class MailToSend:
    """A claimed mail with its words and its attachment."""

    claimed: ClaimedMail
    number: str
    words: MailText
    attached: Document

    @property
    def message_id(self) -> str:
        """The same for a second attempt: whoever gets both sees that it is one mail."""
        claimed = self.claimed
        return f"invoice-{claimed.invoice_id}" if claimed.invoice_id else f"credit-note-{claimed.credit_note_id}"


def draw(conn: Connection[Any], invoice_ids: Collection[int], credit_note_ids: Collection[int]) -> None:
    """Draw and keep those of the documents that are still to be mailed; before any claim, for it may take a while.
    Raises PolicyInvalid where one cannot be drawn.
    """
    for one in mails.pending(conn, invoice_ids, credit_note_ids):
        if one.invoice_id is not None:
            documents.document(conn, "invoice", one.invoice_id)
        if one.credit_note_id is not None:
            documents.document(conn, "credit_note", one.credit_note_id)


def claim(
    conn: Connection[Any],
    invoice_ids: Collection[int],
    credit_note_ids: Collection[int],
    *,
    now: datetime,
    until: datetime,
) -> list[MailToSend]:
    """Claim what is due of the mails of these documents, which are drawn."""
    claimed = mails.claim(conn, invoice_ids, credit_note_ids, now=now, until=until)
    for one in claimed:
        if one.outcome_unknown:
            logger.warning(
                "document.mailed_again",
                extra={"mail_id": one.mail_id, "invoice_id": one.invoice_id, "credit_note_id": one.credit_note_id},
            )
    return [_to_send(conn, one) for one in claimed]


def send(outgoing: MailToSend) -> Call:
    """Hand a mail over. No transaction may be open meanwhile."""
    words, attached = outgoing.words, outgoing.attached

    def hand_over() -> tuple[CallOutcome, None]:
        outcome = outbound_mail.outcome_of(
            lambda: platform_mail.send(
                to=outgoing.claimed.email,
                subject=words.subject,
                text=words.text,
                html=words.html,
                message_id=outgoing.message_id,
                attachments=(Attachment(attached.filename, attached.media_type, attached.content),),
                timeout_seconds=settings.current().webhook_timeout_seconds,
            )
        )
        return outcome, None

    return webhook.timed(hand_over)


def record(conn: Connection[Any], ended: Sequence[tuple[MailToSend, Call]], *, now: datetime) -> dict[int, MailResult]:
    """Keep what came of mails; the results, by the mails' ids."""
    results = {outgoing.claimed.mail_id: _result(outgoing.claimed, call.outcome, now) for outgoing, call in ended}
    mails.record(conn, list(results.values()), now=now)
    return results


def again(waiting: WaitingMail, now: datetime) -> Event:
    """Tell again of a document whose mail waits."""
    ids: dict[str, int | str] = {"invoice_id": waiting.invoice_id, "buyer_id": waiting.buyer_id}
    if waiting.credit_note_id is None:
        return Event(Topic.INVOICE_GENERATED, now, ids=ids)
    return Event(Topic.CREDIT_NOTE_ISSUED, now, ids={**ids, "credit_note_id": waiting.credit_note_id})


def _to_send(conn: Connection[Any], claimed: ClaimedMail) -> MailToSend:
    if claimed.invoice_id is not None:
        invoice = documents.invoice(conn, claimed.invoice_id)
        words = domain.of_invoice(invoice, pay_url=checkout.payment_url(claimed.invoice_id))
        return MailToSend(claimed, invoice.number, words, documents.document(conn, "invoice", claimed.invoice_id))
    assert claimed.credit_note_id is not None
    note = documents.credit_note(conn, claimed.credit_note_id)
    attached = documents.document(conn, "credit_note", claimed.credit_note_id)
    return MailToSend(claimed, note.number, domain.of_credit_note(note), attached)


def _result(claimed: ClaimedMail, outcome: CallOutcome, now: datetime) -> MailResult:
    wait = domain.SCHEDULE.delay(claimed.attempts, seed=claimed.mail_id)
    again_at = None if wait is None else now + timedelta(seconds=wait)
    match outcome:
        case Succeeded():
            return MailResult(claimed.mail_id, "sent")
        case FailedForNow() if again_at is not None:
            return MailResult(claimed.mail_id, "pending", again_at, outcomes.cause(outcome))
        case Unknown() if again_at is not None and claimed.attempts == 1:  # it may have come: not a third time
            return MailResult(claimed.mail_id, "pending", again_at, outcomes.cause(outcome))
        case _:
            return MailResult(claimed.mail_id, "given_up", error=outcomes.cause(outcome) or outcomes.name(outcome))
