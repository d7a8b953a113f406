"""Lists the leads and deliveries that wait for an operator, and carries out the operator's verdicts.

Subscribes to: nothing. Publishes: delivery.due, lead.delivered, lead.received, lead.rejected, lead.validated.
Alone writes: nothing.
Read first: domain.py, then service.py.
"""
