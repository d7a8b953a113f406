"""Checks every invariant of the ledger, the invoices and the payouts in one snapshot.

Subscribes to: nothing. Publishes: audit.failed.
Alone writes: audits.
Read first: service.py, then store/ledger.py.
"""
