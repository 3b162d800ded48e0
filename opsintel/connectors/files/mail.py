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
_DATE = re.compile(rb"^date:[ \t]*(?:\r?\n[ \t]+)*([^\r\n]*)", re.IGNORECASE | re.MULTILINE)
# Fields in which mail programs keep their own flags (read, answered, deleted); they change while the mail does not.
_KEPT_FLAGS = re.compile(
    rb"^(?:Status|X-Status|X-Keywords|X-UID|X-IMAP|X-IMAPbase|X-Mozilla-Status2?|X-Mozilla-Keys):"
    rb"[^\n]*(?:\n|\Z)(?:[ \t][^\n]*(?:\n|\Z))*",
    re.MULTILINE,
)
_FLAG_HINTS = (b"Status:", b"X-Keywords:", b"X-UID:", b"X-IMAP", b"X-Mozilla-")
_JUNK_LINES = 2
_PREFACE = re.compile(rb"(?:\xef\xbb\xbf)?(?:[ \t\r]*\n)*(?:>?From [^\n]*\n)?")
_FIELD = re.compile(rb"([!-9;-~]{1,76})[ \t]*:")
_KNOWN_FIELDS = frozenset(
    b"from to cc bcc subject date received message-id return-path content-type mime-version sender reply-to "
    b"delivered-to content-transfer-encoding in-reply-to references x-mailer list-id resent-from".split()
)


def mail_upsert(payload: bytes, place: str, channel: str = "") -> Upsert:
    """Return the item of one mail: its id is the hash of its bytes, so it stays wherever the mail is moved.

    Not hashed are flags that mail programs write into the header, and line ends after the last line.
    """
    split = _header_end(payload)
    header = payload[:split]
    digest = _digest(payload, header, split)
    return Upsert(digest[:32], digest, payload, PayloadFormat.MIME, _sent_at(header), channel, (place,))


def looks_like_mail(start: bytes) -> bool:
    """Tell whether bytes begin with a mail's header: fields of RFC 5322 or MIME, and hardly a line that is none."""
    preface = _PREFACE.match(start)
    lines = start[preface.end() if preface else 0 :].split(b"\n")
    fields = known = junk = 0
    for line in lines[:-1] if len(start) >= SNIFFED else lines:
        if not line.strip():
            break
        found = _FIELD.match(line)
        if found:
            fields += 1
            known += found.group(1).lower() in _KNOWN_FIELDS
        elif fields == 0 or line[:1] not in b" \t":
            junk += 1
        if junk > min(fields, _JUNK_LINES):
            break
    return known > 1 or (known == 1 and junk <= min(fields, _JUNK_LINES))


def _header_end(payload: bytes) -> int:
    """Return the offset of the blank line behind the header, or as far as a header is looked for."""
    limit = min(len(payload), _HEADER_LIMIT)
    plain = payload.find(b"\n\n", 0, limit)
    with_return = payload.find(b"\n\r\n", 0, limit if plain < 0 else plain)
    found = plain if with_return < 0 else with_return
    return limit if found < 0 else found + 1


def _digest(payload: bytes, header: bytes, split: int) -> str:
    end = len(payload)
    while end > split and payload[end - 1] in b"\r\n":
        end -= 1
    if not any(hint in header for hint in _FLAG_HINTS):
        return hashlib.sha256(memoryview(payload)[:end]).hexdigest()
    hasher = hashlib.sha256(_KEPT_FLAGS.sub(b"", header))
    hasher.update(memoryview(payload)[split:end])
    return hasher.hexdigest()


def _sent_at(header: bytes) -> datetime | None:
    # Most programs write the name so; to find it this way costs a tenth.
    usual = header.find(b"\nDate:")
    found = _DATE.search(header, usual + 1 if usual >= 0 else 0)
    return mail_time(found.group(1)) if found else None
