"""The reference for subscribers: its examples are what is sent, and its code verifies it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from leadgen.notifications.domain import notices, subscriptions
from leadgen.notifications.service.trial_events import EXAMPLES
from leadgen.outbound.domain.signing import Sending, headers
from leadgen.platform import clock

TEXT = (Path(__file__).parents[3] / "docs" / "events.md").read_text(encoding="utf-8")
DOCUMENTED = dict(re.findall(r"^### (\S+)\n.+?\n```json\n(.*?)\n```", TEXT, re.MULTILINE | re.DOTALL))
SECRET = subscriptions.secret(b"s" * 32)


def sent(event: str) -> bytes:
    return notices.body(event, "2026-06-17T12:00:00+00:00", EXAMPLES[event])


def test_every_event_has_its_place() -> None:
    assert set(DOCUMENTED) == set(subscriptions.EVENTS)
    assert all(f"`{group}`" in TEXT for group in subscriptions.GROUPS)


@pytest.mark.parametrize("event", subscriptions.EVENTS)
def test_an_example_is_what_is_sent(event: str) -> None:
    assert DOCUMENTED[event].encode() == sent(event)


def test_the_code_verifies_what_is_sent() -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    body = sent("lead.delivered")
    signed = headers(
        Sending("id", "lead.delivered", "application/json", body), [SECRET], at=int(clock.now().timestamp())
    )
    received = {name.lower(): value for name, value in signed.items()}
    assert names["receive"](SECRET, received, body) == json.loads(body)
    with pytest.raises(Exception, match="signature"):
        names["receive"](SECRET, received, body + b" ")


def test_the_headers_are_those_that_are_sent() -> None:
    signed = headers(Sending("id", "lead.received", "application/json", b"{}"), [SECRET], at=0)
    assert set(re.findall(r"^\| `([\w-]+)` \|", TEXT, re.MULTILINE)) == set(signed)


def test_the_schedule_is_the_one_that_is_kept() -> None:
    (row,) = re.findall(r"^\| after the one before \| (.*) \|$", TEXT, re.MULTILINE)
    unit = {"s": 1, "min": 60, "h": 3600}
    pauses = [int(number) * unit[name] for number, name in (pause.split() for pause in row.split(" | ")[1:])]
    assert tuple(pauses) == notices.SCHEDULES["event"].steps
