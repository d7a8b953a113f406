"""Decides whether a received lead is a duplicate and whether it is valid.

Subscribes to: lead.received. Publishes: lead.rejected, lead.validated.
Alone writes: disposable_domains, lead_duplicate_events, mail_domains.
Read first: domain/policy.py (what an offer demands), domain/observations.py, domain/rules.py (the plugins, in order),
    then domain/screening.py (a batch) and service/lookups.py (what it needs).
"""
