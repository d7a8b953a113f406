"""Reads lead ids from a batch's messages, and gives the outcome or the event of a lead that needs no new decision."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from leadgen.kernel.events import Event, Topic
from leadgen.leads.store.leads import State, Stuck
from leadgen.platform.messaging.batch import Message, Outcome


def lead_ids(messages: Sequence[Message]) -> list[int]:
    """The leads a batch is about, each once, in id order."""
    return sorted({message.lead_id for message in messages if message.lead_id is not None})


def repeated(lead_id: int | None, states: Mapping[int, State]) -> Outcome:
    """The outcome of a message whose lead was not in the state that its stage works on."""
    if lead_id is None or lead_id not in states:
        return Outcome("unknown_lead", lead_id)
    return Outcome("repeated", lead_id, {"status": states[lead_id].status})


def next_step(stuck: Stuck, now: datetime) -> Event:
    """The event that takes a lead to its next step, once more."""
    ids: dict[str, int | str] = {} if stuck.buyer_id is None else {"buyer_id": stuck.buyer_id}
    return Event(Topic(stuck.event), now, stuck.lead_id, stuck.trace_id, ids=ids)
