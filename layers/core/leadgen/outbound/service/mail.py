"""Hands over a mail and turns what became of it into a call's outcome."""

from collections.abc import Callable

from leadgen.outbound.domain.outcomes import CallOutcome, FailedForGood, FailedForNow, Succeeded, Unknown
from leadgen.platform.mail import mail


def outcome_of(send: Callable[[], None]) -> CallOutcome:
    """Hand a mail over, and return what came of it."""
    try:
        send()
    except mail.MailPutOff as failure:
        return FailedForNow(str(failure), only_this=True)
    except mail.MailNotSent as failure:
        return FailedForNow(str(failure))
    except mail.MailRefused as failure:
        return FailedForGood(str(failure))
    except mail.MailUnknown as failure:
        return Unknown(str(failure))
    return Succeeded()
