"""Why a buyer gives a lead back; a credit note may say the same."""

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
