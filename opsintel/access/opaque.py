"""Opaque tokens: random values with a prefix that scanners of leaked secrets find, and a checksum that saves a look-up.

The form is that of GitHub's tokens (https://github.blog/engineering/behind-githubs-new-authentication-token-formats/):
prefix, 43 characters of base 62 that hold 256 random bits, and six that hold their CRC-32.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import string
import zlib

SERVICE_KEY = "ops_"
OPERATOR = "opo_"

_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_RANDOM, _CHECKSUM = 43, 6
_BODY = re.compile(f"[0-9A-Za-z]{{{_RANDOM + _CHECKSUM}}}")
SHOWN = 12
"""Characters of a token that lists show, so that people can tell which it is: prefix and 47 of its 256 bits."""


def new_token(prefix: str) -> str:
    """Return a new token."""
    body = "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM))
    return f"{prefix}{body}{_checksum(prefix + body)}"


def is_well_formed(token: str, prefix: str) -> bool:
    """Tell whether a value is a token of this prefix by its form; a mistyped one is not."""
    body = token.removeprefix(prefix)
    if not token.startswith(prefix) or _BODY.fullmatch(body) is None:
        return False
    return _checksum(token[:-_CHECKSUM]) == token[-_CHECKSUM:]


def digest(token: str) -> bytes:
    """Return what is stored of a token: its SHA-256. 256 random bits need no slow hash."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def _checksum(content: str) -> str:
    value, found = zlib.crc32(content.encode("utf-8", "surrogatepass")), ""
    for _ in range(_CHECKSUM):
        value, place = divmod(value, len(_ALPHABET))
        found = _ALPHABET[place] + found
    return found
