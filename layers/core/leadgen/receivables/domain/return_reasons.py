"""The reasons for which a buyer returns a lead, which a credit note may give, too."""

from typing import Literal

Reason = Literal[
    "duplicate",
    "invalid_phone",
    "invalid_email",
    "wrong_area",
    "wrong_service",
    "not_interested",
    "never_asked",
    "unreachable",
    "spam",
    "test_lead",
    "other",
]
