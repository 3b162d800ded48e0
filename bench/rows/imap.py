"""IMAP: mails a second from a real Dovecot over TLS, against a bare IMAPClient on the same mailbox.

Ours is the whole reading as the product drives it, short of storing: mailboxes listed, sizes and identities asked for
before contents, pages of 500 mails or 8 MB, versions, cursors encoded. The peer selects the mailbox, searches, and
fetches contents and dates, 500 mails at a time, and keeps nothing. Both hold a page in memory at a time.
"""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from imapclient import IMAPClient

from bench.mails import mails
from bench.measure import Spread, by_size, in_turns, peak_memory, timed
from bench.report import Bound, CannotRun, Line, Report, compared, grown
from bench.workplace import Workplace
from opsintel.connectors.contract import Upsert
from opsintel.connectors.imap.connector import ImapConnector
from opsintel.connectors.imap.manifest import ImapConfig
from opsintel.errors import FatalError
from tests.connectors.memory import local_connection
from tests.peers.catalogue import DOVECOT
from tests.peers.dovecot import PASSWORD, DovecotServer, running_dovecot

SIZES = (1_000, 3_000, 10_000)
PAGE = 500
ROUNDS = 5
MOST_MIB = 300
OURS, PEER = "ours", "bare IMAPClient"


def run(workplace: Workplace) -> Report:
    """Measure mails a second of both, our peak memory, and how our cost grows with the mailbox."""
    if DOVECOT.path() is None:
        raise CannotRun("dovecot is not installed", remedy="`make peers` installs it as root")
    with running_dovecot(workplace.scratch("dovecot")) as server:
        users = {size: _filled(server, size) for size in SIZES}
        largest = SIZES[-1]
        contenders = {
            OURS: lambda: largest / timed(lambda: ours(server, users[largest], largest)),
            PEER: lambda: largest / timed(lambda: bare(server, users[largest], largest)),
        }
        in_turns(contenders, 1)  # the server's caches are made
        values = in_turns(contenders, ROUNDS)
        costs = by_size(lambda size: timed(lambda: ours(server, users[size], size)) / size * 1e6, SIZES, 3)
        with peak_memory() as peak:
            ours(server, users[largest], largest)
            memory = peak()
    what = f"{largest:,} mails"
    return Report(
        [
            compared(what, "mails/s", values, ours=OURS, peer=PEER, bound=Bound(0.5, 0.8)),
            Line("peak memory of this process", "MiB", Spread.of([memory]), bound=Bound(MOST_MIB, at_most=True)),
        ],
        [grown("a mail by size of the mailbox", "µs", costs, Bound(0.1, at_most=True))],
    )


def ours(server: DovecotServer, user: str, count: int) -> None:
    """Read an account from its beginning."""
    connection = local_connection(server.port, held={"username": user, "password": PASSWORD}, trust=server.trust)
    connector = ImapConnector(ImapConfig(host="127.0.0.1", port=server.port), connection)
    _expect(count, sum(isinstance(item, Upsert) for item in connector.read("messages", None)))


def bare(server: DovecotServer, user: str, count: int) -> None:
    """Fetch every mail of INBOX."""
    trust: ssl.SSLContext = server.trust
    with IMAPClient("127.0.0.1", server.port, ssl_context=trust) as client:
        client.login(user, PASSWORD)
        client.select_folder("INBOX", readonly=True)
        uids = client.search("ALL")
        fetched = 0
        for start in range(0, len(uids), PAGE):
            fetched += len(client.fetch(uids[start : start + PAGE], ["BODY.PEEK[]", "INTERNALDATE"]))
    _expect(count, fetched)


def _filled(server: DovecotServer, count: int) -> str:
    """Return an account with so many mails, put where the server keeps them."""
    user = server.account()
    with server.open(user) as connection:
        connection.select("INBOX")  # which makes it
    folder: Path = server.folder_of(user) / "cur"
    begin = datetime.now(UTC) - timedelta(days=30)
    for number, mail in enumerate(mails(count, seed=count)):
        content = mail.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        moment = int((begin + timedelta(minutes=number)).timestamp())
        name = f"{moment}.M{number}P1.bench,S={len(content)},W={len(content)}:2,"
        (folder / name).write_bytes(content)
    return user


def _expect(count: int, found: int) -> None:
    if found != count:
        raise FatalError(f"{found} of {count} mails were read")
