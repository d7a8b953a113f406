"""Operator and system tokens: ours, in time, of a known role."""

from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest

from leadgen.access import adapters as tokens
from leadgen.access.adapters import Claims, TokenInvalid

SECRET = "a-secret-key-for-tests-of-sufficient-length"
NOW = datetime.now(UTC)


def test_a_token_says_who_it_was_issued_to() -> None:
    token = tokens.issue(SECRET, subject="ann", role="system", now=NOW, lifetime=timedelta(hours=1))
    assert tokens.verify(SECRET, token) == Claims("ann", "system")


def forged(*, key: str = SECRET, algorithm: str = "HS256", **claims: Any) -> str:
    good = {"iss": "leadgen", "sub": "ann", "role": "operator", "iat": NOW, "exp": NOW + timedelta(hours=1)}
    return jwt.encode({k: v for k, v in (good | claims).items() if v is not None}, key, algorithm=algorithm)


@pytest.mark.parametrize(
    "made",
    [
        "", "nonsense", "a.b.c",
        {"key": "another-secret-key-of-sufficient-length"},
        {"key": "", "algorithm": "none"},
        {"algorithm": "HS512", "key": SECRET * 2},
        {"exp": timedelta(seconds=-1)},
        {"iat": timedelta(hours=1)},
        {"exp": None}, {"iat": None}, {"sub": None}, {"iss": None}, {"iss": "other"},
        {"role": None}, {"role": "buyer"}, {"role": ["operator"]},
    ],
)  # fmt: skip
def test_any_other_token_is_invalid(made: str | dict[str, Any]) -> None:
    """A period is one from now."""
    if isinstance(made, dict):
        claims: dict[str, Any] = {k: NOW + v if isinstance(v, timedelta) else v for k, v in made.items()}
        made = forged(**claims)
    with pytest.raises(TokenInvalid):
        tokens.verify(SECRET, made)


def test_the_reason_never_holds_the_token() -> None:
    token = forged(role="buyer")
    with pytest.raises(TokenInvalid) as refused:
        tokens.verify(SECRET, token)
    assert token not in str(refused.value)
