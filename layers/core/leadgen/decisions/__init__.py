"""Records every decision with its inputs, its trace, its policy and the policy's version.

Subscribes to: nothing. Publishes: nothing.
Alone writes: lead_decisions.
Read first: store.py.
"""
