"""Whose money a request may see or move, and what it names in its path."""

from typing import Annotated

from fastapi import Path, Request

from leadgen.platform.web.app import bearer, buyer_scope, person
from leadgen.kernel.errors import Refusal

MOST = 2_147_483_647
LONGEST_LIST = 200

Id = Annotated[int, Path(ge=1, le=MOST)]


def party(request: Request) -> int | None:
    """The buyer who acts for itself, or None for an operator. Raises Refusal 401, and 403 for a system's token."""
    claims = bearer(request)
    if claims.role != "buyer":
        person(request)
    return claims.buyer_id


def own(request: Request, buyer_id: int | None) -> int | None:
    """Whose rows are listed: a buyer's are its own, whatever it asks for; the operator's side may name one buyer, or
    none. Raises Refusal 401, and 404 where a buyer asks for another's.
    """
    scope = buyer_scope(request)
    if scope is not None and buyer_id not in (None, scope):
        raise Refusal(404, "not_found", f"there is no buyer {buyer_id}")
    return buyer_id if scope is None else scope
