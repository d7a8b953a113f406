"""What the document stage logs of every mail."""

from leadgen.documents.service.mails import MailToSend
from leadgen.documents.store.mails import MailResult
from leadgen.outbound.domain import outcomes
from leadgen.outbound.service.webhook import Call
from leadgen.platform.messaging.batch import Outcome


def outcome(outgoing: MailToSend, call: Call, result: MailResult) -> Outcome:
    """The log line of a mail."""
    claimed = outgoing.claimed
    facts = {
        "mail_id": claimed.mail_id,
        "document": outgoing.number,
        "buyer_id": claimed.buyer_id,
        "attempt": claimed.attempts,
        "call": outcomes.name(call.outcome),
        "error": outcomes.cause(call.outcome),
        "call_milliseconds": call.milliseconds,
        "sha256": outgoing.attached.sha256,
    }
    name = {"sent": "mailed", "pending": "mail_retry", "given_up": "mail_given_up"}[result.status]
    return Outcome(name, None, facts)
