"""Signs and verifies the tokens of operators, buyers and systems: JWTs with SECRET_KEY."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, get_args

import jwt

Role = Literal["operator", "buyer", "system"]
_ISSUER = "leadgen"


class TokenInvalid(Exception):
    """The token is malformed, forged, expired or of no known role."""


@dataclass(frozen=True)
class Claims:
    """Whom a token speaks for; ``buyer_id`` is the one buyer that a buyer's token is about."""

    subject: str
    role: Role
    buyer_id: int | None = None


def issue(
    secret_key: str, *, subject: str, role: Role, now: datetime, lifetime: timedelta, buyer_id: int | None = None
) -> str:
    """A signed token that is good from ``now`` for ``lifetime``; a buyer's names the buyer."""
    claims = {"iss": _ISSUER, "sub": subject, "role": role, "iat": now, "exp": now + lifetime}
    if buyer_id is not None:
        claims["buyer_id"] = buyer_id
    return jwt.encode(claims, secret_key, algorithm="HS256")


def verify(secret_key: str, token: str) -> Claims:
    """Raises TokenInvalid."""
    try:
        claims = jwt.decode(
            token, secret_key, algorithms=["HS256"], issuer=_ISSUER, options={"require": ["exp", "iat", "sub"]}
        )
    except jwt.InvalidTokenError as error:
        raise TokenInvalid(type(error).__name__) from None
    if claims.get("role") not in get_args(Role):
        raise TokenInvalid("UnknownRole")
    buyer_id = claims.get("buyer_id")
    if (claims["role"] == "buyer") != (type(buyer_id) is int):
        raise TokenInvalid("BuyerUnknown")
    return Claims(subject=str(claims["sub"]), role=claims["role"], buyer_id=buyer_id)
