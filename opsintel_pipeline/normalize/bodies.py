"""Chooses and reads the body among the parts of a mail, and names the other parts."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from opsintel.events.message import Attachment, Link, is_link
from opsintel_pipeline.normalize.attachments import attachment, filename, is_attached
from opsintel_pipeline.normalize.calendars import read_calendar
from opsintel_pipeline.normalize.charsets import charset_of_html, decode
from opsintel_pipeline.normalize.html import HtmlText, html_to_text
from opsintel_pipeline.normalize.plain import enriched_to_text, unflow
from opsintel_pipeline.normalize.reports import read_report
from opsintel_pipeline.normalize.structure import DECODED_LIMIT, MESSAGE_TYPES, PART_LIMIT, Part, Structure
from opsintel_pipeline.normalize.text import clean, tidy

_LINKS_LIMIT = 500
_URL = re.compile(r"https?://[^\s<>\"'\u201c\u201d)\]}]{3,2000}")
_LOOKS_LIKE_HTML = re.compile(
    r"\s*(?:<\?xml[^>]{0,200}>\s*)?<(?:!doctype html|html|head|body|div|p|table|meta)\b[^>]{0,400}>", re.IGNORECASE
)
_PGP_MESSAGE = "-----BEGIN PGP MESSAGE-----"
_FORWARDED = "---------- Forwarded message ----------"
_RICH = ("text/html", "text/enriched", "multipart/related", "multipart/mixed", "multipart/alternative")
_BINARY_SAMPLE = 64 * 1024
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\r\f\x0b\x1b"))
_SHORT = 200
"""Characters below which a plain alternative may be a stub that only points to the HTML one."""
_STUB_RATIO = 3
_SMIME = ("application/pkcs7-mime", "application/x-pkcs7-mime")
_TNEF = ("application/ms-tnef", "application/vnd.ms-tnef")
_REPORTS = (
    "message/delivery-status",
    "message/disposition-notification",
    "message/feedback-report",
    "message/global-delivery-status",
)
_SIGNATURES = (
    "application/pgp-signature",
    "application/pkcs7-signature",
    "application/x-pkcs7-signature",
    "application/pgp-keys",
)


@dataclass(slots=True)
class Content:
    """What the parts of a mail hold."""

    marked: str = ""
    returned: str = ""
    links: list[Link] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    opaque: str = ""
    report: str = ""
    too_large: int = 0
    extra: dict[str, Any] = field(default_factory=dict)

    def has_anything(self) -> bool:
        """Tell whether there is text, an attachment or an opaque body."""
        return bool(self.marked or self.returned or self.attachments or self.opaque or self.extra)


def read_content(structure: Structure) -> Content:
    """Return the body of a mail with its links, and its other parts by name and size."""
    reader = _Reader(structure)
    texts = reader.read(structure.root)
    content = reader.content
    content.marked = tidy("\n\n".join(text for text in texts if text)) or reader.invitation
    if not content.marked:
        # Text parts with a name are files, unless there is no other text and none says that it is attached.
        content.marked = tidy("\n\n".join(text for part in reader.named for text in reader.text(part)))
    if not content.links:
        found = dict.fromkeys(url.rstrip(".,;:!?") for url in _URL.findall(content.marked))
        content.links = [Link(url=url) for url in found if is_link(url)]
    del content.links[_LINKS_LIMIT:]
    if _PGP_MESSAGE in content.marked[:2_000]:
        content.opaque = "pgp"
    elif content.marked and content.opaque == "tnef":
        content.opaque = ""
    return content


def _is_binary(data: bytes, charset: str) -> bool:
    """Tell whether bytes that are called text hold more control bytes than any text does."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") or charset.lower().startswith(("utf-16", "utf-32", "ucs")):
        return False
    sample = data[:_BINARY_SAMPLE]
    return len(sample) > 64 and len(sample) - len(sample.translate(None, _CONTROLS)) > len(sample) // 20


class _Reader:
    """Walks the parts; decodes no more than the limits allow."""

    def __init__(self, structure: Structure) -> None:
        self.structure = structure
        self.content = Content()
        self.invitation = ""
        self.named: list[Part] = []
        self._room = DECODED_LIMIT
        self._in_report = False

    def read(self, part: Part) -> list[str]:
        """Return the texts of a part and those below it, in their order."""
        if part.type.startswith("multipart/"):
            return self._multipart(part)
        if part.type in MESSAGE_TYPES or (part.type.startswith("message/") and part.children):
            return self._message(part)
        if part.type in _REPORTS or part.type == "text/rfc822-headers":
            return self._report(part)
        if part.type in _SMIME or part.type in _TNEF or part.type == "application/pgp-encrypted":
            self.content.opaque = "pgp" if "pgp" in part.type else "tnef" if part.type in _TNEF else "smime"
            self.attach(part)
            return []
        if part.type.startswith("text/") and not is_attached(part):
            return self.text(part)
        if not part.headers and not part.depth:
            return self.text(part)
        self.attach(part)
        if part.type in ("text/plain", "text/html") and not part.headers.raw("content-disposition"):
            self.named.append(part)
        return []

    def attach(self, part: Part) -> None:
        """Name a part that is not read."""
        if part.type in _SIGNATURES and not filename(part):
            return
        attached = attachment(part)
        if part.type == "application/octet-stream" and attached.filename.lower() == "winmail.dat":
            self.content.opaque = self.content.opaque or "tnef"
        self.content.attachments.append(attached)

    def _multipart(self, part: Part) -> list[str]:
        if not part.children:
            return self._undivided(part)
        if part.type == "multipart/alternative":
            return self._alternative(part)
        if part.type == "multipart/encrypted":
            self.content.opaque = "pgp" if "pgp" in part.params.get("protocol", "pgp") else "smime"
        if part.type == "multipart/report":
            self._in_report = True
            self.content.report = self.content.report or "delivery"
        if part.type == "multipart/related":
            return self._related(part)
        return [text for child in part.children for text in self.read(child)]

    def _undivided(self, part: Part) -> list[str]:
        """Return the text of a multipart in which no boundary was found; after a closing one alone there is none."""
        if part.end - part.start > PART_LIMIT:
            self.attach(part)
            return []
        if self.structure.root is part and part.delimited:
            return []
        self.structure.note("multipart without parts")
        text, _ = decode(part.content(), part.params.get("charset", ""))
        boundary = part.params.get("boundary", "")
        lines = [line for line in clean(text).split("\n") if not (boundary and line.startswith(f"--{boundary}"))]
        return ["\n".join(lines).strip()]

    def _alternative(self, part: Part) -> list[str]:
        """Return the best of several forms of one body: plain text unless it is a stub or absent, else HTML."""
        plain: list[str] = []
        rich: Part | None = None
        for child in part.children:
            if child.type == "text/plain" and not is_attached(child):
                plain += self.text(child)
            elif child.type in _RICH:
                rich = child
            else:
                # A calendar, a watch's form of the mail: named, and read when it is the only body.
                self.read(child)
        if rich is None:
            return plain
        text = "\n\n".join(plain).strip()
        enough = len(text) >= _SHORT or (len(text) > 0 and (rich.end - rich.start) < 20 * len(text))
        if enough and rich.type in ("text/html", "text/enriched"):
            return plain
        found = self.read(rich)
        length = sum(len(other) for other in found)
        return plain if text and length < _STUB_RATIO * len(text) else found

    def _related(self, part: Part) -> list[str]:
        """Return the text of the root of related parts (RFC 2387), else of the first that has any; name the others."""
        start = part.params.get("start", "").strip("<>")
        named = [child for child in part.children if start and start in child.headers.raw("content-id")]
        root = named[0] if named else part.children[0]
        texts = self.read(root)
        for child in part.children:
            if child is root:
                continue
            if texts and child.type.startswith("text/"):
                self.attach(child)
            else:
                texts = texts + self.read(child)
        return texts

    def _message(self, part: Part) -> list[str]:
        """Return a forwarded message as content; one that a mail system returned is kept apart as quoted text."""
        self.attach(part)
        if not part.children:
            return []
        inner = part.children[0]
        texts = self.read(inner)
        shown = [
            f"{title}: {inner.headers.text(name, 300)}"
            for name, title in (("from", "From"), ("date", "Date"), ("to", "To"), ("subject", "Subject"))
            if name in inner.headers
        ]
        if self._in_report:
            self.content.returned = tidy("\n".join([*shown, "", *texts]))
            return []
        return ["\n".join([_FORWARDED, *shown, "", "\n\n".join(texts)]).strip()]

    def _report(self, part: Part) -> list[str]:
        """Read the machine's part of a delivery report (RFC 3464), a receipt (RFC 8098) or a complaint (RFC 5965)."""
        if part.end - part.start <= PART_LIMIT:
            data = part.source[part.start : part.end] if part.children else part.content()
            if part.type == "text/rfc822-headers":
                self.content.returned = self.content.returned or tidy(clean(decode(data, "")[0]))
                return []
            fields, failed = read_report(data)
            self.content.extra["report"] = fields
            if self.content.report != "bounce":
                self.content.report = "bounce" if failed else "delivery"
        return []

    def text(self, part: Part) -> list[str]:
        """Return the text of one part, as far as the limits allow."""
        size = part.end - part.start
        if size > PART_LIMIT or size > self._room:
            self.structure.note("a text part above the limit of size was not read")
            self.content.too_large = max(self.content.too_large, size)
            if part.depth:
                self.attach(part)
            return []
        self._room -= size
        data = part.content()
        charset = part.params.get("charset", "")
        if part.type == "text/html" and not charset:
            charset = charset_of_html(data)
        if _is_binary(data, charset):
            self.structure.note("binary data under the name of text")
            self.attach(part)
            return []
        text, defect = decode(data, charset)
        if defect:
            self.structure.note(defect)
        if part.type == "text/html" or (not part.headers and _LOOKS_LIKE_HTML.match(text)):
            return [self._html(text)]
        if part.type == "text/calendar":
            invitation, fields = read_calendar(clean(text))
            self.invitation = self.invitation or invitation
            self.content.extra.setdefault("calendar", fields)
            self.attach(part)
            return []
        text = clean(text)
        if part.type in ("text/enriched", "text/richtext"):
            return [enriched_to_text(text)]
        flowed = part.params.get("format", "").lower() == "flowed"
        return [unflow(text, delete_space=part.params.get("delsp", "").lower() == "yes") if flowed else text]

    def _html(self, text: str) -> str:
        page: HtmlText = html_to_text(text)
        for defect in page.defects:
            self.structure.note(defect)
        self.content.links += page.links
        return page.marked
