"""One mailbox, read on from what is known of it: labels and deletions, then what is new, in pages."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from enum import Enum
from typing import TypeVar

from opsintel.connectors.contract import Failure, ReadItem, Tombstone
from opsintel.connectors.imap.contents import answered, groups, read_group
from opsintel.connectors.imap.mails import Abilities, Mail, list_changes, list_labels, list_mails, native_id
from opsintel.connectors.imap.search import find_uids
from opsintel.connectors.imap.session import Selected, Session
from opsintel.connectors.imap.state import MailboxState, label_digest
from opsintel.errors import UnavailableError

PAGE_ITEMS = 500
LABELS_AT_ONCE = 5_000

Item = TypeVar("Item")


class Page(Enum):
    """A mark between items."""

    END = "end"
    """All that was yielded is in the state as it is now."""


class MailboxReading:
    """The reading of a mailbox that is open in the session; `state` moves along."""

    def __init__(
        self, session: Session, selected: Selected, state: MailboxState | None, abilities: Abilities, keys: str
    ) -> None:
        """`keys` are what the provider searches for, '' for everything."""
        self._session, self._selected, self._abilities, self._keys = session, selected, abilities, keys
        self._digest = hashlib.sha256(keys.encode()).hexdigest()[:12] if keys else ""
        if state is None:
            state = MailboxState(selected.validity)
        elif state.validity != selected.validity:
            state = state.renumbered(selected.validity)
        self.state = state

    def items(self) -> Iterator[ReadItem | Page]:
        """Yield what changed and what is new, and an end of the page after at most 500 items or 8 MB."""
        state = self.state
        if state.uids:
            yield from self._changes()
        yield from self._arrivals()
        yield from self._tombstones(list(state.former))
        state.former = {}
        state.modseq, state.selection = self._selected.modseq, self._digest
        state.last = max(state.last, self._selected.following - 1)
        yield Page.END

    def _changes(self) -> Iterator[ReadItem | Page]:
        labels, gone = self._changed()
        leaving = set(gone)
        relabelled = [uid for uid, now in sorted(labels.items()) if self.state.is_relabelled(uid, now)]
        for uids in pieces([uid for uid in relabelled if uid not in leaving], PAGE_ITEMS):
            for group in groups(list_mails(self._session, uids, self._abilities), PAGE_ITEMS):
                for mail, items in read_group(self._session, self._selected.name, group):
                    self.state.relabel(mail.uid, mail.labels)
                    yield from items
                yield Page.END
        for uids in pieces(gone, PAGE_ITEMS):
            yield from self._tombstones(self.state.remove(uids))

    def _changed(self) -> tuple[dict[int, tuple[str, ...]], list[int]]:
        """Return the labels of known mails that may have changed, and the UIDs that are gone."""
        state, selected, abilities = self.state, self._selected, self._abilities
        has_modseq = abilities.condstore and state.modseq > 0 and selected.modseq > 0
        if has_modseq and abilities.qresync:
            if selected.modseq == state.modseq:
                return {}, []
            labels, runs = list_changes(self._session, state.uids[-1], state.modseq, abilities)
            return labels, [uid for uid in state.uids if any(first <= uid <= last for first, last in runs)]
        present = set(find_uids(self._session, selected))
        if len(present) < selected.count:
            # An answer that leaves mails out would be taken for their deletion.
            raise UnavailableError("The server finds fewer mails than it counts", remedy="It is tried again later")
        gone = [uid for uid in state.uids if uid not in present]
        if has_modseq:
            return list_changes(self._session, state.uids[-1], state.modseq, abilities)[0], gone
        labels = {}
        for uids in pieces([uid for uid in state.uids if uid in present], LABELS_AT_ONCE):
            labels |= list_labels(self._session, uids, abilities)
        return labels, gone

    def _arrivals(self) -> Iterator[ReadItem | Page]:
        state = self.state
        is_searched_anew = state.selection != self._digest or not state.last
        found = find_uids(self._session, self._selected, self._keys, 1 if is_searched_anew else state.last + 1)
        known = set(state.uids) if is_searched_anew else set()
        for uids in pieces([uid for uid in found if uid not in known], PAGE_ITEMS):
            mails = answered(self._session, uids, self._listed)
            yield from self._taken_in([mails[uid] for uid in uids if uid in mails])
            unlisted = [uid for uid in uids if uid not in mails]
            if unlisted:
                yield from self._unlisted(unlisted)

    def _listed(self, uids: Sequence[int]) -> dict[int, Mail]:
        return {mail.uid: mail for mail in list_mails(self._session, uids, self._abilities)}

    def _taken_in(self, mails: Sequence[Mail]) -> Iterator[ReadItem | Page]:
        """Yield what is not known yet. The others are known by one more UID, in the order of UIDs: a reading that ends
        at a page has taken in all that came before it, and nothing behind it."""
        unread: dict[int, Mail] = {}
        known: list[Mail] = []
        for mail in mails:
            if mail.identity in unread or self._is_read(mail):
                known.append(mail)
            else:
                unread[mail.identity] = mail
        for group in groups(list(unread.values()), PAGE_ITEMS):
            for mail, items in read_group(self._session, self._selected.name, group):
                self.state.add(mail.uid, mail.identity, mail.labels)
                yield from items
            known = self._adopted(known, group[-1].uid)
            yield Page.END
        if known:
            self._adopted(known, known[-1].uid)
            yield Page.END

    def _is_read(self, mail: Mail) -> bool:
        """Tell whether a mail was read under another UID, with the labels that it has now."""
        was = self.state.former.get(mail.identity)
        return self.state.knows(mail.identity) if was is None else was == label_digest(mail.labels)

    def _adopted(self, known: Sequence[Mail], last: int) -> list[Mail]:
        """Take in the known mails up to a UID, and return the others."""
        for mail in known:
            if mail.uid <= last:
                self.state.add(mail.uid, mail.identity, mail.labels)
        self.state.last = max(self.state.last, last)
        return [mail for mail in known if mail.uid > last]

    def _unlisted(self, uids: Sequence[int]) -> Iterator[ReadItem | Page]:
        """Yield failures for UIDs that are there, and that the server says nothing of."""
        present = set(find_uids(self._session, self._selected, first=uids[0]))
        for uid in uids:
            if uid in present:
                key = f"{self._selected.name}, UID {uid} of {self._selected.validity}"
                yield Failure("message", key, "the server does not list this mail", retryable=False)
        yield Page.END

    def _tombstones(self, identities: Sequence[int]) -> Iterator[ReadItem | Page]:
        for gone in pieces(identities, PAGE_ITEMS):
            for identity in gone:
                self.state.former.pop(identity, None)
                yield Tombstone(native_id(self._selected.name, identity), None)
            yield Page.END


def pieces(items: Sequence[Item], most: int) -> Iterator[Sequence[Item]]:
    """Yield the items in pieces of at most so many."""
    for start in range(0, len(items), most):
        yield items[start : start + most]
