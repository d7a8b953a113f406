"""Reads who sends a request from its token, and whose rows that token may see."""

import ipaddress
from typing import Annotated

from fastapi import Path, Request

from leadgen.access import adapters as tokens
from leadgen.access.adapters import Claims, TokenInvalid
from leadgen.audit_trail.domain import Actor
from leadgen.kernel.errors import Refusal
from leadgen.platform import settings

MOST = 2_147_483_647
LONGEST_LIST = 200

Id = Annotated[int, Path(ge=1, le=MOST)]


def bearer(request: Request) -> Claims:
    """Whom the request's token speaks for. Raises Refusal 401 ``missing_token`` or ``invalid_token``."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Refusal(401, "missing_token", "send an operator's or system's token: Authorization: Bearer …")
    try:
        return tokens.verify(settings.current().secret_key, token.strip())
    except TokenInvalid:
        raise Refusal(401, "invalid_token", "the token is malformed, expired or not ours") from None


def operator(request: Request) -> Claims:
    """Whom a request of the operator's side speaks for. Raises Refusal 401, and 403 for a buyer's token."""
    claims = bearer(request)
    if claims.role == "buyer":
        raise Refusal(403, "forbidden", "this needs an operator's or a system's token; this one is a buyer's")
    return claims


def person(request: Request) -> Claims:
    """The operator who decides. Raises Refusal 401, and 403 where it is no operator."""
    claims = bearer(request)
    if claims.role != "operator":
        raise Refusal(403, "forbidden", "only an operator's token may decide this")
    return claims


def buyer_scope(request: Request) -> int | None:
    """The one buyer whose rows a request may see; None for the operator's side, which sees all. Raises Refusal 401."""
    return bearer(request).buyer_id


def ip_address(request: Request) -> str | None:
    """The caller's address, or None where there is none."""
    try:
        return str(ipaddress.ip_address((request.client.host if request.client else "").partition("%")[0]))
    except ValueError:
        return None


def requester(request: Request) -> Actor:
    """Whoever the request's token speaks for. Raises Refusal 401."""
    return Actor(bearer(request).subject, ip_address(request), request.headers.get("user-agent"))


def deciding_operator(request: Request) -> Actor:
    """The operator who decides, as the audit trail keeps it. Raises Refusal 401, and 403 where it is no operator."""
    person(request)
    return requester(request)


def party(request: Request) -> int | None:
    """The buyer who acts for itself, or None for an operator. Raises Refusal 401, and 403 for a system's token."""
    claims = bearer(request)
    if claims.role != "buyer":
        person(request)
    return claims.buyer_id


def own(request: Request, buyer_id: int | None) -> int | None:
    """Whose rows are listed: a buyer's are its own, whatever it names; the operator's side may name one buyer, or
    none. Raises Refusal 401, and 404 where a buyer names another.
    """
    scope = buyer_scope(request)
    if scope is not None and buyer_id not in (None, scope):
        raise Refusal.missing("buyer", buyer_id)
    return buyer_id if scope is None else scope
