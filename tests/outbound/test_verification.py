"""The receiver verifies what it gets as the reference library does."""

import pytest
import standardwebhooks
from hypothesis import given
from hypothesis import strategies as st

from leadgen.notifications.domain import subscriptions
from leadgen.outbound.domain import verification
from leadgen.outbound.domain.signing import Sending, headers
from leadgen.outbound.domain.verification import NotVerified
from tests.support.domain_values import NOON

NOW = int(NOON.timestamp())
OLD, NEW = subscriptions.secret(b"o" * 32), subscriptions.secret(b"n" * 32)


def signed(body: bytes = b"{}", *, secrets: tuple[str, ...] = (NEW,), at: int = NOW) -> dict[str, str]:
    sent = headers(Sending("id-1", "lead.received", "application/json", body), secrets, at=at)
    return {name.lower(): value for name, value in sent.items()}


@given(body=st.binary())
def test_what_was_signed_is_verified_with_either_secret_of_a_rotation(body: bytes) -> None:
    for secret in (OLD, NEW):
        verification.verify(signed(body, secrets=(NEW, OLD)), body, [secret], at=NOW)


@given(body=st.binary(min_size=1), bit=st.integers(0))
def test_one_changed_bit_is_refused(body: bytes, bit: int) -> None:
    changed = bytearray(body)
    changed[bit // 8 % len(body)] ^= 1 << bit % 8
    with pytest.raises(NotVerified, match="not ours"):
        verification.verify(signed(body), bytes(changed), [NEW], at=NOW)


@pytest.mark.parametrize("age", [-301, 301, 10**6])
def test_what_is_not_of_now_is_refused(age: int) -> None:
    with pytest.raises(NotVerified, match="signed"):
        verification.verify(signed(at=NOW - age), b"{}", [NEW], at=NOW)
    verification.verify(signed(at=NOW - 300), b"{}", [NEW], at=NOW)


@pytest.mark.parametrize(
    "changes",
    [{"webhook-id": ""}, {"webhook-signature": ""}, {"webhook-timestamp": ""}, {"webhook-timestamp": "-5"},
     {"webhook-timestamp": "1e9"}, {"webhook-timestamp": "٣" * 10}, {"webhook-signature": "v1,é"},
     {"webhook-signature": "v1,"}, {"webhook-id": "id-2"}],
)  # fmt: skip
def test_malformed_headers_are_refused_and_nothing_else_is_raised(changes: dict[str, str]) -> None:
    with pytest.raises(NotVerified):
        verification.verify(signed() | changes, b"{}", [NEW], at=NOW)


def test_the_reference_library_signs_alike() -> None:
    theirs = standardwebhooks.Webhook(NEW).sign("id-1", NOON, "{}")
    assert signed()["webhook-signature"] == theirs
