"""The receiver for trying: whatever is posted to it on this machine, it answers."""

import http.client
from collections.abc import Iterator
from queue import Queue

import pytest

from leadgen.notifications.commands import receiver
from leadgen.notifications.commands.receiver import Answers, Received

SECRET = "whsec_" + "c2VjcmV0LW9mLXRoaXJ0eS10d28tYnl0ZXMtbG9uZyE="


@pytest.fixture
def told() -> Queue[Received]:
    return Queue()


@pytest.fixture
def port(told: Queue[Received]) -> Iterator[int]:
    with receiver.listening(0, [SECRET], Answers(), told.put, answers_well=lambda _: False) as port:
        yield port


@pytest.mark.parametrize("length", ["\xb2", "9" * 5000, "-1", "1e3", ""])
def test_a_length_that_is_none_is_answered(port: int, length: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.putrequest("POST", "/")
    connection.putheader("Content-Length", length)
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()


def test_a_body_nested_without_end_is_told_as_one_that_does_not_read(port: int, told: Queue[Received]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("POST", "/", body="[" * 60_000)
    assert connection.getresponse().status == 401
    assert told.get(timeout=10).body == {}
    connection.close()
