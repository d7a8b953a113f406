"""Records who changed what, and never changes a record.

Subscribes to: nothing. Publishes: nothing.
Alone writes: nothing.
Read first: domain.py (the actor), store.py.
"""
