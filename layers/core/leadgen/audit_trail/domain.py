"""The actor of an audited action: name, IP address, user agent."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Actor:
    """Who does it, and from where, as far as that is known."""

    name: str
    ip_address: str | None = None
    user_agent: str | None = None
