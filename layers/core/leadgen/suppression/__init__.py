"""Keeps lists of people who must not be sold, as hashes of their addresses and numbers.

Subscribes to: nothing. Publishes: nothing.
Alone writes: suppressions.
Read first: domain.py, then service.py.
"""
