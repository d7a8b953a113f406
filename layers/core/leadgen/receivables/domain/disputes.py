"""How a dispute of an invoice may end."""

from typing import Literal, get_args

Outcome = Literal["upheld", "rejected", "withdrawn"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
