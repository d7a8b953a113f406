"""Sends a routed lead to its buyer: by webhook, then by e-mail, then through an operator.

Subscribes to: delivery.due, lead.routed. Publishes: delivery.due, delivery.failed, delivery.rejected, lead.delivered.
Alone writes: delivery_attempts.
Read first: domain/steps.py (what follows an attempt), domain/formats (what is sent), then service/dispatch.py (claims
    and settles a batch) and service/attempt.py.
"""
