"""Decides whether a buyer may return a lead, by policy, by proof or by an operator, and gives the money back.

Subscribes to: nothing. Publishes: lead.returned.
Alone writes: lead_returns.
Read first: domain/policy.py, domain/rules.py, then service/returns.py.
"""
