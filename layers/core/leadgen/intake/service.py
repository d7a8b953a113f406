"""Takes a posted lead in: identifies its source, gathers what intake's one statement is given, and runs it."""

import hashlib
import re
import secrets
from dataclasses import asdict
from typing import Any

import psycopg
from fastapi import Request

from leadgen.access.service import bearer, ip_address
from leadgen.intake import store
from leadgen.intake.domain import classification, idempotency, submission
from leadgen.intake.domain.classification import Identification, Resolution
from leadgen.intake.domain.submission import Submission
from leadgen.intake.store import Intake
from leadgen.kernel.errors import Refusal
from leadgen.leads.domain import normalization
from leadgen.platform import db, settings
from leadgen.platform.messaging import bus

_COUNTRY = re.compile(r"[A-Z]{2}")
_LONGEST_USER_AGENT = 500


def identify(request: Request, posted: Submission) -> Identification:
    """What names the lead's source. Raises Refusal 400, and 401 or 403 where an id is given without a token."""
    identification = classification.identify(
        source_id=_source_id(request, posted),
        source_key=posted.source_key,
        host=request.headers.get("host"),
        path=request.scope["path"],
    )
    if identification.source_id is not None:
        _require_operator(request)
    return identification


def statement_input(request: Request, posted: Submission, identification: Identification) -> dict[str, object]:
    """What ``store.take_in`` is given, by parameter name. Raises Refusal 400 on a contact or a key that cannot be."""
    configured = settings.current()
    key = _idempotency_key(request, posted)
    contact = {name: getattr(posted, name) for name in ("name", "email", "phone", "country_code", "postal_code")}
    material = None if key else idempotency.material(**contact, message=posted.message)
    missing = [name for name in ("email", "phone", "postal_code") if not contact[name]]
    if missing:
        raise Refusal(400, "invalid_request", f"{', '.join(missing)} must not be empty", {"missing": missing})
    api_key = request.headers.get("x-api-key")
    content = {
        name: getattr(posted, name)
        for name in (
            "source", "city", "region_code", "message", "utm_source", "utm_medium", "utm_campaign", "consent",
            "gdpr_consent", "attributes",
        )
    }  # fmt: skip
    return {
        **asdict(identification),
        **contact,
        **content,
        "default_source_key": configured.default_source_key,
        "trusted": identification.source_id is not None,
        "salt": secrets.token_hex(16),
        "api_key_hash": hashlib.sha256(api_key.encode()).hexdigest() if api_key else None,
        "rate_limits": {
            kind: limit
            for kind in ("landing_page", "embed_form", "partner_api")
            if (limit := getattr(configured, f"rate_limit_{kind}")) > 0
        },
        "idempotency_key": key,
        "material": material,
        "content_hash": posted.content_hash(),
        "normalized_email": normalization.email(posted.email),
        "normalized_phone": normalization.phone(posted.phone),
        "ip_address": ip_address(request),
        "ip_country": _ip_country(request),
        "user_agent": request.headers.get("user-agent", "")[:_LONGEST_USER_AGENT] or None,
        "trace_id": _trace_id(request),
    }


def take_in(post: dict[str, object], identification: Identification) -> Intake:
    """Store the lead once and publish ``lead.received``. Raises Refusal 400, 401 or 429; nothing is stored then."""
    with db.current().connection() as conn:
        try:
            taken = store.take_in(conn, post)
        except psycopg.DataError as error:
            raise Refusal(400, "invalid_request", f"a field cannot be stored: {type(error).__name__}") from None
        classification.refuse_unresolved(identification, Resolution(taken.resolution))
        if not taken.api_key_accepted:
            raise Refusal(401, "invalid_api_key", "this source needs its API key in the X-Api-Key header")
        if taken.rate_limited:
            raise Refusal(429, "rate_limited", "too many posts from this address", {"retry_after_seconds": 60})
        if taken.outbox_id is not None:
            bus.publish(conn, [taken.outbox_id])
        return taken


def _source_id(request: Request, posted: Submission) -> int | None:
    header = request.headers.get("x-source-id")
    if header is None:
        return posted.source_id
    source_id = submission.positive_number(header)
    if source_id is None:
        raise Refusal(400, "invalid_request", "X-Source-Id must be a positive whole number")
    if posted.source_id not in (None, source_id):
        raise Refusal(400, "invalid_request", "X-Source-Id and source_id in the body differ")
    return source_id


def _require_operator(request: Request) -> None:
    if "authorization" not in request.headers:
        raise Refusal(403, "forbidden", "source_id is for operators and systems; partners and pages send source_key")
    bearer(request)


def _idempotency_key(request: Request, posted: Submission) -> str | None:
    header = request.headers.get("idempotency-key")
    given = [idempotency.canonicalize(key) for key in (header, posted.idempotency_key) if key is not None]
    if len(set(given)) > 1:
        raise Refusal(400, "invalid_request", "the Idempotency-Key header and idempotency_key in the body differ")
    return given[0] if given else None


def _ip_country(request: Request) -> str | None:
    country = request.headers.get("cloudfront-viewer-country", "")
    return country if _COUNTRY.fullmatch(country) else None


def _trace_id(request: Request) -> str:
    event: dict[str, Any] = request.scope.get("aws.event", {})
    given = event.get("requestContext", {}).get("requestId")
    return str(given)[:64] if given else secrets.token_hex(16)
