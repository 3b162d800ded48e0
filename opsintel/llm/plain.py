"""What a model wrote, as plain text: one line without markup, and without addresses or links of its own."""

from __future__ import annotations

import re
from collections.abc import Set

_MARKUP = re.compile(r"!?\[([^\[\]]{0,300})\]\([^()\s]{0,2000}[^()]{0,300}\)|<[^<>]{1,2000}>|[`*_]{2,}")
_LEFT = re.compile(r"!(?=\[)|\](?=\()|<(?=[A-Za-z/!?])")
"""What could still begin an image, a link or a tag where the markup is not well formed."""

_ACTIVE = re.compile(r"(?:javascript|vbscript|data|file|blob):", re.IGNORECASE)
"""Addresses that do something, rather than lead somewhere: they stay out even where they are known."""

_ADDRESS = re.compile(
    r"(?:https?|ftp|mailto|javascript|data|file|tel|sms|callto|skype):\S*|www\.\S+"
    r"|[\w.+%-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,6}|(?<![\w.@])(?:[a-z0-9-]{1,63}\.){1,6}[a-z]{2,18}(?:/\S*)?(?![\w.])",
    re.IGNORECASE,
)


def addresses_in(text: str) -> set[str]:
    """Return the addresses and links of a text, as `plain` compares them."""
    return {_trimmed(found.group()) for found in _ADDRESS.finditer(text)}


def plain(text: str, known: Set[str] = frozenset()) -> str:
    """Return a text as one line without markup, and without addresses and links but the `known` ones."""

    def kept(found: re.Match[str]) -> str:
        address = found.group()
        return address if _trimmed(address) in known and not _ACTIVE.match(address) else ""

    return " ".join(_ADDRESS.sub(kept, _LEFT.sub(" ", _MARKUP.sub(r"\1", text))).split())


def _trimmed(address: str) -> str:
    return address.rstrip(".,;:!?)]}'\"").lower()
