"""The lead as every stage sees it: its fields, its state, and the language of conditions over it.

Read ``domain.lead``, then ``domain.conditions`` (all, any, not) with its ``predicates``; ``store.leads`` has the
states.
"""
