"""Takes a posted lead in: finds its one source and its idempotency key, and stores it once.

Subscribes to: nothing. Publishes: lead.received.
Alone writes: nothing.
Read first: domain/classification.py, domain/idempotency.py, then service.py and store.py (the one statement).
"""
