"""Operator and system tokens: JWTs signed with SECRET_KEY."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, get_args

import jwt

Role = Literal["operator", "system"]
_ISSUER = "leadgen"


class TokenInvalid(Exception):
    """The token is malformed, forged, expired or of no known role."""


@dataclass(frozen=True)
class Claims:
    """Whom a token speaks for."""

    subject: str
    role: Role


def issue(secret_key: str, *, subject: str, role: Role, now: datetime, lifetime: timedelta) -> str:
    """A signed token that is good from ``now`` for ``lifetime``."""
    claims = {"iss": _ISSUER, "sub": subject, "role": role, "iat": now, "exp": now + lifetime}
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
    return Claims(subject=str(claims["sub"]), role=claims["role"])
