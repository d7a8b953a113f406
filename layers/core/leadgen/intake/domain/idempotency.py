"""The Lead Ingestion Idempotency Contract: the key of a post, given or derived, within its source."""

import hashlib
import re

from leadgen.kernel.errors import Refusal

_KEY = re.compile(r"[A-Za-z0-9._:-]{16,128}")
_WHITE_SPACE = re.compile(r"\s+")


def canonicalize(key: str) -> str:
    """R2: trimmed, nothing else changed. Raises Refusal 400 ``invalid_idempotency_key_format``."""
    trimmed = key.strip()
    if not _KEY.fullmatch(trimmed):
        raise Refusal(
            400,
            "invalid_idempotency_key_format",
            "idempotency_key must match /^[A-Za-z0-9._:-]{16,128}$/ after trimming",
            {"length": len(trimmed)},
        )
    return trimmed


def material(*, name: str, email: str, phone: str, country_code: str, postal_code: str, message: str | None) -> str:
    """What makes two posts "the same lead" within a source: the derived key's payload after its ``source_id`` line.

    Raises Refusal 400 ``idempotency_derivation_failed`` when email, phone or postal code is missing.
    """
    missing = [
        field
        for field, value in (("email", email), ("phone", phone), ("postal_code", postal_code))
        if not value.strip()
    ]
    if missing:
        raise Refusal(
            400,
            "idempotency_derivation_failed",
            "email, phone and postal_code are required to derive an idempotency_key; "
            f"send {', '.join(missing)}, or an idempotency_key of your own",
            {"missing": missing},
        )
    return "\n".join(
        (
            f"name={name.strip()}",
            f"email={email.strip().lower()}",
            f"phone={_WHITE_SPACE.sub('', phone)}",
            f"country={country_code.strip().upper()}",
            f"postal={postal_code.strip().upper()}",
            f"message={(message or '').strip()}",
        )
    )


def derive(source_id: int, payload: str) -> str:
    """The key of a post that has none: SHA-256 in hex of the labeled lines, scoped by source.

    ``payload`` is what :func:`material` gives. The ingest statement computes the same in SQL, where the source is
    first known.
    """
    return hashlib.sha256(f"source_id={source_id}\n{payload}".encode()).hexdigest()
