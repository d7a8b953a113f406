"""Decides recorded leads again under draft policies, and previews a delivery; changes nothing.

Subscribes to: nothing. Publishes: nothing.
Alone writes: nothing.
Read first: domain/simulation.py, then service/simulate.py; service/delivery_preview.py.
"""
