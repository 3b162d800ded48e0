"""A mail from a file: who it is, and when it was sent, without parsing it."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime

from opsintel.connectors.contract import PayloadFormat, Upsert
from opsintel.connectors.files.times import mail_time

MESSAGE_LIMIT = 64 * 1024 * 1024
"""Bytes of a mail; a larger one is not read into memory and becomes a failure."""
SNIFFED = 8 * 1024
"""Bytes that are enough to tell whether a file is a mail."""
_HEADER_LIMIT = 256 * 1024
_HEADER_END = re.compile(rb"\n\r?\n")
_DATE = re.compile(rb"^date:[ \t]*(?:\r?\n[ \t]+)*([^\r\n]*)", re.IGNORECASE | re.MULTILINE)
# Fields in which mail programs keep their own flags (read, answered, deleted); they change while the mail does not.
_KEPT_FLAGS = re.compile(
    rb"^(?:Status|X-Status|X-Keywords|X-UID|X-IMAP|X-IMAPbase|X-Mozilla-Status2?|X-Mozilla-Keys):"
    rb"[^\n]*(?:\n|\Z)(?:[ \t][^\n]*(?:\n|\Z))*",
    re.IGNORECASE | re.MULTILINE,
)
_PREFACE = re.compile(rb"(?:\xef\xbb\xbf)?(?:[ \t\r]*\n)*(?:>?From [^\n]*\n)?")
_FIELD = re.compile(rb"([!-9;-~]{1,76})[ \t]*:")
_KNOWN_FIELDS = frozenset(
    b"from to cc bcc subject date received message-id return-path content-type mime-version sender reply-to "
    b"delivered-to content-transfer-encoding in-reply-to references x-mailer list-id resent-from".split()
)


def mail_upsert(payload: bytes, channel: str = "") -> Upsert:
    """Return the item of one mail: its id is the hash of its bytes, so it stays wherever the mail is moved.

    Not hashed are flags that mail programs write into the header, and line ends after the last line.
    """
    header_end = _HEADER_END.search(payload, 0, _HEADER_LIMIT)
    split = header_end.start() + 1 if header_end else min(len(payload), _HEADER_LIMIT)
    header = payload[:split]
    digest = _digest(payload, header, split)
    return Upsert(digest[:32], digest, payload, PayloadFormat.MIME, _sent_at(header), channel)


def looks_like_mail(start: bytes) -> bool:
    """Tell whether bytes begin with a mail's header: fields only, of which one is of RFC 5322 or MIME."""
    preface = _PREFACE.match(start)
    lines = start[preface.end() if preface else 0 :].split(b"\n")
    known = False
    for number, line in enumerate(lines[:-1] if len(start) >= SNIFFED else lines):
        if not line.strip():
            return known and number > 0
        found = _FIELD.match(line)
        if found:
            known = known or found.group(1).lower() in _KNOWN_FIELDS
        elif number == 0 or line[:1] not in b" \t":
            return False
    return known


def _digest(payload: bytes, header: bytes, split: int) -> str:
    end = len(payload)
    while end > split and payload[end - 1] in b"\r\n":
        end -= 1
    if _KEPT_FLAGS.search(header) is None:
        return hashlib.sha256(memoryview(payload)[:end]).hexdigest()
    hasher = hashlib.sha256(_KEPT_FLAGS.sub(b"", header))
    hasher.update(memoryview(payload)[split:end])
    return hasher.hexdigest()


def _sent_at(header: bytes) -> datetime | None:
    found = _DATE.search(header)
    return mail_time(found.group(1)) if found else None
