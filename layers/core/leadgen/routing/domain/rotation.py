"""Turns, by weight: of the leads that the same buyers could have had, each gets its share, and never a lead too many.

Lead number t of a pool goes to the member whose next lead is due soonest, among those for whom it is not too early. The
k-th lead of a member of weight w of W in all is early before its share exceeds k - 1, and due when its share reaches k:
these are the windows of proportionate fair scheduling, in which the earliest deadline always finds a place. So after
every lead each member has got its share of the pool's leads to within one.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import gcd

RotationKey = tuple[tuple[int, ...], tuple[int, ...]]
"""What makes a pool: its members and, beside them, their weights."""


@dataclass(frozen=True)
class Rotation:
    """How a pool's leads were shared since it was last even. The tuples run beside each other.

    ``members`` are buyer_offer_ids in ascending order; a pool is its members and their weights, whoever else was
    looked at, so it goes on where it was when its buyers are the eligible ones again.
    """

    members: tuple[int, ...]
    weights: tuple[int, ...]
    taken: tuple[int, ...]

    @property
    def key(self) -> RotationKey:
        """What makes the pool."""
        return self.members, self.weights

    @cached_property
    def pool(self) -> bytes:
        """SHA-256 of what makes the pool."""
        return hashlib.sha256(repr(self.key).encode()).digest()


Rotations = Mapping[RotationKey, Rotation]
"""The pools of an offer that had leads already."""


def fresh(weights: dict[int, int]) -> Rotation:
    """A pool of these members and weights that has had no lead yet."""
    members = tuple(sorted(weights))
    return Rotation(members, tuple(weights[member] for member in members), (0,) * len(members))


def choose(rotation: Rotation, preference: Sequence[int]) -> int:
    """Whose turn it is; ``preference`` lists the members in the order that settles a tie."""
    total = sum(rotation.weights)
    lead = sum(rotation.taken) + 1
    rank = {member: position for position, member in enumerate(preference)}
    return min(
        (-(-(taken + 1) * total // weight), rank[member], member)
        for member, weight, taken in zip(rotation.members, rotation.weights, rotation.taken, strict=True)
        if taken * total < weight * lead
    )[2]


def after(rotation: Rotation, member: int) -> Rotation:
    """The pool when the member has taken its turn; it begins anew whenever all have got exactly their share."""
    taken = tuple(count + (one == member) for one, count in zip(rotation.members, rotation.taken, strict=True))
    even = sum(taken) * gcd(*rotation.weights) == sum(rotation.weights)
    return Rotation(rotation.members, rotation.weights, (0,) * len(taken) if even else taken)
