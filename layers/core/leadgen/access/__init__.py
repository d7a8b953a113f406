"""Authenticates a request by its token and returns whose rows it may see.

Subscribes to: nothing. Publishes: nothing.
Alone writes: nothing.
Read first: service.py (roles and scopes), adapters.py (the token).
"""
