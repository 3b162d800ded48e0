"""The parts of a mail, found in its bytes in one pass: no copy of a body is made and no part is decoded here.

The standard library's feed parser takes many times a message's size in memory and time that grows with depth times
lines; what comes from outside is therefore cut at its boundaries here, in time linear in its size.
"""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass, field

from opsintel_pipeline.normalize.headers import Headers, media_type, parameters, read_block
from opsintel_pipeline.normalize.text import clean_line

DEPTH_LIMIT = 50
PARTS_LIMIT = 1_000
PART_LIMIT = 10 * 1024 * 1024
"""Bytes of a part above which it is named and measured, but not decoded."""
DECODED_LIMIT = 32 * 1024 * 1024
"""Bytes decoded of one message, over all its parts."""
_CANDIDATES_LIMIT = 50_000
_BOUNDARY_LIMIT = 4_000
_SNIFFED = 64 * 1024
_MEND_WITHIN = 1_024
# What may stand before the first header field: a byte order mark, blank lines, the envelope line of an mbox.
_PREFACE = re.compile(rb"(?:\xef\xbb\xbf)?(?:[ \t\r]*\n)*(?:>?From [^\n]*\n)?")
_KNOWN_FIELDS = frozenset(
    [
        "from",
        "to",
        "cc",
        "bcc",
        "subject",
        "date",
        "received",
        "message-id",
        "return-path",
        "content-type",
        "mime-version",
        "sender",
        "reply-to",
        "delivered-to",
        "content-transfer-encoding",
        "in-reply-to",
        "references",
        "x-mailer",
        "list-id",
        "resent-from",
    ]  # fmt: skip
)
MESSAGE_TYPES = frozenset({"message/rfc822", "message/global", "message/news"})
_ENCODINGS = ("base64", "quoted-printable")
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
    boundary: bytes = b""

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
        """Keep a defect once; what it repeats of the mail is made one clean line."""
        defect = clean_line(defect, 300)
        if defect not in self.defects:
            self.defects.append(defect)


def split(payload: bytes) -> Structure:
    """Return the tree of parts of a mail; parts beyond the limits of depth and count stay undivided."""
    if b"\r" in payload[:_SNIFFED] and b"\n" not in payload[:_SNIFFED]:
        payload = payload.replace(b"\r", b"\n")
    first = _PREFACE.match(payload, 0, _SNIFFED)
    headers, start = read_block(payload, first.end() if first else 0, len(payload))
    if headers.names().isdisjoint(_KNOWN_FIELDS) and not headers.truncated:
        headers, start = Headers(b""), 0  # a body alone: what looks like fields is its text
    structure = Structure(_part(headers, payload, start, len(payload), 0))
    _Divider(structure, structure.root).run()
    return structure


def _part(headers: Headers, source: bytes, start: int, end: int, depth: int, default: str = "text/plain") -> Part:
    value = headers.raw("content-type")
    kind = (media_type(value) or "text/plain") if value else default
    return Part(headers, source, start, end, kind, parameters(value) if value else {}, depth)


class _Divider:
    """Divides one stretch of bytes: a pass over the lines that begin with two hyphens, with a stack of open parts."""

    def __init__(self, structure: Structure, root: Part) -> None:
        self.structure = structure
        self.source = root.source
        self.end = root.end
        self.open: list[Part] = [root]
        self.boundaries: dict[bytes, Part] = {}

    def run(self) -> None:
        """Fill in the children of the root, and theirs."""
        root = self.open[0]
        self._enter(root)
        line = root.start if self.source.startswith(b"--", self.open[-1].start) else self._next(root.start)
        candidates = 0
        while line >= 0 and self.boundaries:
            candidates += 1
            if candidates > _CANDIDATES_LIMIT or not self._take(line):
                self.structure.note("too many parts or lines that look like boundaries")
                break
            line = self._next(max(self.open[-1].start - 1, line) if self.open else line)
        self._leave(0, self.end)

    def _next(self, position: int) -> int:
        """Return where the next line that begins with two hyphens starts, -1 where there is none."""
        return self.source.find(b"\n--", position, self.end) + 1 or -1

    def _take(self, line: int) -> bool:
        """Close and begin parts where this line is a delimiter; False when no more parts are taken."""
        stop = self.source.find(b"\n", line, self.end)
        stop = self.end if stop < 0 else stop + 1
        owner, closing = self._owner(self.source[line + 2 : min(stop, line + _BOUNDARY_LIMIT + 8)])
        if owner is None:
            return True
        before = self._before(line)
        self._leave(self.open.index(owner) + 1, before)
        if closing:
            self._leave(len(self.open) - 1, before)
            return True
        owner.delimited = True
        if self.structure.parts >= PARTS_LIMIT:
            self._leave(0, before)
            return False
        default = "message/rfc822" if owner.type == "multipart/digest" else "text/plain"
        self._begin(owner, stop, default)
        return True

    def _owner(self, line: bytes) -> tuple[Part | None, bool]:
        """Return the open multipart that a delimiter line belongs to, and whether the line closes it."""
        line = line.rstrip()
        # The whole line first: one boundary may be the beginning of another. Then without what follows a blank.
        for text in (line, line.split(b" ", 1)[0]):
            if text in self.boundaries:
                return self.boundaries[text], False
            if text.endswith(b"--") and text[:-2] in self.boundaries:
                return self.boundaries[text[:-2]], True
        return None, False

    def _before(self, line: int) -> int:
        """Return the end of the body before a delimiter, to which the line break before it belongs."""
        if line and self.source[line - 1 : line] == b"\n":
            line -= 1
            line -= line > 0 and self.source[line - 1 : line] == b"\r"
        return line

    def _begin(self, owner: Part, start: int, default: str) -> None:
        headers, body = read_block(self.source, start, self.end)
        part = _part(headers, self.source, body, self.end, owner.depth + 1, default)
        self._adopt(owner, part)
        self._enter(part)

    def _adopt(self, owner: Part, part: Part) -> None:
        if part.headers.truncated:
            self.structure.note("header fields above 64 KB were left out")
        owner.children.append(part)
        self.structure.parts += 1
        self.open.append(part)

    def _enter(self, part: Part) -> None:
        """Note the boundary of a multipart, or go on into a message that is in no encoding."""
        while part.depth < DEPTH_LIMIT:
            if part.type.startswith("text/") and "boundary" in part.params:
                self._mend(part)
            if part.type.startswith("multipart/"):
                boundary = part.params.get("boundary", "").rstrip().encode("utf-8", "replace")[:_BOUNDARY_LIMIT]
                if boundary and boundary not in self.boundaries:
                    part.boundary = boundary
                    self.boundaries[boundary] = part
                elif not boundary:
                    self.structure.note("multipart without a boundary")
                return
            if part.type not in MESSAGE_TYPES or part.encoding in _ENCODINGS:
                return
            headers, body = read_block(self.source, part.start, part.end)
            inner = _part(headers, self.source, body, part.end, part.depth + 1)
            self._adopt(part, inner)
            part = inner
        if part.type.startswith("multipart/") or part.type in MESSAGE_TYPES:
            self.structure.note(f"nested deeper than {DEPTH_LIMIT}")

    def _mend(self, part: Part) -> None:
        """Take what is called text, but begins with its own boundary, for the multipart that it is."""
        boundary = b"--" + part.params["boundary"].rstrip().encode("utf-8", "replace")
        if len(boundary) > 2 and boundary in self.source[part.start : part.start + _MEND_WITHIN]:
            part.type = "multipart/mixed"
            self.structure.note("multipart under the name of text")

    def _leave(self, keep: int, end: int) -> None:
        """End every open part above the first `keep`."""
        while len(self.open) > keep:
            part = self.open.pop()
            part.end = max(part.start, min(part.end, end))
            if part.boundary:
                del self.boundaries[part.boundary]
            if part.type in MESSAGE_TYPES and not part.children and part.encoding in _ENCODINGS:
                self._divide_encoded(part)

    def _divide_encoded(self, part: Part) -> None:
        """Divide a message that stands in a transfer encoding, which RFC 2046 forbids and mailers do."""
        within = part.depth < DEPTH_LIMIT and self.structure.parts < PARTS_LIMIT
        if not within or part.end - part.start > PART_LIMIT:
            self.structure.note("encoded message left undivided")
            return
        inner = part.content()
        headers, body = read_block(inner, 0, len(inner))
        child = _part(headers, inner, body, len(inner), part.depth + 1)
        self.structure.parts += 1
        part.children.append(child)
        _Divider(self.structure, child).run()


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
