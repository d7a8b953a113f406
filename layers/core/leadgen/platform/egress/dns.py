"""Resolves names within a deadline: whether a domain accepts mail, and a host's addresses."""

import ipaddress
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from leadgen.platform import clock, settings
from leadgen.platform.egress.public_addresses import Address
from leadgen.platform.log import logger

if TYPE_CHECKING:
    from dns.resolver import Resolver

_AT_ONCE = 10
_PORT = 53


class Unresolved(Exception):
    """The addresses of a name are not known; the message is a short cause without the name."""


def addresses_of(name: str, *, seconds: float) -> list[Address]:
    """Every address of the name, those of IPv4 first; aliases are followed.

    Raises Unresolved when there is none, and when one of the two questions got no answer: what is not known might be
    an address of the inside.
    """
    import dns.exception
    import dns.resolver

    deadline = clock.seconds() + seconds
    try:
        resolver = _resolver(settings.current().dns_servers, seconds)
        texts = [text for kind in ("A", "AAAA") for text in _records(resolver, name, kind, deadline)]
    except dns.exception.Timeout:
        raise Unresolved("the host name took too long to resolve") from None
    except (dns.exception.DNSException, OSError):
        raise Unresolved("the host name does not resolve") from None
    if not texts:
        raise Unresolved("the host name does not resolve")
    return [ipaddress.ip_address(text) for text in texts]


def taking_mail(domains: Collection[str]) -> dict[str, bool]:
    """Whether each domain takes mail, by RFC 5321 and 7505: it has an MX other than null, or no MX but an address.

    A domain about which no resolver gives an answer in time is left out: nothing is known about it.
    """
    if not domains:
        return {}
    configured = settings.current()
    deadline = clock.seconds() + configured.mx_lookup_seconds
    ordered = sorted(domains)
    with ThreadPoolExecutor(min(_AT_ONCE, len(ordered))) as pool:
        answers = list(pool.map(lambda domain: _takes_mail(configured.dns_servers, domain, deadline), ordered))
    found = {domain: answer for domain, answer in zip(ordered, answers, strict=True) if answer is not None}
    if len(found) < len(ordered):
        logger.warning("dns.unanswered", extra={"domains": len(ordered), "unanswered": len(ordered) - len(found)})
    return found


def _resolver(servers: Sequence[str], seconds: float) -> "Resolver":
    # A tenth of a second at import: only where a policy needs it.
    from dns.nameserver import Do53Nameserver
    from dns.resolver import Resolver

    resolver = Resolver(configure=not servers)
    resolver.timeout = seconds / 3  # then the next server is tried
    if servers:
        addresses = [urlsplit(f"//{server}") for server in servers]
        resolver.nameservers = [Do53Nameserver(parts.hostname or "", parts.port or _PORT) for parts in addresses]
    return resolver


def _records(resolver: "Resolver", name: str, kind: str, deadline: float) -> list[str]:
    """The records of this kind, none where the name has others only. Raises DNSException."""
    import dns.exception
    import dns.resolver

    left = deadline - clock.seconds()
    if left <= 0:
        raise dns.exception.Timeout
    try:
        # With a dot at the end: the name as it stands, never one of the network's own below it.
        found = resolver.resolve(f"{name}.", kind, lifetime=left, search=False)
    except dns.resolver.NoAnswer:
        return []
    return [record.to_text() for record in found]


def _takes_mail(servers: Sequence[str], domain: str, deadline: float) -> bool | None:
    import dns.exception
    import dns.name
    import dns.resolver

    def records(kind: str) -> list[str]:
        return _records(resolver, domain, kind, deadline)

    try:
        resolver = _resolver(servers, settings.current().mx_lookup_seconds)
        exchanges = records("MX")
        if exchanges:
            return any(exchange.split()[1] != "." for exchange in exchanges)
        return bool(records("A") or records("AAAA"))
    except (dns.resolver.NXDOMAIN, dns.resolver.YXDOMAIN, dns.name.LabelTooLong, dns.name.EmptyLabel):
        return False  # no such domain
    except dns.exception.DNSException:
        return None
