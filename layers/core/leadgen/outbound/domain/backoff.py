"""Backoff schedules: seconds until the next attempt, with seeded jitter and a bounded Retry-After."""

import hashlib
from dataclasses import dataclass

# Seconds before the second and the third attempt, in units of WEBHOOK_RETRY_DELAY; later ones keep the last step.
SPECIFIED_STEPS = (5, 15)

# How far an attempt of a schedule of one's own may stray from its step: buyers that fail together recover apart.
JITTER = 0.2

# How long a Retry-After is heeded beyond the step it replaces.
PATIENCE_FACTOR = 2
PATIENCE_SECONDS = 60


@dataclass(frozen=True)
class Schedule:
    """The seconds before each further attempt; the first is made at once. Without jitter a step is kept exactly."""

    steps: tuple[float, ...]
    jittered: bool

    @property
    def attempts(self) -> int:
        """How many attempts there are in all."""
        return len(self.steps) + 1

    def delay(self, made: int, *, seed: int, retry_after: float | None = None) -> float | None:
        """Seconds until the next attempt after ``made`` of them; None when the last has been made.

        The same seed always strays the same way. A Retry-After puts an attempt off, and never brings it forward: by at
        most twice its step, or a minute where that is longer.
        """
        if made >= self.attempts:
            return None
        step = self.steps[made - 1]
        wait = step * (1 + stray(seed, made)) if self.jittered else step
        if retry_after is None:
            return wait
        return max(wait, min(retry_after, self.longest(made)))

    def longest(self, made: int) -> float:
        """Seconds after which the next attempt is made whatever a Retry-After holds."""
        return max(self.steps[made - 1] * PATIENCE_FACTOR, PATIENCE_SECONDS)

    @property
    def window(self) -> float:
        """How many seconds what is held back by a breaker is worth waiting for: the whole schedule and a minute."""
        return sum(self.steps) * (1 + JITTER) + PATIENCE_SECONDS


def specified(*, attempts: int, unit_seconds: float) -> Schedule:
    """The specification's schedule: at once, after 5 and after 15 units."""
    pauses = attempts - 1
    steps = SPECIFIED_STEPS[:pauses] + SPECIFIED_STEPS[-1:] * (pauses - len(SPECIFIED_STEPS))
    return Schedule(tuple(step * unit_seconds for step in steps), jittered=False)


def doubled(first: float, times: int) -> float:
    """A pause that has grown to twice itself so many times; it grows ten times at the most."""
    return first * (1 << min(times, 10))


def stray(seed: int, number: int) -> float:
    """From -JITTER to JITTER, evenly, by the seed and the number alone."""
    return (2 * share(seed, number) - 1) * JITTER


def share(seed: int, number: int) -> float:
    """From 0 to 1, evenly, by the seed and the number alone."""
    digest = hashlib.sha256(f"{seed}:{number}".encode()).digest()
    return int.from_bytes(digest[:8]) / (2**64 - 1)
