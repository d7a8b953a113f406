"""Parses the URLs that are called, so strictly that no other parser can read one differently."""

import re
from collections.abc import Collection
from dataclasses import dataclass

from leadgen.platform.egress import public_addresses
from leadgen.platform.egress.public_addresses import Address

_PORTS = {"https": 443, "http": 80}
_URL = re.compile(
    r"(?P<scheme>[a-z]+)://(?P<authority>(?P<host>\[[^\[\]@/?]+\]|[^\[\]@/?:%]+)(?::(?P<port>[0-9]{1,5}))?)"
    r"(?P<path>/[^?]*)?(?P<query>\?.*)?",
    re.IGNORECASE,
)
# Everything that RFC 3986 lets stand outside the host. Percent signs too: what they hide reaches only the receiver.
_VISIBLE = re.compile(r"[!$%&'()*+,\-./0-9:;=?@A-Z\[\]_a-z~]*")
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"(?=.{{1,253}}\Z)(?:{_LABEL}\.)*{_LABEL}")


class UrlRefused(ValueError):
    """The URL may not be called; the message is a short cause without the URL."""


@dataclass(frozen=True)
class Target:
    """Where a call goes: ``host`` is an address or a DNS name in ASCII; one that is ``trusted`` may be private."""

    scheme: str
    host: str
    port: int
    path: str
    trusted: bool

    @property
    def address(self) -> Address | None:
        """The address that stands in the URL itself."""
        return public_addresses.read(self.host)

    @property
    def authority(self) -> str:
        """The value of the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def read(url: str, *, allowed_origins: Collection[str], allowed_ports: Collection[int]) -> Target:
    """Where the URL leads. Raises UrlRefused; uses no network."""
    if "#" in url:
        raise UrlRefused("the URL holds a fragment")
    if any(character.isspace() or not character.isprintable() or character in '\\"<>^`{|}' for character in url):
        raise UrlRefused("the URL holds a character that no URL has")
    found = _URL.fullmatch(url)
    if found is None:
        raise UrlRefused("the URL has user info" if "@" in url else "the URL is not like https://host/path")
    scheme, path = found["scheme"].lower(), (found["path"] or "/") + (found["query"] or "")
    trusted = f"{scheme}://{found['authority'].lower()}" in allowed_origins
    port = int(found["port"]) if found["port"] else _PORTS.get(scheme, 0)
    if not (scheme == "https" and port in allowed_ports) and not (trusted and scheme in _PORTS and 0 < port < 65536):
        raise UrlRefused(f"only https on port {', '.join(map(str, allowed_ports))} is called")
    if not _VISIBLE.fullmatch(path):
        raise UrlRefused("the URL's path is to be written percent-encoded")
    target = Target(scheme, _host(found["host"]), port, path, trusted)
    if not trusted and not _may_be_public(target):
        raise UrlRefused("the host is not a public address")
    return target


def _host(text: str) -> str:
    """The address or the name. What some resolver takes for an address, though it is not written as one, is neither."""
    if text.startswith("["):
        address = public_addresses.read(text[1:-1])
        if address is None or address.version == 4:
            raise UrlRefused("the host is neither a DNS name nor an address")
        return str(address)
    if not text.isascii():
        text = _in_ascii(text)
    elif public_addresses.read(text) is not None:
        return text
    name = text.lower()
    if not _NAME.fullmatch(name):
        raise UrlRefused("the host is neither a DNS name nor an address")
    # Numbers at the end are read as an address in decimal, hex or octal by some; no top-level domain begins with one.
    if name.rpartition(".")[2][0].isdecimal():
        raise UrlRefused("the host is not a public address")
    return name


def _in_ascii(name: str) -> str:
    import idna  # few hosts need it

    try:
        # By IDNA 2008, which maps nothing: a digit in a circle is no digit, a full-width letter no letter.
        return idna.encode(name.lower()).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        raise UrlRefused("the host is neither a DNS name nor an address") from None


def _may_be_public(target: Target) -> bool:
    if target.address is not None:
        return public_addresses.is_public(target.address)
    # A name without a dot is one of this machine or its network.
    return "." in target.host


def without_query(url: str) -> str:
    """The URL as people are shown it: buyers keep keys in the query."""
    return url.partition("#")[0].partition("?")[0]
