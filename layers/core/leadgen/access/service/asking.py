"""Who asks, as the audit trail keeps it."""

from fastapi import Request

from leadgen.platform.web.app import bearer, ip_address
from leadgen.audit_trail.domain.actor import Actor


def asker(request: Request) -> Actor:
    """Whoever the request's token speaks for. Raises Refusal 401."""
    return Actor(bearer(request).subject, ip_address(request), request.headers.get("user-agent"))
