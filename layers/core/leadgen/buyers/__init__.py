"""Locks buyers and finds them by name: a buyer's lock covers all its money and all its caps.

Subscribes to: nothing. Publishes: nothing.
Alone writes: nothing.
Read first: store.py.
"""
