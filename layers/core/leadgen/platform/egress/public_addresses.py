"""Decides which IP addresses are public: the only ones a call may go to.

A table of our own. ``ipaddress.is_global`` is no guard: by version it lets through multicast, site-local addresses and
forms of IPv6 that carry an IPv4 address, which a gateway on the way turns into one of the inside.
"""

import ipaddress
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

Address = IPv4Address | IPv6Address

_DENIED_4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network; 0.0.0.0 is this machine
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier-grade NAT; 100.100.100.200 is Alibaba's metadata
        "127.0.0.0/8",  # this machine
        "168.63.129.16/32",  # Azure's host agent
        "169.254.0.0/16",  # link-local; 169.254.169.254 and .170.2 are metadata and credentials
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments; 192.0.0.192 is Oracle's metadata
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # multicast tunnels
        "192.88.99.0/24",  # relays of 6to4
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarking
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)

# All that is given out to the internet. Outside of it are loopback, IPv4-compatible and -mapped, NAT64 (64:ff9b::/96
# and 64:ff9b:1::/48), discard-only, segment routing, unique local, link-local, site-local and multicast addresses.
_UNICAST_6 = IPv6Network("2000::/3")
_DENIED_6 = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments: Teredo, benchmarking, ORCHID
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: carries an IPv4 address
        "2620:4f:8000::/48",  # AS112
        "3ffe::/16",  # the 6bone, given back
        "3fff::/20",  # documentation
    )
)


def is_public(address: Address) -> bool:
    """Whether the address belongs to somebody on the internet, not to this machine, its networks or its cloud."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _DENIED_4)
    return address in _UNICAST_6 and not any(address in network for network in _DENIED_6)


def read(text: str) -> Address | None:
    """The address that the text is, in the strict form only; None for a name and for every other way to write one."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    # A zone names an interface of this machine.
    return None if isinstance(address, IPv6Address) and address.scope_id is not None else address
