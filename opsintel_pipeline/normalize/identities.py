"""Addresses of mails: read, normalised, and what they say about the direction of a message."""

from __future__ import annotations

import re
from collections.abc import Iterable
from email.utils import getaddresses

from opsintel.events.message import Address, Direction, IdentityKind
from opsintel_pipeline.normalize.context import NormalizeContext
from opsintel_pipeline.normalize.headers import decode_words
from opsintel_pipeline.normalize.text import clean_line

ADDRESSES_LIMIT = 500
"""Recipients kept of one message."""
_NESTED_LIMIT = 100
_NAME_LIMIT = 200
_ADDRESS_LIMIT = 320

# One mailbox, or several without quotes, comments and groups: most header fields, read without the full grammar.
_PLAIN = re.compile(r"([^<>\"(),;:@\\\[\]]*)<\s*([^\s<>\"(),;:@\\]+@[^\s<>\"(),;:@\\]+)\s*>\Z")
_QUOTED = re.compile(r'"([^"\\]*)"\s*<\s*([^\s<>"(),;:@\\]+@[^\s<>"(),;:@\\]+)\s*>\Z')
_BARE = re.compile(r"[^\s<>\"(),;:@\\\[\]]+@[^\s<>\"(),;:@\\\[\]]+\Z")
_ANY_ADDRESS = re.compile(r"[^\s<>\"(),;:@\\\[\]]{1,100}@[\w.-]{1,200}")
_OUTER_QUOTES = "\"' \t"


def parse_addresses(values: Iterable[str]) -> tuple[Address, ...]:
    """Return the mailboxes of address fields, each once, in their order; groups are resolved to their members."""
    found: dict[str, Address] = {}
    for value in values:
        for name, text in _mailboxes(value):
            address = email_address(text, name)
            if address is not None and address.value not in found:
                found[address.value] = address
            if len(found) >= ADDRESSES_LIMIT:
                return tuple(found.values())
    return tuple(found.values())


def email_address(text: str, name: str = "") -> Address | None:
    """Return a mailbox with its address in lower case; None for what has neither address nor name."""
    value = clean_line(text, _ADDRESS_LIMIT).replace(" ", "").strip("<>'\"").lower()
    shown = clean_line(decode_words(name), _NAME_LIMIT).strip(_OUTER_QUOTES)
    if "@" in value and not value.startswith("@") and not value.endswith("@"):
        return Address(kind=IdentityKind.EMAIL, value=value, name="" if shown.lower() == value else shown)
    label = shown or value
    return Address(kind=IdentityKind.NAME, value=label.casefold(), name=label) if label else None


def _mailboxes(value: str) -> list[tuple[str, str]]:
    """Return pairs of raw name and address of one field."""
    value = value.strip()
    plain = _QUOTED.match(value) or _PLAIN.match(value)
    if plain:
        return [(plain.group(1), plain.group(2))]
    if _BARE.match(value):
        return [("", value)]
    if not value:
        return []
    # The standard library reads nested comments and groups by recursion.
    nested = value.count("(") + value.count(":")
    pairs = [] if nested > _NESTED_LIMIT else getaddresses([value])
    pairs = [pair for pair in pairs if pair[0] or pair[1]]
    if any("@" in text for _, text in pairs):
        return pairs
    # The strict grammar failed: what looks like an address is still better than none.
    rescued = _ANY_ADDRESS.findall(value)
    return [("", text) for text in rescued] or [(value[:_NAME_LIMIT], "")]


def is_own(address: Address | None, context: NormalizeContext) -> bool:
    """Tell whether a mailbox is one of the tenant's: listed, or of one of its domains or their subdomains."""
    if address is None or address.kind is not IdentityKind.EMAIL:
        return False
    if address.value in context.own_addresses:
        return True
    domain = address.value.rpartition("@")[2]
    while domain and context.own_domains:
        if domain in context.own_domains:
            return True
        domain = domain.partition(".")[2]
    return False


def direction_of(author: Address | None, recipients: Iterable[Address], context: NormalizeContext) -> Direction:
    """Return the direction of a mail or ticket; unknown where the tenant's own addresses are not known."""
    if author is None or not (context.own_addresses or context.own_domains):
        return Direction.UNKNOWN
    if not is_own(author, context):
        return Direction.INBOUND
    others = [recipient for recipient in recipients if recipient.kind is IdentityKind.EMAIL]
    if others and all(is_own(recipient, context) for recipient in others):
        return Direction.INTERNAL
    return Direction.OUTBOUND
