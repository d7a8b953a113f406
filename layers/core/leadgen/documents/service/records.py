"""What the document stage logs of every mail."""

from leadgen.documents.service.mails import MailErrand
from leadgen.documents.store.mails import MailResult
from leadgen.outbound.domain import outcomes
from leadgen.outbound.service.webhook import Call
from leadgen.platform.messaging.batch import Outcome


def outcome(errand: MailErrand, call: Call, result: MailResult) -> Outcome:
    """The log line of a mail."""
    claimed = errand.claimed
    facts = {
        "mail_id": claimed.mail_id,
        "document": errand.number,
        "buyer_id": claimed.buyer_id,
        "attempt": claimed.attempts,
        "call": outcomes.name(call.outcome),
        "error": outcomes.cause(call.outcome),
        "call_milliseconds": call.milliseconds,
        "sha256": errand.attached.sha256,
    }
    name = {"sent": "mailed", "pending": "mail_retry", "given_up": "mail_given_up"}[result.status]
    return Outcome(name, None, facts)
