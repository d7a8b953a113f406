"""Where a hostile buyer may point a webhook to, and honest addresses beside it: readable data for the egress tests.

``REFUSED_URLS`` need no resolver to be refused. ``REFUSED_ANSWERS`` are what a resolver may say of an honest-looking
name. ``PASSED_URLS`` and ``PASSED_ANSWERS`` are honest.
"""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address

# What an attacker wants to reach by a detour.
INSIDE = (
    "127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "169.254.170.2", "100.100.100.200",
    "168.63.129.16", "0.0.0.0",
)  # fmt: skip

PRIVATE_V4 = (
    *INSIDE, "0.1.2.3", "0.255.255.255", "10.255.255.255", "100.64.0.0", "100.127.255.255", "127.0.0.53",
    "127.255.255.254", "169.254.0.1", "169.254.255.255", "172.31.255.255", "192.0.0.1", "192.0.0.170", "192.0.0.192",
    "192.0.0.255", "192.0.2.1", "192.31.196.1", "192.52.193.1", "192.88.99.1", "192.168.255.255", "192.175.48.1",
    "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.255", "224.0.0.1", "239.255.255.255", "240.0.0.1",
    "255.255.255.254", "255.255.255.255",
)  # fmt: skip

PRIVATE_V6 = (
    "::", "::1", "::2", "::ffff:8.8.8.8", "100::1", "100:0:0:1::1", "1fff::1", "2001::1", "2001:1::1", "2001:2::1",
    "2001:3::1", "2001:4:112::1", "2001:10::1", "2001:20::1", "2001:30::1", "2001:1ff::1", "2001:db8::1",
    "2001:db8:ffff::1", "2620:4f:8000::1", "3ffe::1", "3fff::1", "3fff:fff::1", "4000::1", "5f00::1", "fc00::1",
    "fd00:ec2::254", "fd12:3456:789a::1", "fdff::1", "fe80::1", "fe80::a9fe:a9fe", "febf::1", "fec0::1", "feff::1",
    "ff01::1", "ff02::1", "ff02::fb", "ff05::1:3", "ff0e::1", "64:ff9b:1::1", "64:ff9b::8.8.8.8", "2002:808:808::1",
)  # fmt: skip


def _carried(inside: str) -> Iterator[str]:
    """An IPv4 address inside one of IPv6, in each way that some network unwraps."""
    number = int(IPv4Address(inside))
    high, low = number >> 16, number & 0xFFFF
    yield f"::{inside}"  # IPv4-compatible
    yield f"::ffff:{inside}"  # IPv4-mapped
    yield f"::ffff:{high:x}:{low:x}"  # the same, past a pattern that looks for dots
    yield f"0:0:0:0:0:FFFF:{high:04X}:{low:04X}"
    yield f"::ffff:0:{inside}"  # IPv4-translated
    yield f"64:ff9b::{high:x}:{low:x}"  # NAT64, the well-known prefix
    yield f"64:ff9b:1::{high:x}:{low:x}"  # NAT64, the local one
    yield f"2002:{high:x}:{low:x}::1"  # 6to4
    yield f"2001:0:4136:e378:8000:63bf:{high ^ 0xFFFF:x}:{low ^ 0xFFFF:x}"  # Teredo, where it is stored inverted


CARRIED = tuple(address for inside in INSIDE for address in _carried(inside))


def _spelled(inside: str) -> Iterator[str]:
    """An IPv4 address as the C library reads it although it is not written as one."""
    number, parts = int(IPv4Address(inside)), [int(part) for part in inside.split(".")]
    yield str(number)
    yield f"0x{number:08x}"
    yield f"0X{number:X}"
    yield f"0{number:o}"
    yield ".".join(f"0x{part:02x}" for part in parts)
    yield ".".join(f"0{part:o}" for part in parts)
    yield ".".join(f"{part:04d}" for part in parts)
    yield f"{parts[0]}.{number & 0xFFFFFF}"
    yield f"{parts[0]}.{parts[1]}.{number & 0xFFFF}"
    yield f"0x{parts[0]:x}.{number & 0xFFFFFF}"
    yield f"{inside}."
    yield inside.replace(".", "。")
    yield "".join(chr(ord(c) + 0xFEE0) if c.isdigit() else c for c in inside)  # full-width digits
    yield "".join("⓪①②③④⑤⑥⑦⑧⑨"[int(c)] if c.isdigit() else c for c in inside)  # digits in circles


SPELLED = tuple(
    spelling for inside in ("127.0.0.1", "169.254.169.254", "10.0.0.1", "192.168.1.1") for spelling in _spelled(inside)
)

NO_HOSTS = (
    "localhost", "LOCALHOST", "localhost.", "ip6-localhost", "metadata", "db", "0", "00", "1.2.3", "1.2.3.4.5",
    "256.256.256.256", "8.8.8.8.", "example.com.", "example..com", ".example.com", "-.example.com", "-a.example.com",
    "a-.example.com", "a" * 64 + ".example.com", ".".join(["a" * 63] * 4) + ".com", "exa%6dple.com", "127%2e0%2e0%2e1",
    "%6c%6f%63%61%6c%68%6f%73%74", "example.c0m.1", "example.0x7f", "ex*mple.com", "example.com,127.0.0.1",
    "example.com;127.0.0.1", "ⓛocalhost", "lоcalhost", "ｌｏｃａｌｈｏｓｔ", "ｅｘａｍｐｌｅ.com", "exam\u00adple.com",
    "exam\u200bple.com", "exam\u202eple.com", "1\u20e3.example.com", "a\u2488com", "[127.0.0.1]", "[::1", "::1]", "::1",
    "[]", "[::1%eth0]", "[::1%25eth0]", "[fe80::1%1]", "[v1.127.0.0.1]", "[2606:4700::1111%25en0]", "[::ffff:0x7f.1]",
    "[2606:4700:::1111]", "[example.com]", "[[::1]]",
)  # fmt: skip

OTHER_SCHEMES = (
    "http://example.com/", "HTTP://example.com/", "http://8.8.8.8/", "http://127.0.0.1/", "ftp://example.com/",
    "file:///etc/passwd", "file://localhost/etc/passwd", "gopher://127.0.0.1:6379/_INFO", "dict://127.0.0.1:11211/stat",
    "data:text/plain,hello", "ldap://127.0.0.1/", "jar:https://example.com!/", "javascript:alert(1)",
    "ws://example.com/", "wss://example.com/", "//example.com/", "///example.com/", "example.com/hook",
    "https:example.com", "https:/example.com", "https:///example.com", "https:\\\\example.com\\", "https//example.com/",
    "://example.com/", "", "https://", "https://:443/", "https://?x", "https:///hook", "blob:https://example.com/1",
    "httpss://example.com/",
)  # fmt: skip

OTHER_PORTS = (
    *(f"https://example.com:{port}/" for port in (
        0, 1, 21, 22, 23, 25, 53, 80, 110, 389, 445, 2375, 3306, 4430, 5432, 6379, 8000, 8080, 8443, 9200, 11211, 27017,
        65535, 65536, 99999,
    )),
    "https://example.com:443443/", "https://example.com:-443/", "https://example.com:+443/",
    "https://example.com:4 43/", "https://example.com:https/", "https://example.com:0x1bb/", "https://example.com:４４３/",
    "https://example.com:443:443/", "https://8.8.8.8:22/", "https://[2606:4700::1111]:6379/",
)  # fmt: skip

CONFUSING = (
    "https://user@example.com/", "https://user:word@example.com/", "https://@example.com/", "https://:@example.com/",
    "https://example.com@127.0.0.1/", "https://127.0.0.1@example.com/", "https://example.com:443@127.0.0.1/",
    "https://127.0.0.1\\@example.com/", "https://example.com\\@127.0.0.1/", "https://example.com#@127.0.0.1/",
    "https://127.0.0.1#@example.com/", "https://example.com?@127.0.0.1/#", "https://example.com/#fragment",
    "https://example.com\\.127.0.0.1/", "https:\\/\\/127.0.0.1/", "https://exa mple.com/", " https://example.com/",
    "https://example.com/ ", "https://example.com/a b", "\thttps://example.com/", "https://example.com/\t",
    "https:/\t/127.0.0.1/", "ht\ntps://example.com/", "https://exam\tple.com/", "https://127.0.0.1\t.example.com/",
    "https://example.com\r\nHost: 127.0.0.1/", "https://example.com/\r\nX-Injected: 1", "https://example.com/\n",
    "https://example.com/\x00", "https://example.com\x00.127.0.0.1/", "\x00https://example.com/", "https://example.com/\x7f",
    "https://example.com/\u200b", "https://example.com/\u2028", "https://example.com/\u202e", "\ufeffhttps://example.com/",
    "https://example.com/\u00a0", "https://example.com／@127.0.0.1/", "https://example.com＠127.0.0.1/",
    "https://example.com＃@127.0.0.1/", "https://example.com：443/", "https://example.com？x/", "https://example.com℀/",
    "https://{example.com}/", "https://<example.com>/", 'https://example.com/"', "https://example.com/`id`",
    "https://example.com/|x", "https://example.com/^", "https://example.com/ü", "https://example.com/?q=ü",
)  # fmt: skip

REFUSED_URLS = (
    *(f"https://{host}/hook" for host in PRIVATE_V4),
    *(f"https://[{host}]/hook" for host in (*PRIVATE_V6, *CARRIED)),
    *(f"https://{host}/hook" for host in (*SPELLED, *NO_HOSTS)),
    *OTHER_SCHEMES,
    *OTHER_PORTS,
    *CONFUSING,
)

PUBLIC_V4 = (
    "1.1.1.1", "8.8.8.8", "9.9.9.9", "9.255.255.255", "11.0.0.0", "52.94.236.248", "93.184.215.14", "100.63.255.255",
    "100.128.0.0", "126.255.255.255", "128.0.0.1", "140.82.112.3", "151.101.1.69", "168.63.129.15", "168.63.129.17",
    "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.1", "185.199.108.153", "191.255.255.255",
    "192.0.1.1", "192.0.3.1", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0", "198.51.99.255",
    "203.0.112.255", "203.0.114.0", "223.255.255.255",
)  # fmt: skip
PUBLIC_V6 = (
    "2001:200::1", "2001:470::1", "2001:4860:4860::8888", "2001:db7:ffff::1", "2001:db9::1", "2003::1", "2400:cb00::1",
    "2600:1f18::1", "2606:4700:4700::1111", "2607:f8b0::1", "2620:fe::fe", "2800:3f0::1", "2a00:1450:4001::200e",
    "2a03:2880::1", "2c0f:fb50::1",
)  # fmt: skip

PASSED_URLS = (
    *(f"https://{host}/hook" for host in PUBLIC_V4),
    *(f"https://[{host}]/hook" for host in PUBLIC_V6),
    "https://example.com", "https://example.com/", "https://example.com/hook", "https://example.com:443/hook",
    "HTTPS://EXAMPLE.COM/Hook", "https://example.com?x=1", "https://example.com/?x=1&y=2", "https://example.com/a%20b%2Fc",
    "https://example.com/a/../b;c=d,e", "https://example.com/~me/(x)!$'*+=:", "https://hooks.example.co.uk/services/T0/B0/x-_",
    "https://1.example.com/", "https://127.0.0.1.example.com/", "https://0x7f.example.com/", "https://a_b.example.com/",
    "https://xn--mnchen-3ya.example/", "https://münchen.example/", "https://MÜNCHEN.example/", "https://例え.テスト/",
    "https://пример.рф/hook", "https://" + "a" * 63 + ".example.com/", "https://example.com/hook?url=http://127.0.0.1/",
    "https://example.com/a@b", "https://example.com/?mail=a@b.example", "https://localhost.example.com/",
)  # fmt: skip

PUBLIC, PUBLIC_6 = "93.184.215.14", "2606:4700::1111"


def _answers() -> Iterator[dict[str, dict[str, list[str]]]]:
    for address in PRIVATE_V4:
        yield {"buyer.example": {"A": [address]}}
        yield {"buyer.example": {"A": [PUBLIC, address]}}
    for address in (*PRIVATE_V6, *CARRIED):
        text = str(IPv6Address(address))
        yield {"buyer.example": {"AAAA": [text]}}
        yield {"buyer.example": {"A": [PUBLIC], "AAAA": [text]}}
    for inside in INSIDE:
        yield {"buyer.example": {"A": [inside], "AAAA": [PUBLIC_6]}}
        yield {"buyer.example": {"A": [*(f"93.184.215.{last}" for last in range(20)), inside]}}
        yield {"buyer.example": {"CNAME": ["db.inside.example."]}, "db.inside.example": {"A": [inside]}}
        yield {
            "buyer.example": {"CNAME": ["one.example."]},
            "one.example": {"CNAME": ["two.example."]},
            "two.example": {"CNAME": ["three.example."]},
            "three.example": {"A": [PUBLIC, inside]},
        }


REFUSED_ANSWERS = tuple(_answers())

PASSED_ANSWERS: tuple[dict[str, dict[str, list[str]]], ...] = (
    {"buyer.example": {"A": [PUBLIC]}},
    {"buyer.example": {"AAAA": [PUBLIC_6]}},
    {"buyer.example": {"A": [PUBLIC, "8.8.8.8"], "AAAA": [PUBLIC_6]}},
    {"buyer.example": {"CNAME": ["cdn.example."]}, "cdn.example": {"A": [PUBLIC]}},
    {
        "buyer.example": {"CNAME": ["one.example."]},
        "one.example": {"CNAME": ["two.example."]},
        "two.example": {"A": [PUBLIC], "AAAA": [PUBLIC_6]},
    },
)
