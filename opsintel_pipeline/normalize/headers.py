"""Header fields of a mail: found in the bytes, decoded (RFC 2047, RFC 2231), never more than the limits allow.

Parameters are read by the standard library's `email.message.Message` under the compat32 policy. Its default policy
is never used: its header parser takes gigabytes for one long Subject.
"""

from __future__ import annotations

import binascii
import re
from email.message import Message
from email.policy import compat32

from opsintel_pipeline.normalize.charsets import codec_of, decode
from opsintel_pipeline.normalize.text import clean_line

HEADERS_LIMIT = 64 * 1024
"""Bytes of header fields kept for one entity."""
FIELD_LIMIT = 16 * 1024
"""Bytes kept of one field in a header block above the limit."""
_SCAN_LIMIT = 16 * 1024 * 1024

# A run of header fields: each line is a field name with colon, or the continuation of the one before.
_BLOCK = re.compile(rb"(?>(?:(?!--)[^\s:\x00-\x20\x7f]+[ \t]*:[^\n]*(?:\n|\Z)|[ \t][^\n]*(?:\n|\Z))*)")
_WORTHY = re.compile(
    rb"^(?:from|to|cc|subject|date|message-id|in-reply-to|references|sender|reply-to|return-path|auto-submitted|precedence|"
    rb"list-id|list-unsubscribe|list-post|mime-version|content-[a-z-]+)[ \t]*:[^\n]*+(?:\n[ \t][^\n]*+)*+\n?",
    re.IGNORECASE | re.MULTILINE,
)
_BLANK = re.compile(rb"\r*\n")
_FIELD = re.compile(r"([^\s:]+)[ \t]*:((?>[^\n]*(?:\n[ \t][^\n]*)*))")
_FOLD = re.compile(r"\r?\n[ \t]*")
_ENCODED_WORD = re.compile(r"=\?([^?\s]{1,60})\?([bBqQ])\?([^?]*)\?=")
_PARAMETER = re.compile(r';\s*([\w*.-]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^;\s]*)')
_NOT_BASE64 = re.compile(r"[^A-Za-z0-9+/]")


class Headers:
    """The header fields of one entity, by lower-case name, in their order, raw (unfolded but not decoded)."""

    __slots__ = ("_fields", "truncated")

    def __init__(self, block: bytes, *, truncated: bool = False) -> None:
        self.truncated = truncated
        self._fields: dict[str, list[str]] = {}
        if block:
            text, _ = decode(block, "")
            for name, value in _FIELD.findall(text):
                value = value.strip()
                if "\n" in value:
                    value = _FOLD.sub(" ", value)
                self._fields.setdefault(name.lower(), []).append(value)

    def __bool__(self) -> bool:
        return bool(self._fields)

    def __contains__(self, name: str) -> bool:
        return name in self._fields

    def names(self) -> frozenset[str]:
        """Return the lower-case names of all fields."""
        return frozenset(self._fields)

    def raw(self, name: str) -> str:
        """Return the first field of this name as it stands, '' where there is none."""
        values = self._fields.get(name)
        return values[0] if values else ""

    def all(self, name: str) -> list[str]:
        """Return every field of this name as it stands."""
        return self._fields.get(name, [])

    def text(self, name: str, limit: int = 2_000) -> str:
        """Return the first field of this name decoded, as one clean line."""
        values = self._fields.get(name)
        return clean_line(decode_words(values[0]), limit) if values else ""


def read_block(payload: bytes, start: int, end: int) -> tuple[Headers, int]:
    """Return the header fields that begin at `start` and the offset where the body begins."""
    found = _BLOCK.match(payload, start, min(end, start + HEADERS_LIMIT))
    stop = found.end() if found else start
    if stop - start >= HEADERS_LIMIT - 2:
        return _read_oversized(payload, start, end)
    blank = _BLANK.match(payload, stop, end)
    # The pattern may have stopped within the last line, at the limit.
    if (
        not blank
        and stop < end
        and end - start > HEADERS_LIMIT
        and payload.find(b"\n", stop, start + HEADERS_LIMIT) < 0
    ):
        return _read_oversized(payload, start, end)
    return Headers(payload[start:stop]), blank.end() if blank else stop


def _read_oversized(payload: bytes, start: int, end: int) -> tuple[Headers, int]:
    """Read a header block above the limit: the fields that matter, each cut to its own limit, all to the block's."""
    limit = min(end, start + _SCAN_LIMIT)
    ends = [at for at in (payload.find(b"\n\n", start, limit), payload.find(b"\n\r\n", start, limit)) if at >= 0]
    stop = min(ends) + 1 if ends else limit
    kept: list[bytes] = []
    room = HEADERS_LIMIT
    for found in _WORTHY.finditer(payload, start, stop):
        line = payload[found.start() : min(found.end(), found.start() + min(FIELD_LIMIT, room))]
        kept.append(line if line.endswith(b"\n") else line + b"\n")
        room -= len(line)
        if room <= 0:
            break
    blank = _BLANK.match(payload, stop, end)
    return Headers(b"".join(kept), truncated=True), blank.end() if blank else stop


def decode_words(value: str) -> str:
    """Return a header value with its encoded words decoded (RFC 2047).

    The bytes of adjacent words in one charset are joined first: mailers cut within a character.
    """
    if "=?" not in value:
        return value
    result: list[str] = []
    pending, pending_charset, position = b"", "", 0
    for found in _ENCODED_WORD.finditer(value):
        between = value[position : found.start()]
        charset = found.group(1).split("*", 1)[0].lower()
        if between.strip() or charset != pending_charset:
            result.append(decode(pending, pending_charset)[0])
            pending = b""
            if between.strip() or not position:
                result.append(between)
        pending += _word_bytes(found.group(2), found.group(3))
        pending_charset = charset
        position = found.end()
    result.append(decode(pending, pending_charset)[0])
    result.append(value[position:])
    return "".join(result)


def _word_bytes(encoding: str, text: str) -> bytes:
    """Return the bytes of one encoded word, as far as they can be read."""
    if encoding in "qQ":
        return binascii.a2b_qp(text.encode("utf-8", "replace"), header=True)
    return base64_bytes(text)


def base64_bytes(text: str) -> bytes:
    """Return the bytes of base64 text; foreign characters and missing padding do not matter."""
    text = _NOT_BASE64.sub("", text)
    text = text[: len(text) - 1] if len(text) % 4 == 1 else text
    return binascii.a2b_base64(text + "=" * (-len(text) % 4))


def media_type(value: str) -> str:
    """Return the media type of a Content-Type value in lower case, '' where it is malformed."""
    name = value.split(";", 1)[0].strip().lower()
    is_one = name.count("/") == 1 and " " not in name and len(name) < 128
    return name if is_one and name.isascii() and name.isprintable() else ""


def parameters(value: str) -> dict[str, str]:
    """Return the parameters of a structured field, lower-case names, decoded by RFC 2231 or RFC 2047."""
    if ";" not in value:
        return {}
    if "*" not in value and "\\" not in value:
        plain = {name.lower(): text.strip('"') for name, text in reversed(_PARAMETER.findall(value))}
        return {name: decode_words(text) for name, text in plain.items()}
    message: Message = Message(policy=compat32)
    message["content-type"] = value[:FIELD_LIMIT]
    result: dict[str, str] = {}
    try:
        found = message.get_params([]) or []
    except (ValueError, TypeError, IndexError):  # the standard library stumbles over some malformed continuations
        return {name.lower().rstrip("*"): text.strip('"') for name, text in _PARAMETER.findall(value)}
    for name, parameter in found[1:]:
        if isinstance(parameter, tuple):
            charset, _, quoted = parameter
            data = quoted.encode("latin-1", "replace")
            parameter = data.decode(codec_of(charset or "") or "utf-8", "replace")
        result.setdefault(name.lower(), decode_words(parameter))
    return result
