"""A mail account that is read by IMAP: it changes nothing there, and marks nothing as seen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime

from pydantic import BaseModel

from opsintel.connectors.connection import Connection
from opsintel.connectors.contract import (
    Check,
    Checkpoint,
    Connector,
    Cursor,
    Failure,
    Live,
    ReadItem,
    Tombstone,
    Window,
    news_of,
)
from opsintel.connectors.imap.checks import checks_of
from opsintel.connectors.imap.contents import groups, read_group
from opsintel.connectors.imap.idle import hear
from opsintel.connectors.imap.mailboxes import INBOX, Listed, list_mailboxes, selected
from opsintel.connectors.imap.mails import Abilities, Mail, list_mails, native_id, parts_of
from opsintel.connectors.imap.manifest import MANIFEST, ImapConfig
from opsintel.connectors.imap.pushdown import push_down
from opsintel.connectors.imap.reading import PAGE_ITEMS, MailboxReading, Page, pieces
from opsintel.connectors.imap.search import find_uids, window_keys
from opsintel.connectors.imap.session import Selected, Session
from opsintel.connectors.imap.state import cursor_of, decoded, mailboxes_of
from opsintel.errors import CredentialError, RefusedError
from opsintel.filters.plan import Plan
from opsintel.filters.syntax import Node

MAILBOX_TRIES = 3
"""How often a mailbox is opened that the server says no to, while it answers otherwise."""


class ImapConnector(Connector, Live):
    """An account of a mail server."""

    manifest = MANIFEST

    def __init__(self, config: BaseModel, connection: Connection | None = None) -> None:
        super().__init__(config, connection)
        assert isinstance(config, ImapConfig)
        self._config = config

    def check(self) -> Sequence[Check]:
        """Return the checks: reaching the server, logging in, its mailboxes, and how it tells of changes."""
        return checks_of(self._session(), self._config)

    def plan(self, tree: Node, now: datetime) -> Plan:
        """Return what the server's SEARCH evaluates of a filter."""
        return push_down(tree, now)

    def read(self, stream: str, cursor: Cursor | None, until: datetime | None = None) -> Iterator[ReadItem]:
        """Yield what is new since `cursor`, mailbox by mailbox. `until` changes nothing: they have no order in time.

        Raises `CredentialError` where the account is closed to us, `RetriableError` for a passing fault.
        """
        self.require_stream(stream)
        del until
        before = mailboxes_of(cursor)
        with self._session() as session:
            abilities = Abilities.of(session)
            listed = list_mailboxes(session)
            states = {name: state for name, state in before.items() if name in listed}
            yield from self._without_lost_mailboxes(before, listed)
            if cursor is None or len(states) < len(before):
                yield Checkpoint(cursor_of(states))
            for name in self._names(listed, abilities):
                opened = self._opened(session, name)
                if isinstance(opened, Failure):
                    yield opened
                    continue
                if opened is None:
                    continue
                reading = MailboxReading(session, opened, decoded(states.get(name)), abilities, self._keys())
                for item in reading.items():
                    if not isinstance(item, Page):
                        yield item
                        continue
                    state = reading.state.encoded()
                    if state != states.get(name):
                        states[name] = state
                        yield Checkpoint(cursor_of(states))

    def census(self, window: Window) -> Iterator[tuple[str, datetime | None]]:
        """Yield (native id, arrival) of every mail in the window, each once."""
        keys = " ".join(part for part in (window_keys(window), self._keys()) if part)
        with self._session() as session:
            abilities = Abilities.of(session)
            for name in self._names(list_mailboxes(session), abilities):
                opened = session.examine(name)
                seen: set[int] = set()
                for mail in _mails(session, opened, abilities, keys) if opened else ():
                    if mail.identity not in seen and window.holds(mail.arrived_at):
                        seen.add(mail.identity)
                        yield native_id(name, mail.identity), mail.arrived_at

    def fetch(self, keys: Iterable[str]) -> Iterator[ReadItem]:
        """Yield the named mails as they are now; one that is gone is a tombstone.

        A mail is found by listing its mailbox from the beginning, as the server does not search for what identifies it.
        """
        wanted: dict[str, dict[int, str]] = {}
        for key in sorted(set(keys)):
            parts = parts_of(key)
            if parts is None:
                yield Failure("message", key, "this is no id of a mail", retryable=False)
            else:
                wanted.setdefault(parts[0], {})[parts[1]] = key
        if wanted:
            with self._session() as session:
                abilities = Abilities.of(session)
                for name, identities in wanted.items():
                    yield from self._fetched(session, name, identities, abilities)

    def listen(self, stop: Callable[[], bool]) -> Iterator[tuple[str, ...]]:
        """Yield that there is news as the server tells it of INBOX, or of the first mailbox that is read."""
        with self._session() as session:
            if not session.has("IDLE"):
                return
            names = self._names(list_mailboxes(session), Abilities.of(session))
            if names:
                heard = INBOX if INBOX in names else names[0]
                for has_news in hear(session, heard, stop):
                    yield (news_of(self.manifest.streams[0]),) if has_news else ()

    def _session(self) -> Session:
        if self.connection is None:
            raise CredentialError("The source has no connection", remedy="Add it as a source")
        return Session(self.connection, self._config)

    def _keys(self) -> str:
        return str(self.selection.get("search", ""))

    def _names(self, listed: Listed, abilities: Abilities) -> list[str]:
        return selected(listed, self._config, self.selection, is_gmail=abilities.gmail)

    def _without_lost_mailboxes(self, before: dict[str, object], listed: Listed) -> Iterator[ReadItem]:
        """Yield the end of mails whose mailbox was deleted or renamed."""
        for name, encoded in before.items():
            state = decoded(encoded) if name not in listed else None
            for identities in pieces(state.all_identities() if state else (), PAGE_ITEMS):
                yield from (Tombstone(native_id(name, identity), None) for identity in identities)

    def _opened(self, session: Session, name: str) -> Selected | Failure | None:
        """Return an open mailbox; a failure where the server says no to it and yes to all else."""
        for tried in range(1, MAILBOX_TRIES + 1):
            try:
                return session.examine(name)
            except RefusedError as error:
                session.is_well()
                if tried == MAILBOX_TRIES:
                    return Failure("mailbox", name, error.line(), retryable=True)
                session.pause(tried)
        return None

    def _fetched(
        self, session: Session, name: str, identities: dict[int, str], abilities: Abilities
    ) -> Iterator[ReadItem]:
        opened = session.examine(name)
        missing = dict(identities)
        found: list[Mail] = []
        for mail in _mails(session, opened, abilities, "") if opened else ():
            if missing.pop(mail.identity, None) is not None:
                found.append(mail)
                if not missing:
                    break
        for group in groups(found, PAGE_ITEMS):
            for _, items in read_group(session, name, group):
                yield from items
        for key in missing.values():
            yield Tombstone(key, None)


def _mails(session: Session, opened: Selected, abilities: Abilities, keys: str) -> Iterator[Mail]:
    for uids in pieces(find_uids(session, opened, keys), PAGE_ITEMS):
        yield from list_mails(session, uids, abilities)
