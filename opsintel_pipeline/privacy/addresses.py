"""E-mail and IP addresses (RFC 5321, RFC 6531, RFC 4291); also those of returned mail ("bounce-ada=example.org@…").

All patterns read a character a bounded number of times."""

from __future__ import annotations

import ipaddress
import re

from opsintel_pipeline.privacy.found import Finds, Found

_EMAIL = re.compile(
    r"(?<![\w.+%-])(?:[\w+][\w.+-]{0,63}=[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}|[\w+][\w.!$'*+^`~%-]{0,127})(?:@|%40)"
    r"(?:[\w-]{1,63}\.){1,8}(?:[^\W\d_]{2,24}|xn--[a-z0-9-]{2,59})(?![\w@])",
    re.IGNORECASE,
)
_IP4 = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w]|\.\d)")
_IP6 = re.compile(r"(?<![\w:.])(?=[0-9A-Fa-f:]{0,4}:)[0-9A-Fa-f:]{2,39}(?:\.\d{1,3}){0,3}(?![\w:]|\.\d)")
_VERSION = re.compile(
    r"(?:\bv|\bver|version|versión|release|build|firmware|update|upgrade|api|sdk|chrome|firefox)[\s:./]{0,3}\Z",
    re.IGNORECASE,
)
_BEFORE = 16


def emails(text: str) -> Finds:
    """Yield the e-mail addresses of a text, also where "@" is written as in a link."""
    if "@" not in text and "%40" not in text:
        return
    for match in _EMAIL.finditer(text):
        yield Found("email", match.start(), match.end())


def ip_addresses(text: str) -> Finds:
    """Yield the IP addresses of a text; not what is called a version."""
    if text.count(":") >= 2:
        for match in _IP6.finditer(text):
            value = match.group()
            if value.endswith(":") and not value.endswith("::"):
                value = value[:-1]
            if any(character.isdigit() for character in value) and _is_address(value):
                yield Found("ip", match.start(), match.start() + len(value))
    for match in _IP4.finditer(text):
        before = text[max(0, match.start() - _BEFORE) : match.start()]
        if _is_address(match.group()) and not _VERSION.search(before):
            yield Found("ip", match.start(), match.end())


def _is_address(value: str) -> bool:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return True
