"""Weighted rotation without drift: after every lead each buyer of a rotation is within one lead of its share.

Lead number t of a rotation goes to the member whose next lead is due soonest, among those for whom it is not too
early. The k-th lead of a member of weight w of W in all is early before its share exceeds k - 1, and due when its
share reaches k: these are the windows of proportionate fair scheduling, in which the earliest deadline always finds a
slot. So after every lead each member has got its share of the rotation's leads to within one.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import gcd

RotationKey = tuple[tuple[int, ...], tuple[int, ...]]
"""What a rotation is known by: its members and, beside them, their weights."""


@dataclass(frozen=True)
class Rotation:
    """How the leads of a set of buyers were shared since it was last even. The tuples run beside each other.

    ``members`` are buyer_offer_ids in ascending order; a rotation is its members and their weights, whoever else was
    looked at, so it goes on where it was when its buyers are the eligible ones again. ``taken`` are the leads assigned
    to each: the word of the decisions on record, which never change (the column is ``rotations.assigned``).
    """

    members: tuple[int, ...]
    weights: tuple[int, ...]
    taken: tuple[int, ...]

    @property
    def key(self) -> RotationKey:
        """What the rotation is known by."""
        return self.members, self.weights

    @cached_property
    def stored_key(self) -> bytes:
        """SHA-256 of the key: ``rotations.rotation_key``."""
        return hashlib.sha256(repr(self.key).encode()).digest()


Rotations = Mapping[RotationKey, Rotation]
"""The rotations of an offer that had leads already."""


def fresh(weights: dict[int, int]) -> Rotation:
    """A rotation of these members and weights that has had no lead yet."""
    members = tuple(sorted(weights))
    return Rotation(members, tuple(weights[member] for member in members), (0,) * len(members))


def choose(rotation: Rotation, preference: Sequence[int]) -> int:
    """The member that gets the next lead; ``preference`` lists the members in the order that settles a tie."""
    total = sum(rotation.weights)
    lead = sum(rotation.taken) + 1
    rank = {member: position for position, member in enumerate(preference)}
    return min(
        (-(-(taken + 1) * total // weight), rank[member], member)
        for member, weight, taken in zip(rotation.members, rotation.weights, rotation.taken, strict=True)
        if taken * total < weight * lead
    )[2]


def after(rotation: Rotation, member: int) -> Rotation:
    """The rotation after a lead for the member; it begins anew whenever all have got exactly their share."""
    taken = tuple(count + (one == member) for one, count in zip(rotation.members, rotation.taken, strict=True))
    even = sum(taken) * gcd(*rotation.weights) == sum(rotation.weights)
    return Rotation(rotation.members, rotation.weights, (0,) * len(taken) if even else taken)
