"""Decides whether a mail domain is disposable: by the packaged list, and by operators' corrections."""

from collections.abc import Mapping

from disposable_email_domains import blocklist


def is_disposable(domain: str, overrides: Mapping[str, bool]) -> bool:
    """Whether a domain, or one it lies under, is listed. An override wins over the list, and the nearest one wins."""
    names = parents(domain)
    override = next((overrides[name] for name in names if name in overrides), None)
    return any(name in blocklist for name in names) if override is None else override


def parents(domain: str) -> tuple[str, ...]:
    """The domain and those it lies under, the nearest first; not the top level."""
    labels = domain.split(".")
    return tuple(".".join(labels[place:]) for place in range(len(labels) - 1)) or (domain,)
