"""The lookback periods for which a routing policy needs buyers' track records."""

from dataclasses import dataclass
from datetime import timedelta

from leadgen.routing.domain.policy import PerformanceBased, RoutingPolicy


@dataclass(frozen=True)
class LookbackTerms:
    """What a policy needs of the past; None for what it does not need."""

    answers_within: timedelta | None
    deliveries_within: timedelta | None
    patience: timedelta | None

    @property
    def anything(self) -> bool:
        """Whether the policy looks back at all."""
        return self.answers_within is not None or self.deliveries_within is not None

    @property
    def longest(self) -> timedelta:
        """How far the policy looks back."""
        return max(self.answers_within or timedelta(0), self.deliveries_within or timedelta(0))


def lookback_terms(policy: RoutingPolicy) -> LookbackTerms:
    """What a policy needs of track records."""
    return LookbackTerms(
        timedelta(days=policy.lookback_days) if isinstance(policy, PerformanceBased) else None,
        timedelta(hours=policy.sla.lookback_hours) if policy.sla else None,
        timedelta(seconds=policy.sla.max_delivery_seconds) if policy.sla else None,
    )
