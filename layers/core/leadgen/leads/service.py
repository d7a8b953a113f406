"""What the messages of a batch say of leads."""

from collections.abc import Mapping, Sequence

from leadgen.leads.store.leads import State
from leadgen.platform.messaging.batch import Message, Outcome


def lead_ids(messages: Sequence[Message]) -> list[int]:
    """The leads a batch is about, each once, in id order."""
    return sorted({message.lead_id for message in messages if message.lead_id is not None})


def repeated(lead_id: int | None, states: Mapping[int, State]) -> Outcome:
    """The outcome of a message whose lead was not in the state that its stage works on."""
    if lead_id is None or lead_id not in states:
        return Outcome("unknown_lead", lead_id)
    return Outcome("repeated", lead_id, {"status": states[lead_id].status})
