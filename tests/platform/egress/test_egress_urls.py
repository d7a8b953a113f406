"""What the egress client refuses to call by the URL alone, and what it does not."""

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadgen.platform.egress import http_client, public_addresses, urls
from leadgen.platform.egress.http_client import NotSent
from tests.support.servers.ssrf_corpus import (
    CARRIED,
    PASSED_ANSWERS,
    PASSED_URLS,
    PRIVATE_V4,
    PRIVATE_V6,
    PUBLIC_V4,
    PUBLIC_V6,
    REFUSED_ANSWERS,
    REFUSED_URLS,
)


def test_the_corpus_is_as_large_as_was_promised() -> None:
    assert len(set(REFUSED_URLS)) == len(REFUSED_URLS)
    assert len(REFUSED_URLS) >= 300
    assert len(REFUSED_ANSWERS) >= 100
    assert len(set(PASSED_URLS)) + len(PASSED_ANSWERS) >= 50


@pytest.mark.parametrize("url", REFUSED_URLS, ids=ascii)
def test_a_url_that_leads_inside_or_may_mean_something_else_is_refused(url: str) -> None:
    with pytest.raises(NotSent) as refused:
        http_client.check(url)
    assert not [part for part in ("example", "127", "hook", "word") if part in str(refused.value)]


@pytest.mark.parametrize("url", PASSED_URLS, ids=ascii)
def test_an_honest_url_passes(url: str) -> None:
    http_client.check(url)


@pytest.mark.parametrize(
    ("url", "cause"),
    [
        ("http://example.com/", "only https on port 443 is called"),
        ("https://example.com:8443/", "only https on port 443 is called"),
        ("https://user:word@example.com/", "the URL has user info"),
        ("example.com/hook", "the URL is not like https://host/path"),
        ("https://example.com/#x", "the URL holds a fragment"),
        ("https://exa mple.com/", "the URL holds a character that no URL has"),
        ("https://example.com/ü", "the URL's path is to be written percent-encoded"),
        ("https://127.0.0.1/", "the host is not a public address"),
        ("https://2130706433/", "the host is not a public address"),
        ("https://localhost/", "the host is not a public address"),
        ("https://example.com./", "the host is neither a DNS name nor an address"),
    ],
)
def test_a_refusal_says_what_to_mend(url: str, cause: str) -> None:
    with pytest.raises(NotSent) as refused:
        http_client.check(url)
    assert str(refused.value) == cause


def test_further_ports_are_called_where_they_are_listed() -> None:
    http_client.check("https://example.com:8443/", allowed_ports=(443, 8443))
    for url in ("https://example.com:8444/", "http://example.com:8443/"):
        with pytest.raises(NotSent, match="only https on port 443, 8443 is called"):
            http_client.check(url, allowed_ports=(443, 8443))
    with pytest.raises(NotSent, match="only https on port 8443 is called"):
        http_client.check("https://example.com/", allowed_ports=(8443,))


def test_an_allowance_is_for_one_origin_exactly() -> None:
    url = "http://127.0.0.1:9000/hook"
    http_client.check(url, allowed_origins=("http://127.0.0.1:9000",))
    http_client.check("HTTP://SINK:9000/hook", allowed_origins=("http://sink:9000",))
    for allowed in ("http://127.0.0.1:9001", "https://127.0.0.1:9000", "http://127.0.0.1", "127.0.0.1:9000", ""):
        with pytest.raises(NotSent, match="only https on port 443 is called"):
            http_client.check(url, allowed_origins=(allowed,))
    for other in (
        "http://u@127.0.0.1:9000/",
        "http://127.0.0.1:9000\\/",
        "http://127.0.0.1:09000/",
        "http://127.1:9000/",
    ):
        with pytest.raises(NotSent):
            http_client.check(other, allowed_origins=("http://127.0.0.1:9000",))


@pytest.mark.parametrize("scheme", ["ftp", "file", "gopher"])
def test_no_allowance_is_for_another_scheme(scheme: str) -> None:
    with pytest.raises(NotSent):
        http_client.check(f"{scheme}://127.0.0.1:9000/", allowed_origins=(f"{scheme}://127.0.0.1:9000",))


@pytest.mark.parametrize(
    ("url", "host", "authority", "path"),
    [
        ("https://Example.COM", "example.com", "example.com", "/"),
        ("https://example.com:443?x=1", "example.com", "example.com", "/?x=1"),
        ("https://münchen.example:8443/a", "xn--mnchen-3ya.example", "xn--mnchen-3ya.example:8443", "/a"),
        ("https://[2606:4700:0::1111]/a?b", "2606:4700::1111", "[2606:4700::1111]", "/a?b"),
    ],
)
def test_a_url_is_called_as_it_was_checked(url: str, host: str, authority: str, path: str) -> None:
    target = urls.read(url, allowed_origins=(), allowed_ports=(443, 8443))
    assert (target.host, target.authority, target.path) == (host, authority, path)


@pytest.mark.parametrize("address", [*PRIVATE_V4, *PRIVATE_V6, *CARRIED])
def test_an_address_of_the_inside_is_not_public(address: str) -> None:
    assert not public_addresses.is_public(ip_address(address))


@pytest.mark.parametrize("address", [*PUBLIC_V4, *PUBLIC_V6])
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert public_addresses.is_public(ip_address(address))


@given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)))
def test_the_table_holds_all_that_the_standard_library_calls_private(address: IPv4Address | IPv6Address) -> None:
    # Hypothesis draws from the special networks on purpose.
    public = public_addresses.is_public(address)
    assert not (public and (address.is_private or address.is_multicast or address.is_reserved or address.is_link_local))
    assert not (public and not address.is_global)


@given(st.ip_addresses(v=4))
def test_no_form_of_ipv6_that_carries_an_ipv4_address_is_public(inside: IPv4Address) -> None:
    number = int(inside)
    for carrying in (
        number, 0xFFFF << 32 | number, 0xFFFF << 48 | number, 0x64FF9B << 96 | number, 0x64FF9B0001 << 80 | number,
        0x2002 << 112 | number << 80, 0x20010000 << 96 | number ^ 0xFFFFFFFF,
    ):  # fmt: skip
        assert not public_addresses.is_public(IPv6Address(carrying))


@given(st.text())
def test_no_text_is_read_as_a_url_of_the_inside(text: str) -> None:
    try:
        target = urls.read(f"https://{text}", allowed_origins=(), allowed_ports=(443,))
    except urls.UrlRefused:
        return
    assert target.host.isascii()
    assert target.address is None or public_addresses.is_public(target.address)
    assert "\r" not in target.path
    assert "\n" not in target.path
