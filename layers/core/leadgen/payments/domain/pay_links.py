"""Makes and verifies links to an invoice's pay page: a link opens that invoice and nothing else.

They do not expire. They stand in mails and in PDFs that are kept, an invoice must be payable however late, and a link
gives no more than the invoice itself does. Another SECRET_KEY makes every old link worthless.
"""

import base64
import binascii
import hashlib
import hmac

_LABEL = b"leadgen pay link v1"
_ID_BYTES, _SIGNATURE_BYTES = 8, 20


def token(key: str, invoice_id: int) -> str:
    """What stands behind ``/pay/`` for an invoice."""
    number = invoice_id.to_bytes(_ID_BYTES, "big")
    return base64.urlsafe_b64encode(number + _signature(key, number)).decode().rstrip("=")


def invoice_id(key: str, token: str) -> int | None:
    """The invoice that a token was made for with this key; None for any other text."""
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    number, signature = raw[:_ID_BYTES], raw[_ID_BYTES:]
    # In constant time: how long it takes reveals nothing about how much of it was right.
    if not hmac.compare_digest(signature, _signature(key, number)):
        return None
    return int.from_bytes(number, "big")


def _signature(key: str, number: bytes) -> bytes:
    # A key of its own, derived: a token of another kind that is signed with SECRET_KEY is never one of these.
    own = hmac.new(key.encode(), _LABEL, hashlib.sha256).digest()
    return hmac.new(own, number, hashlib.sha256).digest()[:_SIGNATURE_BYTES]
