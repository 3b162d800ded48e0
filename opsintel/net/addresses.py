"""Which IP addresses a user may make us speak to: globally routable unicast, and nothing else.

Written out from IANA's registries of special-purpose addresses (RFC 6890 and what followed), since the standard
library's `is_global` differs between versions. What a registry calls global though it is no host on the internet
(AS112, AMT, 6to4 relays) is refused as well. IPv6 is an allow-list: 2000::/3, less what IANA took out of it, so that
every way of writing an IPv4 address in an IPv6 one (mapped, compatible, translated, NAT64, 6to4, Teredo) is refused.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

Address = IPv4Address | IPv6Address

SPECIAL_IPV4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier-grade NAT; 100.100.100.200 is a cloud's metadata
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # a cloud's platform server, on a public address
        "169.254.0.0/16",  # link-local; 169.254.169.254 is the clouds' metadata
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments; 192.0.0.192 is a cloud's metadata
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarking
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)
GLOBAL_IPV6 = IPv6Network("2000::/3")
SPECIAL_IPV6 = tuple(
    IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments: Teredo, ORCHID, benchmarking, AMT, AS112
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
)
PRIVATE = tuple(IPv4Network(text) for text in ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))
PRIVATE_IPV6 = (IPv6Network("::1/128"), IPv6Network("fc00::/7"))
METADATA_IPV6 = (IPv6Network("fd00:ec2::/32"), IPv6Network("fd20:ce::/32"))


def is_public(address: Address) -> bool:
    """Tell whether an address is a host on the internet."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in SPECIAL_IPV4)
    return address in GLOBAL_IPV6 and not any(address in network for network in SPECIAL_IPV6)


def is_local_server(address: Address) -> bool:
    """Tell whether an operator may allow an address: loopback and private ones, never a cloud's metadata."""
    if isinstance(address, IPv4Address):
        return any(address in network for network in PRIVATE)
    private = any(address in network for network in PRIVATE_IPV6)
    return private and not any(address in network for network in METADATA_IPV6)
