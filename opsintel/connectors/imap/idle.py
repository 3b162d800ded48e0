"""IDLE (RFC 2177): the server says at once that a mailbox changed, on a connection that we opened."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from opsintel.connectors.imap.session import Session

PULSE_SECONDS = 30.0
"""How long is waited for a change before a sign of life."""
RENEW_SECONDS = 25 * 60.0
"""How long one IDLE lasts: a server may end a connection that said nothing for 30 minutes, and RFC 2177 says 29."""


def hear(session: Session, mailbox: str, stop: Callable[[], bool]) -> Iterator[bool]:
    """Yield whether a mailbox changed, at least every half minute, until `stop`.

    Raises `UnavailableError` when the connection breaks.
    """
    if session.examine(mailbox) is None:
        return
    yield True  # what came before we listened
    while not stop():
        yield from _one_idle(session, stop)


def _one_idle(session: Session, stop: Callable[[], bool]) -> Iterator[bool]:
    began = time.monotonic()
    has_news = session.ask(lambda client: client.begin_idle())
    while not has_news and not stop() and time.monotonic() - began < RENEW_SECONDS:
        has_news = session.ask(lambda client: client.heard(PULSE_SECONDS), tries=1)
        if not has_news:
            yield False
    has_news |= session.ask(lambda client: client.end_idle(), tries=1)
    yield has_news
