"""The parts of a mail, found in its bytes in one pass: no copy of a body is made and no part is decoded here.

The standard library's feed parser takes many times a message's size in memory and time that grows with depth times
lines; what comes from outside is therefore cut at its boundaries here, in time linear in its size.
"""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass, field

from opsintel_pipeline.normalize.headers import Headers, media_type, parameters, read_block

DEPTH_LIMIT = 50
PARTS_LIMIT = 1_000
PART_LIMIT = 10 * 1024 * 1024
"""Bytes of a part above which it is named and measured, but not decoded."""
DECODED_LIMIT = 32 * 1024 * 1024
"""Bytes decoded of one message, over all its parts."""
_CANDIDATES_LIMIT = 200_000
_BOUNDARY_LIMIT = 1_000
_LINE_END = re.compile(rb"\r*\n\Z")
_UUENCODED = ("x-uuencode", "uuencode", "x-uue", "uue")


@dataclass(slots=True)
class Part:
    """One entity of a mail: its header fields and where its body stands in the bytes that hold it."""

    headers: Headers
    source: bytes
    start: int
    end: int
    type: str
    params: dict[str, str]
    depth: int
    children: list[Part] = field(default_factory=list)
    delimited: bool = False

    @property
    def encoding(self) -> str:
        """Return the transfer encoding in lower case, '' where none is named."""
        return (
            self.headers.raw("content-transfer-encoding").split(";", 1)[0].split("(", 1)[0].strip().strip('"').lower()
        )

    def size(self) -> int:
        """Return the bytes after transfer decoding, reckoned without decoding."""
        length = self.end - self.start
        if self.encoding != "base64":
            return length
        breaks = self.source.count(b"\n", self.start, self.end) + self.source.count(b"\r", self.start, self.end)
        tail = self.source[max(self.start, self.end - 8) : self.end]
        return max(0, (length - breaks) * 3 // 4 - tail.count(b"="))

    def content(self) -> bytes:
        """Return the body after transfer decoding; broken encodings give what can be read."""
        body = self.source[self.start : self.end]
        encoding = self.encoding
        if encoding == "base64":
            return _base64(body)
        if encoding == "quoted-printable":
            return binascii.a2b_qp(body)
        return _uuencoded(body) if encoding in _UUENCODED else body


@dataclass(slots=True)
class Structure:
    """The tree of a mail's parts, and what was wrong or left out."""

    root: Part
    defects: list[str] = field(default_factory=list)
    parts: int = 1

    def note(self, defect: str) -> None:
        """Keep a defect once."""
        if defect not in self.defects:
            self.defects.append(defect)


def split(payload: bytes) -> Structure:
    """Return the tree of parts of a mail; parts beyond the limits of depth and count stay undivided."""
    headers, start = read_block(payload, 0, len(payload))
    structure = Structure(_part(headers, payload, start, len(payload), 0, digest=False))
    if headers.truncated:
        structure.note("header fields above 64 KB were left out")
    _divide(structure, structure.root)
    return structure


def _part(headers: Headers, source: bytes, start: int, end: int, depth: int, *, digest: bool) -> Part:
    value = headers.raw("content-type")
    kind = media_type(value) or ("message/rfc822" if digest and not value else "text/plain")
    return Part(headers, source, start, end, kind, parameters(value) if value else {}, depth)


def _divide(structure: Structure, root: Part) -> None:
    """Fill in the children of a part, with one pass over its bytes and a stack of what is open."""
    source, open_parts = root.source, [root]
    boundaries: dict[bytes, Part] = {}
    _open(structure, root, open_parts, boundaries)
    if not boundaries:
        _close(structure, open_parts, 0, root.end)
        return
    position, candidates = max(root.start - 1, 0), 0
    if source[root.start : root.start + 2] == b"--":
        position = root.start
        line_start = root.start
    else:
        line_start = _next_candidate(source, position, root.end)
    while line_start >= 0:
        candidates += 1
        if candidates > _CANDIDATES_LIMIT:
            structure.note("too many lines that look like boundaries")
            break
        line_end = source.find(b"\n", line_start, root.end)
        line_end = root.end if line_end < 0 else line_end + 1
        owner, closing = _owner(source[line_start + 2 : min(line_end, line_start + _BOUNDARY_LIMIT + 8)], boundaries)
        following = line_end
        if owner is not None:
            _close(structure, open_parts, open_parts.index(owner) + 1, _before(source, line_start))
            owner.delimited = owner.delimited or not closing
            if closing:
                boundaries = {name: part for name, part in boundaries.items() if part is not owner}
                open_parts.remove(owner)
                _forget(open_parts, boundaries, owner)
            elif structure.parts >= PARTS_LIMIT:
                structure.note(f"more than {PARTS_LIMIT} parts")
                owner.end = line_start
                break
            else:
                following = _begin(structure, owner, line_end, open_parts, boundaries)
        if not boundaries:
            break
        line_start = _next_candidate(source, following - 1, root.end)
    _close(structure, open_parts, 0, root.end)


def _next_candidate(source: bytes, position: int, end: int) -> int:
    """Return where the next line that begins with two hyphens starts, -1 where there is none."""
    found = source.find(b"\n--", position, end)
    return found + 1 if found >= 0 else -1


def _before(source: bytes, line_start: int) -> int:
    """Return the end of the body before a delimiter: the line break before it belongs to the delimiter."""
    if line_start and source[line_start - 1 : line_start] == b"\n":
        line_start -= 1
        if line_start and source[line_start - 1 : line_start] == b"\r":
            line_start -= 1
    return line_start


def _owner(line: bytes, boundaries: dict[bytes, Part]) -> tuple[Part | None, bool]:
    """Return the open multipart that this delimiter line belongs to, and whether the line closes it."""
    line = line.rstrip()
    # The whole line first: one boundary may be the beginning of another. Then without what follows a blank.
    for text in (line, line.split(b" ", 1)[0]):
        if text in boundaries:
            return boundaries[text], False
        if text.endswith(b"--") and text[:-2] in boundaries:
            return boundaries[text[:-2]], True
    return None, False


def _begin(structure: Structure, owner: Part, start: int, open_parts: list[Part], boundaries: dict[bytes, Part]) -> int:
    """Add the part that begins at `start`; return where the search for the next delimiter goes on."""
    end = owner.source.__len__() if owner.end < start else owner.end
    headers, body = read_block(owner.source, start, end)
    part = _part(headers, owner.source, body, end, owner.depth + 1, digest=owner.type == "multipart/digest")
    if headers.truncated:
        structure.note("header fields above 64 KB were left out")
    owner.children.append(part)
    structure.parts += 1
    open_parts.append(part)
    _open(structure, part, open_parts, boundaries)
    return max(open_parts[-1].start, start)


def _open(structure: Structure, part: Part, open_parts: list[Part], boundaries: dict[bytes, Part]) -> None:
    """Note the boundary of a multipart, or go into a message that is not encoded."""
    while True:
        if part.depth >= DEPTH_LIMIT:
            if part.type.startswith(("multipart/", "message/rfc822")):
                structure.note(f"nested deeper than {DEPTH_LIMIT}")
            return
        if part.type.startswith("multipart/"):
            boundary = part.params.get("boundary", "").rstrip().encode("utf-8", "replace")[:_BOUNDARY_LIMIT]
            if boundary:
                boundaries[boundary] = part
            else:
                structure.note("multipart without a boundary")
            return
        if not _holds_message(part) or part.encoding in ("base64", "quoted-printable"):
            return
        headers, body = read_block(part.source, part.start, part.end)
        inner = _part(headers, part.source, body, part.end, part.depth + 1, digest=False)
        part.children.append(inner)
        structure.parts += 1
        open_parts.append(inner)
        part = inner


def _holds_message(part: Part) -> bool:
    return part.type in ("message/rfc822", "message/global", "message/news")


def _close(structure: Structure, open_parts: list[Part], keep: int, end: int) -> None:
    """End every open part above the first `keep`; a message in an encoding is divided now that its end is known."""
    while len(open_parts) > keep:
        part = open_parts.pop()
        part.end = max(part.start, min(part.end, end))
        encoded = _holds_message(part) and not part.children and part.encoding in ("base64", "quoted-printable")
        if encoded and part.depth < DEPTH_LIMIT and part.end - part.start <= PART_LIMIT:
            inner = part.content()
            headers, body = read_block(inner, 0, len(inner))
            child = _part(headers, inner, body, len(inner), part.depth + 1, digest=False)
            structure.note("message in a transfer encoding")
            structure.parts += 1
            part.children.append(child)
            _divide(structure, child)


def _forget(open_parts: list[Part], boundaries: dict[bytes, Part], owner: Part) -> None:
    """After a closing delimiter, go back to the parts that are still open."""
    del open_parts, boundaries, owner


def _base64(body: bytes) -> bytes:
    try:
        return binascii.a2b_base64(body)
    except binascii.Error:
        kept = re.sub(rb"[^A-Za-z0-9+/]", b"", body)
        kept = kept[:-1] if len(kept) % 4 == 1 else kept
        return binascii.a2b_base64(kept + b"=" * (-len(kept) % 4))


def _uuencoded(body: bytes) -> bytes:
    """Return the bytes of a uuencoded body, '' lines and broken lines left out."""
    result: list[bytes] = []
    inside = False
    for line in body.splitlines():
        if line.startswith(b"begin "):
            inside = True
        elif line.strip() == b"end":
            break
        elif inside and line:
            try:
                result.append(binascii.a2b_uu(line))
            except binascii.Error:
                # Some encoders pad their lines: the first byte tells how much of the line counts.
                length = (((line[0] - 32) & 63) * 4 + 5) // 3
                try:
                    result.append(binascii.a2b_uu(line[:length]))
                except binascii.Error:
                    continue
    return b"".join(result) if inside else body
