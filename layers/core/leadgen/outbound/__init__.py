"""Calls to other people's systems: what a call came to, when it is made again, and who may be called now.

Read ``domain.outcomes``, ``domain.backoff`` and ``domain.breaker``; ``service.webhook`` makes one signed call.
"""
