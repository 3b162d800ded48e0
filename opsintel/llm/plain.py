"""What a model wrote, as plain text: one line without markup, and without addresses or links of its own."""

from __future__ import annotations

import html
import re
from collections.abc import Set

_MARKUP = re.compile(r"!?\[([^\[\]]{0,300})\]\([^()\s]{0,2000}[^()]{0,300}\)|<[^<>]{1,2000}>|[`*_]{2,}")
_LEFT = re.compile(r"!(?=\[)|\](?=\()|<(?=[A-Za-z/!?])")
"""What could still begin an image, a link or a tag where the markup is not well formed."""

_UNSEEN = re.compile(
    r"[\x00-\x08\x0e-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\ud800-\udfff"
    r"\U000e0000-\U000e007f]"
)
"""Characters that show nothing, and those that no store takes: they could break an address in two."""

_WIDE = {wide: wide - 0xFEE0 for wide in range(0xFF01, 0xFF5F)} | dict.fromkeys((0x2024, 0xFE52, 0xFF61), ord("."))
"""Full-width forms, and other dots, which browsers take for the plain ones (UTS 46)."""
_FULL_STOP = re.compile(r"(?<=[0-9A-Za-z])\u3002(?=[0-9A-Za-z])")

_ACTIVE = re.compile(r"(?:javascript|vbscript|data|file|blob):", re.IGNORECASE)
"""Addresses that do something, rather than lead somewhere: they stay out even where they are known."""

_DOT = r"(?:\.|\[\.\]|\(\.\)|\[dot\])"
_ADDRESS = re.compile(
    r"[a-z][a-z0-9+.-]{1,15}://\S*|(?:https?|ftp|mailto|javascript|data|file|tel|sms|callto|skype):\S*|www\.\S+"
    r"|[\w.+%-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,6}"
    rf"|(?<![\w.@])(?:[\w-]{{1,63}}{_DOT}){{1,6}}(?:xn--[\w-]{{2,59}}|[^\W\d_]{{2,18}})(?:/\S*)?(?![\w.])"
    r"|(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?:[:/]\S*)?(?![\w.])|\[[0-9a-f:]{3,39}\](?:[:/]\S*)?",
    re.IGNORECASE,
)


def addresses_in(text: str) -> set[str]:
    """Return the addresses and links of a text, as `plain` compares them."""
    return {_trimmed(found.group()) for found in _ADDRESS.finditer(_narrow(text))}


def plain(text: str, known: Set[str] = frozenset()) -> str:
    """Return a text as one line without markup, and without addresses and links but the `known` ones.

    Addresses are found in full-width letters too, and however their dots are written.
    """
    said = _LEFT.sub(" ", _MARKUP.sub(r"\1", _UNSEEN.sub("", html.unescape(text))))
    kept: list[str] = []
    begin = 0
    for found in _ADDRESS.finditer(_narrow(said)):
        address = found.group()
        if _trimmed(address) not in known or _ACTIVE.match(address):
            kept += said[begin : found.start()], " "
            begin = found.end()
    return " ".join("".join([*kept, said[begin:]]).split())


def _narrow(text: str) -> str:
    """Return a text of the same length in plain width."""
    return _FULL_STOP.sub(".", text.translate(_WIDE))


def _trimmed(address: str) -> str:
    return address.rstrip(".,;:!?)]}'\"").lower()
