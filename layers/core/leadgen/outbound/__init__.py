"""Calls other people's systems: signs, retries with backoff, and breaks the circuit of a failing endpoint.

Subscribes to: nothing. Publishes: nothing.
Alone writes: endpoints.
Read first: domain/outcomes.py, domain/backoff.py, domain/breaker.py, then service/webhook.py (one signed call).
"""
