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
_NUMBERED = r"(?:[\d.]{3,15}(?:,|,?\s(?:and|or|to|und|oder|bis|auf|y|et|à|[-–]))\s){0,4}\Z"
"""Those of a list that stand before."""
_VERSION = re.compile(
    r"(?:(?:\bv|\bver|version(?:s|en)?|versión|versiones|release|build|firmware|update|upgrade|api|sdk|chrome|firefox)[\s:./]{0,3}"
    r"|(?:up|down)grad\w{0,8}\s(?:from|to|von|auf)\s"
    r"|(?:\b(?:chapters?|sections?|clauses?|kapiteln?|abschnitte?n?|ziffern?|absatz|capítulo|chapitre)|§)[\s:.]{0,2})"
    + _NUMBERED,
    re.IGNORECASE,
)
_PRODUCT = re.compile(
    r"(?:\b(?:app|ios|ipados|android|macos|windows|ubuntu|debian|kernel|nginx|apache|openssl|openssh|curl|python|java|php"
    r"|safari|edge|opera|docker|kubernetes|jenkins|grafana|tomcat)[ -]|\b[a-z][a-z+_-]{1,30}/)\Z",
    re.IGNORECASE,
)
"""What a version follows; a host's name and address are written alike ("web/10.0.0.7")."""
_PART_OF_VERSION = 100
_BEFORE = 100


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
        if _is_address(match.group()) and not _is_version(match):
            yield Found("ip", match.start(), match.end())


def _is_version(match: re.Match[str]) -> bool:
    """Tell whether words before four numbers make them a version or a chapter; with a port they are an address."""
    start, value = match.start(), match.group()
    before = match.string[max(0, start - _BEFORE) : start]
    if _VERSION.search(before):
        return True
    if _PRODUCT.search(before) is None or re.match(r"[:/]\d", match.string[match.end() : match.end() + 2]):
        return False
    is_small = all(int(part) < _PART_OF_VERSION for part in value.split("."))
    return is_small and not ipaddress.ip_address(value).is_private


def _is_address(value: str) -> bool:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return True
