"""Turns: over the leads that the same buyers could have had, each is within one lead of its share."""

from collections import Counter
from fractions import Fraction
from math import gcd

from hypothesis import given
from hypothesis import strategies as st

from leadgen.routing.domain import rotation
from leadgen.routing.domain.rotation import Rotation

WEIGHTS = st.lists(st.integers(1, 1000), min_size=1, max_size=9)


def turns(state: Rotation, preference: list[int], leads: int) -> tuple[list[int], Rotation]:
    winners = []
    for _ in range(leads):
        winners.append(rotation.choose(state, preference))
        state = rotation.after(state, winners[-1])
    return winners, state


def pool(weights: list[int]) -> Rotation:
    return rotation.fresh(dict(enumerate(weights, start=1)))


@given(WEIGHTS, st.integers(1, 120), st.randoms(use_true_random=False))
def test_after_every_lead_each_member_is_within_one_lead_of_its_share(
    weights: list[int], leads: int, random: object
) -> None:
    members = list(range(1, len(weights) + 1))
    random.shuffle(members)  # type: ignore[attr-defined]
    winners, _ = turns(pool(weights), members, leads)
    received: Counter[int] = Counter()
    for number, winner in enumerate(winners, start=1):
        received[winner] += 1
        for member, weight in enumerate(weights, start=1):
            assert abs(received[member] - Fraction(weight, sum(weights)) * number) < 1


@given(st.lists(st.integers(1, 12), min_size=1, max_size=6))
def test_after_a_whole_cycle_each_has_exactly_its_share_and_it_begins_anew(weights: list[int]) -> None:
    cycle = sum(weights) // gcd(*weights)
    winners, state = turns(pool(weights), list(range(1, len(weights) + 1)), cycle)
    shares = {member: weight // gcd(*weights) for member, weight in enumerate(weights, start=1)}
    assert Counter(winners) == shares
    assert state == pool(weights)


@given(st.integers(1, 12), st.integers(0, 40), st.integers(1, 40))
def test_with_equal_weights_every_window_of_leads_is_shared_evenly(members: int, start: int, length: int) -> None:
    winners, _ = turns(pool([1] * members), list(range(1, members + 1)), start + length)
    window = Counter(winners[start:])
    assert all(abs(window[member] - Fraction(length, members)) < 1 for member in range(1, members + 1))


def test_equal_weights_take_turns_in_the_order_of_preference() -> None:
    winners, _ = turns(pool([1, 1, 1]), [2, 3, 1], 7)
    assert winners == [2, 3, 1, 2, 3, 1, 2]


def test_heavier_members_are_spread_over_the_cycle_and_not_served_in_a_row() -> None:
    winners, _ = turns(pool([3, 1, 2]), [1, 2, 3], 12)
    assert winners == [1, 3, 1, 2, 1, 3] * 2


def test_weights_in_the_same_proportion_take_the_same_turns() -> None:
    assert turns(pool([3, 1, 2]), [1, 2, 3], 12)[0] == turns(pool([300, 100, 200]), [1, 2, 3], 12)[0]


def test_a_pool_is_its_members_and_their_weights() -> None:
    one = Rotation((1, 2), (1, 1), (0, 0))
    assert one.stored_key == Rotation((1, 2), (1, 1), (1, 0)).stored_key
    assert (
        len({one.stored_key, Rotation((1, 3), (1, 1), (0, 0)).stored_key, Rotation((1, 2), (1, 2), (0, 0)).stored_key})
        == 3
    )
