"""Signs what is sent: the specification's header, and the headers of Standard Webhooks.

The first signs the body alone; the others also the id and the time, so that a receiver can refuse a replay.
https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass

USER_AGENT = "LeadGen/1.0"
_PREFIX = "whsec_"


@dataclass(frozen=True)
class Sending:
    """What one call carries. The id is the same at every attempt, the time is that of this one."""

    message_id: str
    event: str
    content_type: str
    body: bytes


def headers(sending: Sending, secrets: Sequence[str], *, at: int) -> dict[str, str]:
    """The headers of a call at this Unix time, signed with each secret; the present secret comes first.

    The specification's signature is made with the present one alone. Without a secret nothing is signed.
    """
    unsigned = {
        "Content-Type": sending.content_type,
        "User-Agent": USER_AGENT,
        "X-LeadGen-Event": sending.event,
        "X-LeadGen-Delivery-Id": sending.message_id,
        "webhook-id": sending.message_id,
        "webhook-timestamp": str(at),
    }
    return unsigned | _signatures(sending, [secret for secret in secrets if secret], at)


def _signatures(sending: Sending, secrets: Sequence[str], at: int) -> dict[str, str]:
    if not secrets:
        return {}
    return {
        "X-Webhook-Signature": sign(secrets[0], sending.body),
        "webhook-signature": " ".join(
            sign_standard(secret, sending.message_id, at, sending.body) for secret in secrets
        ),
    }


def sign(secret: str, body: bytes) -> str:
    """HMAC-SHA256 of the raw body, in hex."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def sign_standard(secret: str, message_id: str, at: int, body: bytes) -> str:
    """The signature of Standard Webhooks, version 1."""
    signed = f"{message_id}.{at}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key(secret), signed, hashlib.sha256).digest()).decode()


def key(secret: str) -> bytes:
    """The key of Standard Webhooks: what follows ``whsec_`` in base64, padded or not; any other secret's own bytes."""
    if secret.startswith(_PREFIX):
        encoded = secret.removeprefix(_PREFIX)
        try:
            decoded = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
        except (binascii.Error, ValueError):
            return secret.encode()  # it only looks like one
        return decoded or secret.encode()
    return secret.encode()
