"""Exponential pause between calls to the payment provider for one refund or charge: 1 minute doubling to 6 hours."""

from datetime import timedelta

from leadgen.outbound.domain.backoff import doubled

_FIRST_SECONDS = 60
_LONGEST = timedelta(hours=6)


def pause(attempts: int) -> timedelta:
    """After so many attempts: a minute, then twice as long each time, up to six hours."""
    return min(timedelta(seconds=doubled(_FIRST_SECONDS, attempts - 1)), _LONGEST)


LOOK_AGAIN = timedelta(hours=6)
"""When to look up what became of a call that the provider has taken and not yet reported the end of."""
