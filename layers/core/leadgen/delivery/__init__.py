"""A routed lead is sent to its buyer: webhook, then e-mail, then a person. ``lead.routed`` -> ``lead.delivered``.

Read ``domain.steps`` (what follows an attempt) and ``domain.formats`` (what is sent); ``service.dispatch`` claims
and settles a batch, ``service.attempt`` makes one attempt.
"""
