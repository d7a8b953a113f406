"""Defines the lead as every stage sees it: its fields, its states, and the conditions over it.

Subscribes to: nothing. Publishes: lead.delivered, lead.received, lead.validated.
Alone writes: lifecycle_events.
Read first: domain/lead.py, domain/conditions.py with domain/predicates.py, then store/leads.py.
"""
