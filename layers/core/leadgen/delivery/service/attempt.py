"""Makes one delivery attempt, by webhook or by e-mail. Call it outside any transaction."""

from typing import assert_never

from leadgen.delivery.domain import lead_mail, steps
from leadgen.delivery.service.dispatch import DeliveryToSend
from leadgen.outbound.domain.outcomes import CallOutcome
from leadgen.outbound.domain.signing import Sending
from leadgen.outbound.service import mail as outbound_mail
from leadgen.outbound.service import webhook
from leadgen.outbound.service.webhook import Call
from leadgen.platform import settings
from leadgen.platform.mail import mail as platform_mail


def hand_over(outgoing: DeliveryToSend) -> Call:
    """Make the call of the delivery's channel."""
    claimed = outgoing.claimed
    match outgoing.due.channel:
        case "webhook":
            assert outgoing.due.url is not None
            assert outgoing.rendered is not None
            sending = Sending(claimed.delivery_id, steps.EVENT, outgoing.rendered.content_type, outgoing.rendered.body)
            return webhook.post(outgoing.due.url, sending, claimed.secrets, outgoing.terms.answer)
        case "email":
            return webhook.timed(lambda: (_mail(outgoing), None))
        case _:
            assert_never(outgoing.due.channel)


def _mail(outgoing: DeliveryToSend) -> CallOutcome:
    claimed = outgoing.claimed
    mailed = lead_mail.compose(claimed.facts)
    return outbound_mail.outcome_of(
        lambda: platform_mail.send(
            to=outgoing.due.email_to,
            subject=mailed.subject,
            text=mailed.text,
            html=mailed.html,
            message_id=claimed.delivery_id,
            timeout_seconds=settings.current().webhook_timeout_seconds,
        )
    )
