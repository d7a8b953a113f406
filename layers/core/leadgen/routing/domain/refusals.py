"""A lead that its buyer refused: the policy says who decides what becomes of it."""

from typing import Literal

from leadgen.routing.domain.policy import RoutingPolicy

Way = Literal["next_buyer", "review", "reject"]


def way(policy: RoutingPolicy, *, released: int) -> Way:
    """Where a refused lead goes that ``released`` buyers have given back before."""
    if policy.refusal.action == "next_buyer" and released + 1 >= policy.refusal.most_buyers:
        return "review"
    return policy.refusal.action
