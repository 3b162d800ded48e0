"""What identifies a person, and how it is found again in bytes, however it was written there."""

from __future__ import annotations

import base64
import html
import io
import json
import quopri
import re
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from urllib.parse import quote

_HEX = re.compile(rb"\\\\?x([0-9a-f]{8,})")
_SOFT_BREAK = re.compile(rb"=\r?\n|=\\n|=\\r\\n")
_BREAKS = re.compile(rb"(?:\s|\\r|\\n)+")
_QUOTING = re.compile(rb"(?:\s|\\r|\\n|>)+")


@cache
def plain_forms(value: str) -> frozenset[bytes]:
    """Return the ways to write a value in which letters keep no case: all in lower case."""
    escaped = "".join(letter if letter.isascii() and letter.isalnum() else f"\\u{ord(letter):04x}" for letter in value)
    percent = "".join(f"%{byte:02x}" for byte in value.encode())
    printable = quopri.encodestring(value.encode(), header=True).decode()
    written = (
        value, escaped, percent, printable, json.dumps(value)[1:-1], quote(value, safe=""), quote(value),
        value.replace("@", "=40"), value.replace("@", "&#64;"), html.escape(value), value.encode().hex(),
        quopri.encodestring(value.encode()).decode(),
    )  # fmt: skip
    return frozenset(text.casefold().encode() for text in written) | {value.casefold().encode("utf-16-le")}


@cache
def base64_forms(value: str) -> frozenset[bytes]:
    """Return what of a value is the same in base64 whatever stands around it, in the cases that people write."""
    found = set()
    for written in {value, value.lower(), value.upper(), value.title()}:
        raw = written.encode()
        for shift in range(3):
            encoded = base64.b64encode(b"\0" * shift + raw)
            inner = encoded[(shift * 8 + 5) // 6 : (shift + len(raw)) * 8 // 6]
            found |= {inner, inner.translate(bytes.maketrans(b"+/", b"-_"))}
    return frozenset(found)


def occurrences(content: bytes, values: Iterable[str]) -> Counter[str]:
    """Return how often each value stands in the bytes, in any form; packed parts are looked into."""
    counts: Counter[str] = Counter()
    for layer in _layers(content):
        lower = layer.decode("utf-8", "surrogateescape").casefold().encode("utf-8", "surrogateescape")
        readings = {lower, _SOFT_BREAK.sub(b"", lower), _QUOTING.sub(b" ", lower)}
        unbroken = _BREAKS.sub(b"", layer)
        for value in values:
            most = max(sum(reading.count(form) for form in plain_forms(value)) for reading in readings)
            counts[value] += most + sum(unbroken.count(form) for form in base64_forms(value))
    return +counts


def _layers(content: bytes) -> Iterator[bytes]:
    """Yield the bytes, and what they hold in hexadecimal (as a dump writes bytea) or packed (zip)."""
    yield content
    packed = [content, *(bytes.fromhex(found[: len(found) // 2 * 2].decode()) for found in _HEX.findall(content))]
    for one in packed:
        if one is not content:
            yield one
        if one[:2] == b"PK":
            with zipfile.ZipFile(io.BytesIO(one)) as archive:
                yield from (archive.read(name) for name in archive.namelist())
