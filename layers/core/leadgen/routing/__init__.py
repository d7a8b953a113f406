"""Which buyer gets a lead, at what price? ``lead.validated`` -> ``lead.routed`` or ``lead.unrouted``.

Read ``domain.policy``, ``domain.eligibility`` (the Buyer Scoping Contract), ``domain.strategies`` and
``domain.pricing``; ``domain.decision`` chooses for one lead, ``domain.allocation`` for a batch,
``domain.disposition`` says what becomes of a lead that nobody has. ``service.candidates`` locks and loads,
``store.assignments`` writes.
"""
