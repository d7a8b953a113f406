"""Keeps the double-entry ledger: append-only, with balances that move in the same statement.

Subscribes to: nothing. Publishes: nothing.
Alone writes: wallets.
Read first: domain.py (accounts and kinds of transactions), then store.py.
"""
