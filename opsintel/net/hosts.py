"""Names of hosts as users write them: one canonical spelling, or a refusal.

A number is an address only in its canonical spelling: octal, hexadecimal, short and whole-number forms of inet_aton are
refused, and so is what Unicode would turn into digits or dots. International names follow IDNA 2008 (RFC 5891).
"""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address

import idna

from opsintel.errors import AddressError

_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_LONGEST_NAME = 253
INNER_NAMES = ("localhost", "localdomain", "local", "internal", "intranet", "private", "corp", "home", "lan", "arpa")
"""Last labels of names that stand for hosts of an inner network (RFC 6761, 6762, 8375; ICANN's private use)."""


def canonical_host(text: str) -> str:
    """Return a host in its one spelling: an address, or a lower-case name in ASCII; `AddressError` for no host."""
    if ":" in text:
        return _ipv6(text.removeprefix("[").removesuffix("]"))
    name = _to_ascii(text.removesuffix("."))
    labels = name.split(".")
    if len(name) > _LONGEST_NAME or not all(_LABEL.fullmatch(label) for label in labels):
        raise AddressError("The address names no host")
    return _ipv4(name) if _NUMBER.fullmatch(labels[-1]) else name


def is_inner_name(host: str) -> bool:
    """Tell whether a canonical name can only mean a host of an inner network."""
    labels = host.split(".")
    return ":" not in host and (len(labels) == 1 or labels[-1] in INNER_NAMES)


def _to_ascii(name: str) -> str:
    lowered = name.lower()
    if lowered.isascii() and "xn--" not in lowered:
        return lowered
    try:
        return idna.encode(lowered, strict=True).decode()
    except UnicodeError:
        raise AddressError("The address names no host") from None


def _ipv4(text: str) -> str:
    try:
        return str(IPv4Address(text))
    except AddressValueError:
        raise AddressError("The address is a number in an uncommon spelling", remedy="Write it as a.b.c.d") from None


def _ipv6(text: str) -> str:
    if "%" in text:
        raise AddressError("The address has a zone")
    try:
        return str(IPv6Address(text))
    except AddressValueError:
        raise AddressError("The address is no IPv6 address") from None
