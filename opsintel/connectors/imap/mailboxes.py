"""Which mailboxes of an account are read (RFC 3501 LIST, RFC 6154 special use, modified UTF-7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from opsintel.connectors.imap.manifest import ImapConfig
from opsintel.connectors.imap.session import Session
from opsintel.filters.narrowing import is_in
from opsintel.filters.words import same
from opsintel.net.imap import GuardedImapClient, translated

LEFT_OUT = frozenset({b"\\drafts", b"\\junk", b"\\trash", b"\\flagged", b"\\important"})
"""Uses of mailboxes that are read only if they are named: nobody sent it, nobody wants it, or it is elsewhere too."""
_UNSELECTABLE = frozenset({b"\\noselect", b"\\nonexistent"})
_USUAL_NAMES = frozenset({"drafts", "junk", "spam", "trash", "deleted items", "deleted messages", "junk e-mail"})
"""What they are called on servers that name no uses."""
_ALL = b"\\all"
INBOX = "INBOX"

Listed = Mapping[str, frozenset[bytes]]
"""Names of mailboxes that can be opened, with their attributes in lower case."""


def list_mailboxes(session: Session) -> Listed:
    """Return every mailbox that can be opened; INBOX first, the others by name."""
    found = session.ask(_listed)
    names = sorted(found, key=lambda name: (name != INBOX, name))
    return {name: found[name] for name in names if not found[name] & _UNSELECTABLE}


def selected(listed: Listed, config: ImapConfig, selection: Mapping[str, Any], *, is_gmail: bool) -> list[str]:
    """Return the mailboxes to read: those that the source names, or all that hold mail people sent and got.

    In an account of Gmail every mail is in one mailbox, and the others are its labels.
    """
    if config.mailboxes:
        names = [name for name in listed if any(same(name, wanted) for wanted in config.mailboxes)]
    else:
        everything = [name for name, uses in listed.items() if _ALL in uses]
        if is_gmail and everything and selection.get("mailboxes") is None:
            names = everything
        else:
            names = [name for name, uses in listed.items() if not _is_left_out(name, uses)]
    return [name for name in names if is_in(selection.get("mailboxes"), name)]


def missing(listed: Listed, config: ImapConfig) -> Sequence[str]:
    """Return the mailboxes that the source names and the account does not have."""
    return [wanted for wanted in config.mailboxes if not any(same(name, wanted) for name in listed)]


def _is_left_out(name: str, uses: frozenset[bytes]) -> bool:
    if uses & LEFT_OUT or _ALL in uses:
        return True
    return not any(use.startswith(b"\\sent") for use in uses) and name.casefold() in _USUAL_NAMES


def _listed(client: GuardedImapClient) -> dict[str, frozenset[bytes]]:
    with translated():
        found = client.list_folders()
    listed = {}
    for flags, _, name in found:
        text = name if isinstance(name, str) else str(name, "utf-8", "replace")
        if text.isprintable():
            listed[INBOX if text.upper() == INBOX else text] = frozenset(bytes(flag).lower() for flag in flags)
    return listed
