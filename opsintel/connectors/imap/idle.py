"""IDLE (RFC 2177): the server says at once that a mailbox changed, on a connection that we opened."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from opsintel.connectors.imap.session import Session
from opsintel.errors import UnavailableError
from opsintel.net.imap import GuardedImapClient, translated

PULSE_SECONDS = 30.0
"""How long is waited for a change before a sign of life."""
RENEW_SECONDS = 25 * 60.0
"""How long one IDLE lasts: a server may end a connection that said nothing for 30 minutes, and RFC 2177 says 29."""
_NEWS = frozenset({b"EXISTS", b"EXPUNGE", b"FETCH", b"VANISHED"})


def hear(session: Session, mailbox: str, stop: Callable[[], bool]) -> Iterator[bool]:
    """Yield whether a mailbox changed, at least every half minute, until `stop` or the end of the connection.

    Raises `UnavailableError` when the connection breaks.
    """
    if session.examine(mailbox) is None:
        return
    yield True  # what came before we listened
    while not stop():
        session.ask(_begin)
        yield from _one_idle(session, stop)


def _one_idle(session: Session, stop: Callable[[], bool]) -> Iterator[bool]:
    began = time.monotonic()
    while True:
        asked = time.monotonic()
        responses = session.ask(_heard, tries=1)
        has_news = any(_NEWS & {part for part in response if isinstance(part, bytes)} for response in responses)
        if any(response[:1] == (b"BYE",) for response in responses):
            session.close()
            raise UnavailableError("The server ended the connection")
        if not responses and time.monotonic() - asked < PULSE_SECONDS / 2:
            # The client takes the end of a connection for silence: silence that did not last is one.
            session.close()
            raise UnavailableError("The connection to the server broke")
        is_over = stop() or time.monotonic() - began >= RENEW_SECONDS
        if has_news or is_over:
            session.ask(_finish, tries=1)
            yield has_news
            return
        yield False


def _begin(client: GuardedImapClient) -> None:
    with translated():
        client.idle()


def _heard(client: GuardedImapClient) -> list[tuple[object, ...]]:
    with translated():
        found: list[tuple[object, ...]] = client.idle_check(timeout=PULSE_SECONDS)
    return found


def _finish(client: GuardedImapClient) -> None:
    with translated():
        client.idle_done()
