"""Drafts invoices from billed leads, at a threshold or when a cycle closes, and issues them with gapless numbers.

Subscribes to: nothing. Publishes: buyer.balance_threshold, invoice.generated.
Alone writes: invoicing_failures.
Read first: domain.py, then service/issue.py and service/run.py.
"""
