"""Messages between the stages: ids, and nothing of the person."""

import json
from typing import Any

import pytest

from leadgen.kernel.events import Event, Topic, event_key
from tests.support.domain_values import NOON


def test_a_message_holds_the_four_keys_and_the_further_ids() -> None:
    plain = Event(Topic.LEAD_ROUTED, NOON, 7, "trace-7").message()
    assert plain == {
        "event": "lead.routed",
        "lead_id": 7,
        "occurred_at": "2026-06-17T12:00:00+00:00",
        "trace_id": "trace-7",
    }
    with_ids = Event(Topic.INVOICE_GENERATED, NOON, ids={"invoice_id": 3, "buyer_id": 5}).message()
    assert with_ids == {
        "event": "invoice.generated",
        "lead_id": None,
        "occurred_at": "2026-06-17T12:00:00+00:00",
        "trace_id": None,
        "invoice_id": 3,
        "buyer_id": 5,
    }
    assert json.loads(json.dumps(with_ids)) == with_ids


def test_the_delay_is_not_part_of_the_message() -> None:
    assert "delay_seconds" not in Event(Topic.DELIVERY_DUE, NOON, 7, delay_seconds=5).message()


def key(event: str, **ids: Any) -> str:
    return event_key({"event": event, "occurred_at": NOON.isoformat(), "trace_id": "t", "lead_id": None, **ids})


def test_the_same_event_told_later_has_the_same_key() -> None:
    early, late = Event(Topic.LEAD_ROUTED, NOON, 7), Event(Topic.LEAD_ROUTED, NOON.replace(year=2027), 7, "other")
    assert event_key(dict(early.message())) == event_key(dict(late.message()))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (key("lead.routed", lead_id=7), key("lead.routed", lead_id=8)),
        (key("lead.routed", lead_id=7), key("lead.delivered", lead_id=7)),
        (key("lead.unrouted", lead_id=7, attempt=1), key("lead.unrouted", lead_id=7, attempt=2)),
        (key("invoice.generated", invoice_id=1), key("invoice.generated", invoice_id=2)),
        (key("invoice.generated", invoice_id=1), key("buyer.balance_threshold", invoice_id=1)),
    ],
)
def test_different_events_have_different_keys(one: str, other: str) -> None:
    assert one != other


def test_the_longest_key_fits_its_column() -> None:
    longest = key("buyer.balance_threshold", lead_id=2**31 - 1, invoice_id=2**31 - 1, buyer_id=2**31 - 1, attempt=10**6)
    assert len(longest) <= 128
