"""Charges a delivered lead once, from prepaid money first, and credits its publisher's share.

Subscribes to: lead.delivered. Publishes: lead.billed.
Alone writes: number_series.
Read first: domain/charges.py, then service/charges.py; domain/terms.py has what is agreed with a buyer.
"""
