"""What is configured about money, in the order that people write it in, with its amounts as numbers.

What does not parse is written as it stands, for a person to mend.
"""

from collections.abc import Callable
from typing import Any

from leadgen.billing.domain import earnings, terms
from leadgen.kernel.errors import PolicyInvalid
from leadgen.kernel.model import Model
from leadgen.returns.domain import policy

Fields = dict[str, Any]


def seller(stored: Fields | None) -> Fields | None:
    """The seller; None where none is configured."""
    return _ordered(stored, terms.parse_seller)


def billing(stored: Fields) -> Fields | None:
    """A buyer's billing terms; None where it has none of its own."""
    return _ordered(stored, lambda written: terms.parse_buyer(written, label="")) or None


def returns(stored: Fields | None) -> Fields | None:
    """A return policy, where there is one."""
    return _ordered(stored, lambda written: policy.parse(written, label=""))


def earning(stored: Fields | None) -> Fields | None:
    """What a source's owner earns, where somebody does."""
    return _ordered(stored, lambda written: earnings.parse(written, label=""))


def _ordered(stored: Fields | None, parse: Callable[[Fields], Model]) -> Fields | None:
    if stored is None:
        return None
    try:
        return parse(stored).model_dump(exclude_unset=True)
    except PolicyInvalid:
        return stored
