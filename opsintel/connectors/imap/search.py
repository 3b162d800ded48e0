"""SEARCH (RFC 3501 section 6.4.4): UIDs in bounded answers, days a day wider, text in UTF-8 with a fallback."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from functools import partial

from opsintel.connectors.contract import Window
from opsintel.connectors.imap.session import Selected, Session
from opsintel.errors import InputError, RefusedError
from opsintel.net.imap import GuardedImapClient, translated

SPAN = 50_000
"""UIDs of one search: the answer is one line, and a line of a million bytes is the longest that is read."""
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[()]|[^\s()"]+')
_CHARSETS = re.compile(r"\[BADCHARSET \(([^)]*)\)")
_DAY = timedelta(days=1)


def find_uids(session: Session, selected: Selected, keys: str = "", first: int = 1) -> list[int]:
    """Return the UIDs from `first` on that match search keys, ascending.

    A span that ends in `*` always holds the newest mail, whatever its UID (RFC 3501 section 6.4.8): it is sorted out.
    """
    found: set[int] = set()
    end = selected.following - 1
    begin = first
    while begin + SPAN <= end:
        found.update(_search(session, f"UID {begin}:{begin + SPAN - 1}", keys))
        begin += SPAN
    found.update(_search(session, f"UID {begin}:*", keys))
    return sorted(uid for uid in found if uid >= first)


def window_keys(window: Window) -> str:
    """Return search keys for all that arrived in a window, and more.

    SINCE and BEFORE compare days of the zone that the server wrote down, without the time: a day is added on each side.
    """
    keys = []
    if window.start is not None:
        keys.append(f"SINCE {_day(window.start - _DAY)}")
    if window.end is not None:
        keys.append(f"BEFORE {_day(window.end + 2 * _DAY)}")
    return " ".join(keys)


def _day(moment: datetime) -> str:
    return f"{moment.day}-{_MONTHS[moment.month - 1]}-{moment.year:04}"


def _search(session: Session, span: str, keys: str) -> list[int]:
    if keys.isascii():
        return session.ask(partial(_sent, charset=None, span=span, keys=keys))
    try:
        return session.ask(partial(_sent, charset="UTF-8", span=span, keys=keys))
    except RefusedError as error:
        offered = _CHARSETS.search(error.message)
        if error.reason != "BADCHARSET" and offered is None:
            raise
        for charset in (offered.group(1) if offered else "ISO-8859-1").replace('"', "").split():
            if _can_encode(charset, keys):
                return session.ask(partial(_sent, charset=charset, span=span, keys=keys))
    raise InputError(
        "The server searches for ASCII alone", remedy="Take letters with accents out of the filter's imap:{…} block"
    )


def _sent(client: GuardedImapClient, charset: str | None, span: str, keys: str) -> list[int]:
    parts = [token.encode(charset or "ascii") for token in _TOKEN.findall(keys)]
    # What holds more than ASCII goes as a literal, without the quotes.
    words = [part if part.isascii() else _unquoted(part) for part in parts]
    prefix = [b"CHARSET", charset.encode()] if charset else []
    with translated():
        lines = client._raw_command_untagged(b"SEARCH", [*prefix, span.encode(), *words])
    return [int(number) for line in lines if line for number in re.findall(rb"\d+", line.partition(b"(")[0])]


def _unquoted(part: bytes) -> bytes:
    inner = part[1:-1] if part[:1] == b'"' and part[-1:] == b'"' else part
    return re.sub(rb"\\(.)", rb"\1", inner)


def _can_encode(charset: str, text: str) -> bool:
    try:
        return bool(text.encode(charset))
    except (LookupError, UnicodeEncodeError):
        return False
