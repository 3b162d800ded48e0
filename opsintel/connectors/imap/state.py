"""What is remembered of a mailbox between readings: which UID is which mail.

A server names what was deleted by UID alone, and with a new UIDVALIDITY it numbers everything anew; so the cursor holds
the identity of each mail by its UID: eleven characters a mail.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import sys
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from opsintel.connectors.contract import Cursor
from opsintel.connectors.imap.mails import ranges

FORMAT = 1
_LARGEST_UID = 2**32 - 1


@dataclass
class MailboxState:
    """The mails known of a mailbox, and how far it was read.

    `last` is the UID up to which everything was looked at, `modseq` what flags were read up to, `selection` a digest of
    what was searched for. `former` are mails that were known under another UIDVALIDITY and not met again yet.
    """

    validity: int
    last: int = 0
    modseq: int = 0
    selection: str = ""
    uids: array[int] = field(default_factory=lambda: array("I"))
    identities: array[int] = field(default_factory=lambda: array("Q"))
    labelled: dict[int, str] = field(default_factory=dict)
    """Digest of the labels of each mail that has some, by UID."""
    former: dict[int, str] = field(default_factory=dict)
    """Digest of its labels by identity."""

    def __post_init__(self) -> None:
        self._known = set(self.identities)

    def knows(self, identity: int) -> bool:
        """Tell whether a mail is known under any UID."""
        return identity in self._known

    def add(self, uid: int, identity: int, labels: Sequence[str]) -> None:
        """Know a mail from now on."""
        at = bisect_left(self.uids, uid)
        if at < len(self.uids) and self.uids[at] == uid:
            self.identities[at] = identity
        else:
            self.uids.insert(at, uid)
            self.identities.insert(at, identity)
        self._known.add(identity)
        self.relabel(uid, labels)
        self.former.pop(identity, None)

    def relabel(self, uid: int, labels: Sequence[str]) -> None:
        """Know the labels of a mail."""
        if labels:
            self.labelled[uid] = label_digest(labels)
        else:
            self.labelled.pop(uid, None)

    def remove(self, gone: Iterable[int]) -> list[int]:
        """Forget UIDs, and return the identities of mails that are there under no other."""
        leaving = set(gone)
        if not leaving:
            return []
        lost = [identity for uid, identity in zip(self.uids, self.identities, strict=True) if uid in leaving]
        kept = [(uid, identity) for uid, identity in zip(self.uids, self.identities, strict=True) if uid not in leaving]
        self.uids, self.identities = array("I", (uid for uid, _ in kept)), array("Q", (i for _, i in kept))
        self._known = set(self.identities)
        for uid in leaving:
            self.labelled.pop(uid, None)
        return [identity for identity in dict.fromkeys(lost) if identity not in self._known]

    def is_relabelled(self, uid: int, labels: Sequence[str]) -> bool:
        """Tell whether a known mail has other labels than before."""
        at = bisect_left(self.uids, uid)
        if at == len(self.uids) or self.uids[at] != uid or self.labelled.get(uid, "") == label_digest(labels):
            return False
        # Of two copies in a mailbox, the one that came first is the item.
        return self.identities.index(self.identities[at]) == at

    def renumbered(self, validity: int) -> MailboxState:
        """Return the state after the server numbered the mailbox anew: all mails are still known, by no UID."""
        former = dict(self.former)
        for uid, identity in zip(self.uids, self.identities, strict=True):
            former[identity] = self.labelled.get(uid, "")
        return MailboxState(validity, former=former)

    def all_identities(self) -> list[int]:
        """Return every mail that is known."""
        return list(dict.fromkeys([*self.identities, *self.former]))

    def encoded(self) -> dict[str, Any]:
        """Return the state as JSON takes it."""
        listed: dict[str, Any] = {
            "validity": self.validity,
            "last": self.last,
            "modseq": self.modseq,
            "selection": self.selection,
            "uids": ",".join(f"{first}:{last}" for first, last in ranges(self.uids)),
            "identities": base64.b64encode(_bytes_of(self.identities)).decode(),
        }
        if self.labelled:
            listed["labelled"] = {str(uid): digest for uid, digest in self.labelled.items()}
        if self.former:
            listed["former"] = {f"{identity:016x}": digest for identity, digest in self.former.items()}
        return listed


def label_digest(labels: Sequence[str]) -> str:
    """Return a short digest of labels, '' for none."""
    return hashlib.sha256("\n".join(labels).encode()).hexdigest()[:12] if labels else ""


def decoded(value: Any) -> MailboxState | None:
    """Return the state in a cursor; None for what is none, which means to read the mailbox from its beginning."""
    try:
        uids = array("I")
        for piece in str(value["uids"]).split(","):
            first, _, last = piece.partition(":")
            if piece:
                if not 0 < int(first) <= int(last) <= _LARGEST_UID or int(last) - int(first) > 50_000_000:
                    return None
                uids.extend(range(int(first), int(last) + 1))
        identities = _array_of(base64.b64decode(value["identities"], validate=True))
        if len(uids) != len(identities):
            return None
        return MailboxState(
            int(value["validity"]),
            int(value["last"]),
            int(value["modseq"]),
            str(value["selection"]),
            uids,
            identities,
            {int(uid): str(digest) for uid, digest in dict(value.get("labelled", {})).items()},
            {int(identity, 16): str(digest) for identity, digest in dict(value.get("former", {})).items()},
        )
    except (KeyError, TypeError, ValueError, AttributeError, binascii.Error, OverflowError):
        return None


def mailboxes_of(cursor: Cursor | None) -> dict[str, Any]:
    """Return the states in a cursor by the name of their mailbox, encoded."""
    found = (cursor or {}).get("mailboxes") if (cursor or {}).get("format") == FORMAT else None
    return dict(found) if isinstance(found, Mapping) else {}


def cursor_of(mailboxes: Mapping[str, Any]) -> Cursor:
    """Return the cursor that holds states."""
    return {"format": FORMAT, "mailboxes": dict(mailboxes)}


def _bytes_of(numbers: array[int]) -> bytes:
    ordered = array("Q", numbers)
    if sys.byteorder == "little":
        ordered.byteswap()
    return ordered.tobytes()


def _array_of(data: bytes) -> array[int]:
    numbers = array("Q")
    numbers.frombytes(data)
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers
