"""Ways to write an address that is not public."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address

INNER_IPV4 = (
    # the first and last of each range that is not public, and the addresses that attackers want
    "0.0.0.0", "0.255.255.255", "10.0.0.0", "10.1.2.3", "10.255.255.255", "100.64.0.0", "100.100.100.200",
    "100.127.255.255", "127.0.0.1", "127.0.1.1", "127.255.255.255", "168.63.129.16", "169.254.0.0", "169.254.169.254",
    "169.254.170.2", "169.254.255.255", "172.16.0.0", "172.17.0.1", "172.31.255.255", "192.0.0.0", "192.0.0.192",
    "192.0.0.255", "192.0.2.0", "192.0.2.255", "192.31.196.1", "192.52.193.1", "192.88.99.0", "192.88.99.255",
    "192.168.0.0", "192.168.1.1", "192.168.255.255", "192.175.48.1", "198.18.0.0", "198.19.255.255", "198.51.100.0",
    "198.51.100.255", "203.0.113.0", "203.0.113.255", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.254",
    "255.255.255.255",
)  # fmt: skip
INNER_IPV6 = (
    "::", "::1", "::2", "100::1", "100:0:0:1::1", "64:ff9b::1", "64:ff9b:1::1", "2001::1", "2001:2::1", "2001:3::1",
    "2001:4:112::1", "2001:10::1", "2001:20::1", "2001:1ff:ffff::1", "2001:db8::1", "2002::1", "2620:4f:8000::1",
    "3fff::1", "3fff:fff:ffff::1", "4000::1", "5f00::1", "8000::1", "fc00::1", "fd00:ec2::254", "fd20:ce::254",
    "fd12:3456::1", "fe80::1", "febf::1", "fec0::1", "ff02::1", "ff0e::1",
    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
)  # fmt: skip
WANTED = ("127.0.0.1", "10.0.0.1", "169.254.169.254", "192.168.0.1", "100.100.100.200", "0.0.0.0")
ENCLOSED = str.maketrans("0123456789.", "⓪①②③④⑤⑥⑦⑧⑨。")
FULL_WIDTH = str.maketrans("0123456789.", "０１２３４５６７８９．")
MATHEMATICAL = str.maketrans("0123456789", "𝟎𝟏𝟐𝟑𝟒𝟓𝟔𝟕𝟖𝟗")
ARABIC = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
INNER_NAMES = (
    "localhost", "LOCALHOST", "localhost.", "ｌｏｃａｌｈｏｓｔ", "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ", "local\u00adhost",
    "a.localhost", "printer.local",
    "metadata.google.internal", "Metadata.Google.Internal.", "metadata", "instance-data", "kubernetes",
    "kubernetes.default.svc.cluster.local", "router.lan", "nas.home", "box.home.arpa", "host.docker.internal",
    "gateway.docker.internal", "localhost.localdomain", "ip6-localhost", "intranet", "wiki.corp", "db.private",
    "1.0.0.127.in-addr.arpa", "xn--", "-.example.com", "a..b", ".", "..", "a_b.example.com", "*.example.com",
    "exa mple.com", "127%2e0%2e0%2e1", "%31%32%37.0.0.1", "localhost%00.example.com", "127.0.0.1%0a.example.com",
)  # fmt: skip


def of_ipv4(text: str) -> Iterator[str]:
    """Yield the spellings that inet_aton, browsers or Unicode take for an IPv4 address."""
    number, octets = int(IPv4Address(text)), [int(part) for part in text.split(".")]
    a, b, c, d = octets
    yield from (str(number), hex(number), hex(number).upper(), f"0{number:o}", f"00000{number:o}", str(number + 2**32))
    yield from (".".join(f"0{part:o}" for part in octets), ".".join(f"000{part:o}" for part in octets))
    yield from (".".join(hex(part) for part in octets), ".".join(f"0x{part:08x}" for part in octets))
    yield from (f"{a}.{(b << 16) + (c << 8) + d}", f"{a}.{b}.{(c << 8) + d}", f"{a}.0x{(b << 16) + (c << 8) + d:x}")
    yield from (f"0{a:o}.{b}.{c}.{d}", f"0x{a:x}.{b}.{c}.{d}", f"{a}.{b}.{c}.0{d:o}", f"{a:03}.{b:03}.{c:03}.{d:03}")
    yield from (f"{text}.", f"{text}..", f"{a + 256}.{b}.{c}.{d}", f"{text}.0", text.replace(".", "。"))
    yield from (text.translate(table) for table in (ENCLOSED, FULL_WIDTH, MATHEMATICAL, ARABIC))
    yield from (text.replace(".", "\u00ad.", 1), text.replace(".", "\u200b.", 1), text.replace(".", "%2e"))


def of_ipv4_in_ipv6(text: str) -> Iterator[str]:
    """Yield the IPv6 addresses that hold an IPv4 address."""
    number = int(IPv4Address(text))
    high, low = f"{number >> 16:x}", f"{number & 0xFFFF:x}"
    yield from (f"::ffff:{text}", f"::ffff:{high}:{low}", f"0:0:0:0:0:ffff:{text}", f"::FFFF:{text}")  # mapped
    yield from (f"::{text}", f"::{high}:{low}", f"::ffff:0:{text}")  # compatible, translated
    yield from (f"64:ff9b::{text}", f"64:ff9b::{high}:{low}", f"64:ff9b:1::{text}")  # NAT64
    yield from (f"2002:{high}:{low}::", f"2002:{high}:{low}::1")  # 6to4
    yield f"2001:0:4136:e378:8000:63bf:{number >> 16 ^ 0xFFFF:x}:{number & 0xFFFF ^ 0xFFFF:x}"  # Teredo
    yield from (f"fe80::5efe:{text}", f"::ffff:{text}%25eth0", f"::ffff:{text}%eth0")  # ISATAP, zones


def hosts() -> list[str]:
    """Return every spelling, as the host of an address."""
    found = [*INNER_IPV4, *INNER_NAMES, *(f"[{text}]" for text in INNER_IPV6)]
    for text in WANTED:
        found += of_ipv4(text)
        found += [f"[{inner}]" for inner in of_ipv4_in_ipv6(text)]
    return list(dict.fromkeys(found))
