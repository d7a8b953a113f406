"""Produces statements of account, the aging report, the journal and exports.

Subscribes to: nothing. Publishes: nothing.
Alone writes: nothing.
Read first: service.py, then domain/statements.py and domain/aging.py.
"""
