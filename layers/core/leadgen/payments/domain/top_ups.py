"""Decides when prepaid money is topped up automatically, and what a declined card means for the next time."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from leadgen.billing.domain.terms import AutoTopUp

RETRY_AFTER = timedelta(days=1)
"""How long a card that was declined is not charged again."""

# The card fails whenever it is charged: a person must leave another, or be present.
# https://docs.stripe.com/declines/codes
NEEDS_A_PERSON = frozenset(
    {
        "authentication_not_handled", "authentication_required", "card_not_supported", "currency_not_supported",
        "expired_card", "fraudulent", "incorrect_number", "invalid_account", "invalid_amount", "invalid_cvc",
        "invalid_expiry_month", "invalid_expiry_year", "invalid_number", "lost_card", "merchant_blacklist",
        "new_account_information_available", "no_action_taken", "not_permitted", "payment_method_unactivated",
        "pickup_card", "resource_missing", "restricted_card", "revocation_of_all_authorizations",
        "revocation_of_authorization", "security_violation", "service_not_allowed", "stolen_card",
        "stop_payment_order", "transaction_not_allowed",
    }
)  # fmt: skip


@dataclass(frozen=True)
class PrepaidAccount:
    """A buyer's prepaid money under its lock. ``spoken_for`` is claimed and not billed; ``failed_at`` and ``error`` are
    of the last automatic payment, if it failed on the card that is kept now.
    """

    buyer_id: int
    currency: str
    is_active: bool
    wallet: Decimal
    spoken_for: Decimal
    has_method: bool
    is_pending: bool
    failed_at: datetime | None
    error: str | None


def due(account: PrepaidAccount, terms: AutoTopUp | None, now: datetime) -> Decimal | None:
    """The amount to charge now, or None."""
    if terms is None or not account.is_active or not account.has_method or account.is_pending:
        return None
    if account.wallet - account.spoken_for >= terms.below or _is_left_alone(account, now):
        return None
    return terms.amount


def _is_left_alone(account: PrepaidAccount, now: datetime) -> bool:
    if account.failed_at is None:
        return False
    return account.error in NEEDS_A_PERSON or now < account.failed_at + RETRY_AFTER
