"""One attempt to hand a lead to its buyer. No transaction may be open meanwhile."""

from typing import assert_never

from leadgen.adapters import mail, settings
from leadgen.domain import delivery, lead_mail
from leadgen.domain.outcomes import CallOutcome
from leadgen.domain.signing import Sending
from leadgen.operations import calling, mailing
from leadgen.operations.calling import Call
from leadgen.operations.dispatch import Parcel


def hand_over(parcel: Parcel) -> Call:
    """Make the call that the delivery's channel asks for."""
    claimed = parcel.claimed
    match parcel.due.channel:
        case "webhook":
            assert parcel.due.url is not None
            assert parcel.rendered is not None
            sending = Sending(claimed.delivery_id, delivery.EVENT, parcel.rendered.content_type, parcel.rendered.body)
            return calling.post(parcel.due.url, sending, claimed.secrets, parcel.terms.answer)
        case "email":
            return calling.timed(lambda: (_mail(parcel), None))
        case _:
            assert_never(parcel.due.channel)


def _mail(parcel: Parcel) -> CallOutcome:
    claimed = parcel.claimed
    mailed = lead_mail.compose(claimed.facts)
    return mailing.outcome_of(
        lambda: mail.send(
            to=parcel.due.email_to,
            subject=mailed.subject,
            text=mailed.text,
            html=mailed.html,
            message_id=claimed.delivery_id,
            timeout_seconds=settings.current().webhook_timeout_seconds,
        )
    )
