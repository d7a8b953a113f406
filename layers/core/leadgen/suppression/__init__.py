"""Keeps lists of people who must not be sold, as hashes of their addresses and numbers.

Subscribes to: nothing. Publishes: nothing.
Writes: suppressions.
Read first: domain.py, then service.py.
"""
