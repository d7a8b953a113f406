"""Explains why a lead went where it went, and the smallest change that would have sent it elsewhere.

Subscribes to: nothing. Publishes: nothing.
Alone writes: nothing.
Read first: service/explain.py, then domain/counterfactuals.py; domain/verification.py recomputes recorded decisions.
"""
