"""A lead is taken in: one source, one idempotency key, stored once, announced. -> ``lead.received``"""
