"""Verifies a received webhook as Standard Webhooks defines: signature and age.

As https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md says.
"""

import hmac
from collections.abc import Mapping, Sequence

from leadgen.outbound.domain.signing import sign_standard

TOLERANCE_SECONDS = 300


class NotVerified(Exception):
    """What was received is not to be trusted; the message says why."""


def verify(headers: Mapping[str, str], body: bytes, secrets: Sequence[str], *, at: int) -> None:
    """Check what came with these headers (names in lower case) at this Unix time. Raises NotVerified."""
    message_id, sent_at, signatures = (headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature"))
    if not message_id or not sent_at or not signatures:
        raise NotVerified("it bears no signature")
    if not sent_at.isascii() or not sent_at.isdigit() or len(sent_at) > 12:
        raise NotVerified("its time is none")
    age = at - int(sent_at)
    if abs(age) > TOLERANCE_SECONDS:
        raise NotVerified(f"it was signed {age} s ago: a replay" if age > 0 else f"it was signed {-age} s from now")
    right = [sign_standard(secret, message_id, int(sent_at), body).encode() for secret in secrets]
    given = [signature.encode() for signature in signatures.split(" ")]
    if not any(hmac.compare_digest(one, other) for one in given for other in right):
        raise NotVerified("its signature is not ours")
