"""Money that comes in and goes back: receipts, refunds, chargebacks, top-ups, and the provider (Stripe).

Read ``domain.payments`` (how money is split) and ``service.receipts``; ``service.provider_events`` takes what
Stripe says.
"""
