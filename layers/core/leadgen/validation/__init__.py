"""Is a received lead a duplicate, and is it valid? ``lead.received`` -> ``lead.validated`` or ``lead.rejected``.

Read ``domain.policy`` (what an offer demands), ``domain.observations`` (a lead without personal data),
``domain.rules`` (the plugins, in order); ``domain.screening`` decides a batch, ``service.lookups`` loads what it
rests on.
"""
