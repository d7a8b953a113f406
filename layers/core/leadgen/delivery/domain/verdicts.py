"""Reads an operator's verdict on a delivery in review, and decides whether it is possible."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal, Self, get_args

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from leadgen.delivery.domain.steps import Channel
from leadgen.kernel.errors import Refusal
from leadgen.kernel.model import Model
from leadgen.kernel.model_errors import describe
from leadgen.kernel.text import StorableText

Name = Literal["redeliver", "assign", "return", "reject", "succeeded"]
NAMES: tuple[Name, ...] = get_args(Name)

# Those after which the lead's contact data is sent to somebody.
_SENDING = ("redeliver", "assign", "return")


# What a verdict was called before.
NAMES_OF_BEFORE: Mapping[str, Name] = {"taken": "succeeded"}


def current_name(name: object) -> object:
    """A verdict by its name of now."""
    return NAMES_OF_BEFORE.get(name, name) if isinstance(name, str) else name


class DeliveryVerdict(Model):
    """What an operator decides; ``buyer_id`` is whom the lead is assigned to, ``reason`` is kept in the audit trail."""

    verdict: Annotated[Name, BeforeValidator(current_name)]
    buyer_id: Annotated[int, Field(ge=1, le=2_147_483_647)] | None = None
    reason: Annotated[StorableText, Field(max_length=500)] | None = None

    @model_validator(mode="after")
    def _names_a_buyer_to_assign_to(self) -> Self:
        if (self.verdict == "assign") != (self.buyer_id is not None):
            raise ValueError("buyer_id goes with the verdict assign, and with no other")
        return self


def read(fields: Mapping[str, object]) -> DeliveryVerdict:
    """A posted verdict. Raises Refusal 400."""
    try:
        return DeliveryVerdict.model_validate(dict(fields))
    except ValidationError as error:
        raise Refusal(400, "invalid_request", describe(error, whole="the verdict"), {"verdicts": list(NAMES)}) from None


@dataclass(frozen=True)
class Delivery:
    """A delivery as a person is shown it, without anything of the lead's person.

    ``attempts`` are those begun. ``is_open`` is that its lead is still claimed for its buyer and nobody has billed it,
    ``is_reachable`` that the buyer has a webhook or takes e-mail now. ``verdict`` is a person's last one, and
    ``verdict_is_last`` that nothing has happened to it since. The endpoint is the one called last.
    """

    delivery_id: str
    lead_id: int
    buyer_id: int
    buyer: str
    created_at: datetime
    status: str
    channel: Channel
    attempts: int
    next_attempt_at: datetime | None
    settled_at: datetime | None
    outcome_unknown: bool
    review_reason: str | None
    release_reason: str | None
    rejection: str | None
    reference: str | None
    content_type: str | None
    body_bytes: int | None
    trace_id: str | None
    lead_status: str
    offer_id: int
    offer: str
    is_open: bool
    is_erased: bool
    is_reachable: bool
    verdict: Name | None
    verdict_buyer_id: int | None
    verdict_at: datetime | None
    verdict_by: str | None
    verdict_is_last: bool
    endpoint_id: int | None
    endpoint_url: str | None
    endpoint_state: str | None
    endpoint_reason: str | None


def is_repeated(verdict: DeliveryVerdict, delivery: Delivery) -> bool:
    """Whether this repeats the last verdict, and nothing has happened since."""
    last = delivery.verdict, delivery.verdict_buyer_id
    return delivery.verdict_is_last and last == (verdict.verdict, verdict.buyer_id)


def refuse(verdict: DeliveryVerdict, delivery: Delivery) -> None:
    """Refuse a verdict that cannot be carried out. Raises Refusal 409."""
    if verdict.buyer_id == delivery.buyer_id:
        raise Refusal(
            409,
            "same_buyer",
            f"delivery {delivery.delivery_id} is {delivery.buyer}'s ({delivery.buyer_id}) already: the verdict is "
            "redeliver",
        )
    obstacle = _obstacle(verdict.verdict, delivery)
    if obstacle is not None:
        raise obstacle


def possible(delivery: Delivery) -> tuple[Name, ...]:
    """The verdicts that a delivery admits of now."""
    return tuple(name for name in NAMES if _obstacle(name, delivery) is None)


def _obstacle(name: Name, delivery: Delivery) -> Refusal | None:
    if delivery.status != "in_review":
        return Refusal(
            409,
            "not_in_review",
            f"delivery {delivery.delivery_id} is not in review: it is {delivery.status}",
            {"status": delivery.status, "verdict": delivery.verdict},
        )
    if not delivery.is_open:
        return Refusal(
            409,
            "lead_moved_on",
            f"lead {delivery.lead_id} is not {delivery.buyer}'s to be delivered any more: it is {delivery.lead_status}",
            {"status": delivery.lead_status},
        )
    if delivery.is_erased and name in _SENDING:
        return Refusal(
            409,
            "erased",
            f"lead {delivery.lead_id} is erased, there is nothing left to send: reject it, or decide succeeded",
        )
    if name == "redeliver" and not delivery.is_reachable:
        return Refusal(
            409,
            "no_channel",
            f"{delivery.buyer} ({delivery.buyer_id}) has no webhook and takes no e-mail: give it one of them first",
        )
    return None


REVIEW_REASONS: Mapping[str, str] = {
    "webhook_failed": "the webhook failed for good, and the buyer takes no e-mail",
    "email_failed": "the e-mail could not be handed over",
    "outcome_unknown": "the outcome of a call is unknown: the buyer may have the lead",
    "rejected": "the buyer rejected it, and the policy leaves the rest to a person",
    "rejected_outcome_unknown": "the buyer rejected it, but may have accepted it before: the outcome of an earlier "
    "call is unknown",
    "format_invalid": "the enrollment's delivery terms do not parse: mend them, then redeliver",
    "workers_died": "worker after worker died over it",
    "erased": "the lead was erased before it could be sent",
}

OUTCOMES: Mapping[str, str] = {
    "succeeded": "succeeded: the buyer has the lead",
    "rejected": "rejected by the buyer",
    "failed": "failed: the buyer does not have it",
    "failed_for_good": "failed for good: asking again is of no use",
    "unknown": "unknown: it was sent, and no answer shows the outcome: the buyer may have the lead",
}


def state(delivery: Delivery) -> str:
    """How a delivery stands, in a sentence's end."""
    match delivery.status:
        case "pending":
            return "under way"
        case "succeeded":
            return "succeeded: the buyer has the lead"
        case "in_review":
            reason = delivery.review_reason or ""
            return f"waits for a person: {REVIEW_REASONS.get(reason, reason)}"
        case _:
            why = "the buyer rejected it" if delivery.release_reason == "rejected" else "a person took it back"
            return f"released: {why}"
