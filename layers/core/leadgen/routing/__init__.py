"""Chooses one buyer for a lead and fixes its price.

Subscribes to: lead.validated. Publishes: buyer.credit_limit_near, lead.rejected, lead.routed, lead.unrouted,
    lead.validated.
Alone writes: capacity_counters, rotations.
Read first: domain/policy.py, domain/eligibility.py (the Buyer Scoping Contract), domain/strategies.py and
    domain/pricing.py; domain/decision.py decides one lead, domain/allocation.py a batch; then service/candidates.py
    (locks and loads) and store/assignments.py.
"""
