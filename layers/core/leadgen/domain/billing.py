"""Billing: each lead charged once at its frozen price, and an invoice when enough has come together."""

from decimal import Decimal


def crosses_threshold(uninvoiced: Decimal, threshold: Decimal) -> bool:
    """Whether what a buyer owes for an offer, and no invoice names yet, is due an invoice now."""
    return uninvoiced > 0 and uninvoiced >= threshold
