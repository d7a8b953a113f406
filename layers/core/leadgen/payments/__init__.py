"""Receives and returns money: payments, refunds, chargebacks, top-ups, and the provider (Stripe).

Subscribes to: refund.requested, top_up.due. Publishes: payment.failed, payment.received, refund.requested,
    top_up.due.
Alone writes: payment_events, payments, refunds.
Read first: domain/payments.py (how money is split), then service/receipts.py and service/provider_events.py.
"""
