"""What is asked of a mail, and the item it becomes.

The identity of a mail outlives its UID: it is the server's own object id where there is one (Gmail's X-GM-MSGID, RFC
8474's EMAILID), else a hash of the header fields that make a mail what it is. 64 bits: two of a million mails in a
mailbox share one with a chance of one in forty million.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.header import Header
from typing import Any

from opsintel.connectors.contract import PayloadFormat, Upsert
from opsintel.connectors.imap.session import Session
from opsintel.errors import one_line
from opsintel.net.imap import GuardedImapClient, decode_name, parse_to_datetime, translated
from opsintel.net.policy import MEGABYTE

MAIL_LIMIT = 64 * MEGABYTE
"""Bytes of a mail; of a larger one only the beginning is read, which holds its header and text."""
BEGINNING = 4 * MEGABYTE

_FIELDS = b"BODY[HEADER.FIELDS (MESSAGE-ID DATE FROM TO SUBJECT)]"
_ASKED_FIELDS = "BODY.PEEK[HEADER.FIELDS (MESSAGE-ID DATE FROM TO SUBJECT)]"
_KEPT_BOOKS = frozenset(
    ("$mdnsent", "$forwarded", "$submitpending", "$submitted", "$junk", "$notjunk", "junk", "nonjunk", "notjunk")
    + ("$hasattachment", "$hasnoattachment", "$canunsubscribe", "$recent")
)
"""Keywords in which mail programs keep notes for themselves; nobody filed a mail under them."""
_FOLDS = re.compile(rb"\s+")
_RUN = re.compile(rb"(\d+)(?::(\d+))?")


@dataclass(frozen=True, slots=True)
class Abilities:
    """What the server offers besides the standard."""

    gmail: bool = False
    object_id: bool = False
    condstore: bool = False
    qresync: bool = False

    @classmethod
    def of(cls, session: Session) -> Abilities:
        """Return those of a session's server."""
        return cls(*(session.has(name) for name in ("X-GM-EXT-1", "OBJECTID", "CONDSTORE", "QRESYNC")))


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail as the server lists it."""

    uid: int
    identity: int
    size: int
    arrived_at: datetime | None
    labels: tuple[str, ...]
    change: int = 0
    """The mod-sequence of its last change; its UID where the server keeps none."""


def native_id(mailbox: str, identity: int) -> str:
    """Return the native id of a mail: its mailbox and its identity, which a new UIDVALIDITY changes nothing of."""
    return f"{mailbox}/{identity:016x}"


def parts_of(key: str) -> tuple[str, int] | None:
    """Return mailbox and identity of a native id; None for what is none."""
    mailbox, slash, identity = key.rpartition("/")
    return (mailbox, int(identity, 16)) if slash and mailbox and re.fullmatch("[0-9a-f]{16}", identity) else None


def list_mails(session: Session, uids: Sequence[int], abilities: Abilities) -> list[Mail]:
    """Return the mails of some UIDs in their order, without their contents; those that are gone are left out."""
    wanted = set(uids)
    asked = ["UID", "RFC822.SIZE", "INTERNALDATE", *_label_items(abilities)]
    asked += ["MODSEQ"] if abilities.condstore else []
    asked += ["X-GM-MSGID"] if abilities.gmail else ["EMAILID"] if abilities.object_id else [_ASKED_FIELDS]

    def listed(client: GuardedImapClient) -> list[Mail]:
        found = client.uid_fetch(uid_set(uids), f"({' '.join(asked)})")
        return [_mail(uid, items) for uid, items in found if uid in wanted and b"RFC822.SIZE" in items]

    return sorted({mail.uid: mail for mail in session.ask(listed)}.values(), key=lambda mail: mail.uid)


def list_labels(session: Session, uids: Sequence[int], abilities: Abilities) -> dict[int, tuple[str, ...]]:
    """Return the labels of those UIDs that are there."""

    def listed(client: GuardedImapClient) -> dict[int, tuple[str, ...]]:
        found = client.uid_fetch(uid_set(uids), f"(UID {' '.join(_label_items(abilities))})")
        return {uid: _labels(items) for uid, items in found if b"FLAGS" in items}

    return session.ask(listed)


def list_changes(
    session: Session, last: int, modseq: int, abilities: Abilities
) -> tuple[dict[int, tuple[str, ...]], list[tuple[int, int]]]:
    """Return the labels of mails that changed since a mod-sequence, and the runs of UIDs that vanished (RFC 7162)."""

    def listed(client: GuardedImapClient) -> tuple[dict[int, tuple[str, ...]], list[tuple[int, int]]]:
        client.take_untagged("VANISHED")
        modifiers = f"(CHANGEDSINCE {modseq}{' VANISHED' if abilities.qresync else ''})"
        found = client.uid_fetch(f"1:{last}", f"(UID {' '.join(_label_items(abilities))})", modifiers)
        labels = {uid: _labels(items) for uid, items in found if b"FLAGS" in items}
        runs = [run for line in client.take_untagged("VANISHED") for run in _RUN.findall(line)]
        return labels, [(int(first), int(last or first)) for first, last in runs]

    return session.ask(listed)


def read_contents(session: Session, mails: Sequence[Mail]) -> dict[int, bytes]:
    """Return the raw bytes of some mails by UID; of one above the limit its beginning. It marks none as seen."""
    is_large = any(mail.size > MAIL_LIMIT for mail in mails)
    item = f"BODY.PEEK[]<0.{BEGINNING}>" if is_large else "BODY.PEEK[]"
    answered = b"BODY[]<0>" if is_large else b"BODY[]"
    wanted = {mail.uid for mail in mails}

    def read(client: GuardedImapClient) -> dict[int, bytes]:
        found = client.uid_fetch(uid_set(sorted(wanted)), f"(UID {item})")
        contents = ((uid, items.get(answered)) for uid, items in found if uid in wanted)
        return {uid: content for uid, content in contents if isinstance(content, bytes)}

    return session.ask(read)


def upsert(mailbox: str, mail: Mail, content: bytes) -> Upsert:
    """Return the item of a mail. Its labels stand before its header, as in a mailbox that a mail program exports.

    Its version names the last change too: a mail whose label comes and goes, or that is moved away and back, has no
    version that it had before.
    """
    payload = _label_field(mail.labels) + content if mail.labels else content
    version = f"{hashlib.sha256(payload).hexdigest()[:32]}-{mail.change}"
    return Upsert(
        native_id(mailbox, mail.identity), version, payload, PayloadFormat.MIME, mail.arrived_at, channel=mailbox
    )


def uid_set(uids: Iterable[int]) -> str:
    """Return ascending UIDs as a set of IMAP: 1:5,9."""
    return ",".join(str(first) if first == last else f"{first}:{last}" for first, last in ranges(uids))


def ranges(uids: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Yield (first, last) of each run of ascending numbers."""
    first = last = -1
    for uid in uids:
        if uid != last + 1:
            if first >= 0:
                yield first, last
            first = uid
        last = uid
    if first >= 0:
        yield first, last


def _label_items(abilities: Abilities) -> list[str]:
    return ["FLAGS", "X-GM-LABELS"] if abilities.gmail else ["FLAGS"]


def _mail(uid: int, items: dict[bytes, Any]) -> Mail:
    size, arrived = int(items[b"RFC822.SIZE"]), items.get(b"INTERNALDATE")
    modseq = items.get(b"MODSEQ")
    change = modseq[0] if isinstance(modseq, tuple) and modseq and isinstance(modseq[0], int) else uid
    return Mail(uid, _identity(items, size, arrived), size, _moment(arrived), _labels(items), change)


def _identity(items: dict[bytes, Any], size: int, arrived: Any) -> int:
    own = items.get(b"X-GM-MSGID")
    if isinstance(own, int):
        return own
    email_id = items.get(b"EMAILID")
    if email_id:
        text = email_id[0] if isinstance(email_id, tuple) else email_id
        return _hash64(str(text).encode())
    header = items.get(_FIELDS) or b""
    fields = sorted(
        name.strip().lower() + b":" + _FOLDS.sub(b" ", value.strip())
        for name, _, value in (line.partition(b":") for line in _unfolded(header))
    )
    if not any(field.startswith(b"message-id:") and len(field) > len(b"message-id:") for field in fields):
        fields += [b"%d" % size, arrived if isinstance(arrived, bytes) else b""]
    return _hash64(b"\n".join(fields))


def _unfolded(header: bytes) -> list[bytes]:
    return [line for line in re.sub(rb"\r?\n[ \t]+", b" ", header).splitlines() if line.strip()]


def _hash64(text: bytes) -> int:
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "big")


def _moment(value: Any) -> datetime | None:
    try:
        found: datetime = parse_to_datetime(value, normalise=False)
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, TypeError, AttributeError, OverflowError):
        return None


def _labels(items: dict[bytes, Any]) -> tuple[str, ...]:
    """Return what people filed a mail under: keywords, the flag for attention, labels of Gmail. Read or not is none."""
    flags = [_text(flag) for flag in items.get(b"FLAGS") or ()]
    found = [flag for flag in flags if not flag.startswith("\\") and flag.casefold() not in _KEPT_BOOKS]
    found += ["Flagged"] if any(flag.casefold() == "\\flagged" for flag in flags) else []
    with translated():
        found += [one_line(decode_name(_bytes(label))).lstrip("\\") for label in items.get(b"X-GM-LABELS") or ()]
    return tuple(sorted({label for label in found if label}))


def _text(value: Any) -> str:
    return one_line(value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value))


def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


def _label_field(labels: Sequence[str]) -> bytes:
    listed = ", ".join(labels)
    field = Header(listed, "us-ascii" if listed.isascii() else "utf-8", header_name="Keywords")
    return f"Keywords: {field.encode(linesep=chr(13) + chr(10))}\r\n".encode()
