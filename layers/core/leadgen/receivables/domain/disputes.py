"""The outcomes of an invoice's dispute."""

from typing import Literal, get_args

Outcome = Literal["upheld", "rejected", "withdrawn"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
