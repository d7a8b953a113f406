"""One sentence for each outcome of routing: why the winner won, why an eligible buyer lost, why nobody
could have it.
"""

from collections.abc import Mapping, Sequence
from typing import assert_never

from leadgen.routing.domain.decision import NoBuyerReason
from leadgen.routing.domain.strategies import Merit

_NAMES = {"priority": "priority", "capacity_left": "capacity left", "accept_rate": "accept rate"}


def won_by(merit: Merit | None) -> str:
    """What the winner came first by; its ``merit`` is None on records older than they are."""
    if merit is None:
        return "by what is not on record"
    if merit.get("exclusive"):
        return "the area is exclusively its own"
    if "weight" in merit:
        return f"next in the rotation: {_share(merit)} so far"
    return ", ".join(f"{name} {merit[key]}" for key, name in _NAMES.items() if key in merit)


def lost_by(merit: Merit | None, winners: Merit | None) -> str:
    """What an eligible buyer lost by; its ``merit`` is None where the strategy did not look at it."""
    if winners is None:
        return "by what is not on record"
    if winners.get("exclusive"):
        return "the area is exclusively another's"
    if merit is None:
        return "not looked at by the strategy"
    if "on_time" in merit:
        return f"the SLA missed: {merit['on_time']} of {merit['delivered']} in time"
    if "weight" in merit:
        return f"later in the rotation: {_share(merit)}, the winner {_share(winners)}"
    return ", ".join(_compared(name, merit[key], winners[key]) for key, name in _NAMES.items() if key in merit)


def unsold(reason: NoBuyerReason, *, suppressed: Sequence[str] = (), exclusive: str = "another buyer") -> str:
    """Why a lead found no buyer. ``exclusive`` names the buyer who has the area exclusively."""
    match reason:
        case "offer_inactive":
            return "the offer, its market or its vertical is not active: no buyer could have had it"
        case "suppressed":
            return f"the lead's {' and '.join(suppressed)} is on a suppression list: no buyer may have it"
        case "exclusive_buyer_ineligible":
            return f"the area is exclusively {exclusive}'s, who cannot take it, and the policy has no fallback"
        case "no_exclusive_buyer":
            return "nobody has the area exclusively, and the policy sells to nobody else"
        case "no_buyer_in_area":
            return "no service area of the offer's buyers covers the lead"
        case "no_eligible_buyer":
            return "every buyer whose service area covers the lead is ineligible"
        case _:
            assert_never(reason)


def _share(merit: Mapping[str, str | int | bool]) -> str:
    return f"{merit['taken']} leads at weight {merit['weight']}"


def _compared(name: str, own: object, winners: object) -> str:
    if own != winners:
        return f"{name} {own} against {winners}"
    # Within four places the same: what is beyond them, the priority or the lower id has settled it.
    return f"{name} {own} as the winner's, who comes first"
