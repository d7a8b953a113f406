"""Pays the owners of sources what their leads have earned, once a month.

Subscribes to: nothing. Publishes: nothing.
Alone writes: payout_lines, payouts.
Read first: domain/payouts.py, then service/payouts.py.
"""
