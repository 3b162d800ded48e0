"""Contents of mails, page by page: one that cannot be read is a failure of its own, and the others go on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

from opsintel.connectors.contract import Failure, Upsert
from opsintel.connectors.imap.mails import BEGINNING, MAIL_LIMIT, Mail, native_id, read_contents, upsert
from opsintel.connectors.imap.session import Session
from opsintel.errors import RefusedError
from opsintel.net.policy import MEGABYTE

PAGE_BYTES = 8 * MEGABYTE
ITEM_TRIES = 3
"""How often one mail is asked for, by itself, before it is a failure; faults of the server do not count."""

Found = TypeVar("Found")


def read_group(session: Session, mailbox: str, mails: Sequence[Mail]) -> Iterator[tuple[Mail, list[Upsert | Failure]]]:
    """Yield what becomes of each mail of a group that fits into a page."""
    by_uid = {mail.uid: mail for mail in mails}
    contents = answered(session, list(by_uid), lambda uids: read_contents(session, [by_uid[uid] for uid in uids]))
    for mail in mails:
        key = native_id(mailbox, mail.identity)
        content = contents.pop(mail.uid, None)
        if content is None:
            yield mail, [Failure("message", key, "the server gives no content of this mail", retryable=True)]
        elif mail.size > MAIL_LIMIT:
            reason = f"mail of {mail.size:,} bytes; only its first {BEGINNING:,} are read"
            yield mail, [upsert(mailbox, mail, content), Failure("size", key, reason, retryable=False)]
        else:
            yield mail, [upsert(mailbox, mail, content)]


def groups(mails: Sequence[Mail], most: int) -> Iterator[list[Mail]]:
    """Yield the mails in groups of so many, and of 8 MB; one that is larger is a group of its own."""
    group: list[Mail] = []
    size = 0
    for mail in mails:
        if group and (len(group) >= most or size + mail.size > PAGE_BYTES):
            yield group
            group, size = [], 0
        group.append(mail)
        size += mail.size
    if group:
        yield group


def answered(
    session: Session, uids: Sequence[int], question: Callable[[Sequence[int]], Mapping[int, Found]]
) -> dict[int, Found]:
    """Return what the server answers about some UIDs, without those that it says no to even alone.

    Raises `RefusedError` where it says no to everything.
    """
    try:
        return dict(question(uids))
    except RefusedError:
        if len(uids) == 1:
            return _alone(session, uids, question)
    middle = len(uids) // 2
    return answered(session, uids[:middle], question) | answered(session, uids[middle:], question)


def _alone(
    session: Session, uids: Sequence[int], question: Callable[[Sequence[int]], Mapping[int, Found]]
) -> dict[int, Found]:
    for tried in range(1, ITEM_TRIES):
        session.pause(tried)
        try:
            return dict(question(uids))
        except RefusedError:
            session.is_well()
    return {}
