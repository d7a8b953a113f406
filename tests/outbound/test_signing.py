"""What is signed verifies with the reference library of Standard Webhooks, and nothing else does."""

import base64
import hashlib
import hmac
import json
import random
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from leadgen.outbound.domain import signing
from leadgen.outbound.domain.signing import Sending

SECRET, NEXT = "whsec_" + base64.b64encode(b"a secret of 24 bytes, or").decode(), "the next secret, plain text"


def a_sending(body: bytes = b'{"a":1}') -> Sending:
    return Sending("6f0e6f6e-3c1b-4b8e-9d2a-1f2e3d4c5b6a", "lead.delivered", "application/json", body)


def test_the_headers_are_the_specified_ones_and_those_of_standard_webhooks() -> None:
    assert signing.headers(a_sending(), [NEXT], at=1_700_000_000) == {
        "Content-Type": "application/json",
        "User-Agent": "LeadGen/1.0",
        "X-LeadGen-Event": "lead.delivered",
        "X-LeadGen-Delivery-Id": "6f0e6f6e-3c1b-4b8e-9d2a-1f2e3d4c5b6a",
        "X-Webhook-Signature": hmac.new(NEXT.encode(), b'{"a":1}', hashlib.sha256).hexdigest(),
        "webhook-id": "6f0e6f6e-3c1b-4b8e-9d2a-1f2e3d4c5b6a",
        "webhook-timestamp": "1700000000",
        "webhook-signature": signing.sign_standard(NEXT, a_sending().message_id, 1_700_000_000, b'{"a":1}'),
    }


@pytest.mark.parametrize("secrets", [[], [""]])
def test_without_a_secret_nothing_is_signed(secrets: list[str]) -> None:
    assert not [name for name in signing.headers(a_sending(), secrets, at=1) if "signature" in name.lower()]


def test_the_signature_is_hmac_sha256_as_published() -> None:
    # RFC 4231, test case 2.
    assert signing.sign("Jefe", b"what do ya want for nothing?") == (
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    )


def test_the_standard_signature_is_that_of_the_published_example() -> None:
    # The example of the Standard Webhooks specification and of its libraries' tests.
    secret, message_id = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek"
    assert signing.sign_standard(secret, message_id, 1614265330, b'{"test": 2432232314}') == (
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )


@given(
    st.text(max_size=200), st.sampled_from([SECRET, SECRET.rstrip("="), NEXT, "ü" * 9, "whsec_not base64", "whsec_"])
)
def test_any_payload_verifies_whatever_the_secret_looks_like(text: str, secret: str) -> None:
    body = text.encode(errors="replace")
    _verify(secret, body, signing.headers(a_sending(body), [secret], at=int(time.time())))


def test_a_hundred_thousand_random_payloads_verify() -> None:
    chance = random.Random(20261122)
    receiver, at = Webhook(signing.key(SECRET)), int(time.time())
    planes = (range(0x20, 0x7F), range(0xA0, 0x2000), range(0x4E00, 0x9FFF), range(0x1F300, 0x1FAFF))
    for number in range(100_000):
        text = "".join(chr(chance.choice(chance.choice(planes))) for _ in range(chance.randrange(12)))
        body = json.dumps({"lead_id": number, "name": text}, ensure_ascii=False).encode()
        receiver.verify(body, signing.headers(a_sending(body), [SECRET], at=at), json_parse=False)


def test_no_bit_of_a_payload_its_id_or_its_time_may_change() -> None:
    body = '{"lead_id":1,"name":"Zoë"}'.encode()
    sent = signing.headers(a_sending(body), [SECRET], at=int(time.time()))
    for changed in _with_one_bit_changed(body):
        with pytest.raises((WebhookVerificationError, UnicodeDecodeError)):
            _verify(SECRET, changed, sent)
        assert signing.sign(SECRET, changed) != sent["X-Webhook-Signature"]
    for name in ("webhook-id", "webhook-timestamp"):
        for changed in _with_one_bit_changed(sent[name].encode()):
            with pytest.raises(WebhookVerificationError):
                _verify(SECRET, body, sent | {name: changed.decode(errors="replace")})


def _with_one_bit_changed(value: bytes) -> Iterator[bytes]:
    for bit in range(len(value) * 8):
        changed = bytearray(value)
        changed[bit // 8] ^= 1 << bit % 8
        yield bytes(changed)


def test_during_a_rotation_either_secret_verifies() -> None:
    body = b"{}"
    sent = signing.headers(a_sending(body), [NEXT, SECRET], at=int(time.time()))
    for secret in (NEXT, SECRET):
        _verify(secret, body, sent)
    assert sent["X-Webhook-Signature"] == signing.sign(NEXT, body)


def test_an_old_timestamp_is_refused_by_the_receiver() -> None:
    sent = signing.headers(a_sending(), [SECRET], at=int(time.time()) - 301)
    with pytest.raises(WebhookVerificationError):
        _verify(SECRET, a_sending().body, sent)


def _verify(secret: str, body: bytes, sent: dict[str, str]) -> None:
    Webhook(_as_receivers_have_it(secret)).verify(body, sent, json_parse=False)


def _as_receivers_have_it(secret: str) -> str | bytes:
    """A secret in base64 is the library's own form; of any other its bytes are the key."""
    return secret if secret.startswith("whsec_") and signing.key(secret) != secret.encode() else secret.encode()
