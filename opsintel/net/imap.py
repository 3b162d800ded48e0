"""IMAPClient over the guarded way out: the only connection to a server of IMAP that a user names (RFC 3501, 9051).

The client's own ways to make a socket are replaced, for TLS from the start and for STARTTLS. Its log of commands is
off, as it would hold contents. What a server sends within one command is bounded in bytes and in time.
"""

from __future__ import annotations

import imaplib
import re
import select
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from imapclient import IMAPClient
from imapclient.datetime_util import parse_to_datetime
from imapclient.exceptions import IMAPClientAbortError, IMAPClientError
from imapclient.imap_utf7 import decode as decode_name
from imapclient.response_parser import parse_response

from opsintel.errors import InputError, RefusedError, UnavailableError, one_line
from opsintel.net.client import public_trust
from opsintel.net.connect import guarded_connect
from opsintel.net.deadline import Deadline
from opsintel.net.policy import MEGABYTE, Policy

MOST_BYTES = 96 * MEGABYTE
"""Bytes of the answer to one command; a page and the largest mail that is asked for are well below."""
MOST_OF_A_LINE = MEGABYTE
COMMAND_SECONDS = 3600.0
"""How long one command may take in all, IDLE too; each wait within it is limited by the policy's total."""
BLOCK = 64 * 1024
NEWS = ("EXISTS", "EXPUNGE", "FETCH", "VANISHED")
"""What a server says unasked when a mailbox changes."""

_CODE = re.compile(r"\[([A-Z][A-Z0-9-]*)")
_SHOWN = 200

__all__ = ["GuardedImapClient", "decode_name", "parse_response", "parse_to_datetime", "translated"]


class _GuardedConnection(imaplib.IMAP4):
    """imaplib's connection to what the policy allows."""

    def __init__(self, host: str, port: int, policy: Policy, tls: ssl.SSLContext, *, starttls: bool) -> None:
        self._policy, self._tls, self._begins_plain = policy, tls, starttls
        self._left, self._deadline = MOST_BYTES, Deadline(COMMAND_SECONDS)
        self._buffer = bytearray()
        super().__init__(host, port)

    def _create_socket(self, timeout: float | None = None) -> socket.socket:
        del timeout
        connected = guarded_connect(self.host, self.port, self._policy)
        connected.settimeout(self._policy.total_seconds)
        if self._begins_plain:
            return connected
        try:
            return self._tls.wrap_socket(connected, server_hostname=self.host)
        except OSError:
            connected.close()
            raise

    def _command(self, name: str, *args: Any) -> bytes:
        self._left, self._deadline = MOST_BYTES, Deadline(COMMAND_SECONDS)
        return super()._command(name, *args)  # type: ignore[misc,no-any-return]

    def read(self, size: int) -> bytes:
        """Read a literal; one that is larger than anything asked for ends the connection."""
        self._take(size)
        literal = self._buffer[:size]
        del self._buffer[:size]
        filled = len(literal)
        literal.extend(bytes(size - filled))
        view = memoryview(literal)
        while filled < size:
            self.sock.settimeout(self._deadline.left(self._policy.total_seconds))
            count = self.sock.recv_into(view[filled:])
            if not count:
                raise self.abort("socket error: EOF")
            filled += count
        view.release()
        return bytes(literal)

    def readline(self) -> bytes:
        """Read a line; a time-out loses nothing of it."""
        searched = 0
        while (end := self._buffer.find(b"\n", searched) + 1) == 0:
            searched = len(self._buffer)
            if searched > MOST_OF_A_LINE:
                raise self.abort("the server sends a line without end")
            self.receive()
        line = bytes(self._buffer[:end])
        del self._buffer[:end]
        self._take(len(line))
        return line

    def receive(self) -> None:
        """Wait for more bytes. Raises `abort` at the end of the connection."""
        self.sock.settimeout(self._deadline.left(self._policy.total_seconds))
        data = self.sock.recv(BLOCK)
        if not data:
            raise self.abort("socket error: EOF")
        self._buffer += data

    def is_heard(self, seconds: float) -> bool:
        """Wait so long at most, and tell whether the server has said something that was not read yet."""
        pending = isinstance(self.sock, ssl.SSLSocket) and self.sock.pending() > 0
        if self._buffer or pending:
            return True
        poller = select.poll()
        poller.register(self.sock, select.POLLIN)
        return bool(poller.poll(seconds * 1000))

    def starttls(self, ssl_context: ssl.SSLContext | None = None) -> Any:
        """Encrypt; what came in clear behind the server's word for it is nobody's (CVE-2021-33515)."""
        found = super().starttls(ssl_context)
        self._buffer.clear()
        return found

    def _take(self, count: int) -> None:
        self._left -= count
        self._deadline.left()
        if self._left < 0:
            raise self.abort("the server sends more than was asked for")


class GuardedImapClient(IMAPClient):  # type: ignore[misc]
    """A client that is connected, encrypted and not yet logged in."""

    def __init__(
        self, host: str, port: int, policy: Policy, trust: ssl.SSLContext | None = None, *, starttls: bool = False
    ) -> None:
        """Connect. Raises `AddressError`, `UnavailableError`, and `InputError` for a certificate of somebody else."""
        self._policy, self._trust, self._begins_plain = policy, trust or public_trust(), starttls
        with translated():
            super().__init__(host, port, ssl=not starttls, timeout=policy.total_seconds)
            self._imap.debug = 0
            if starttls:
                self._encrypt()

    def _create_IMAP4(self) -> _GuardedConnection:  # noqa: N802 — the client's own name
        return _GuardedConnection(self.host, self.port, self._policy, self._trust, starttls=self._begins_plain)

    def _encrypt(self) -> None:
        try:
            if not self.has_capability("STARTTLS"):
                raise InputError("The server offers no encryption", remedy="Use TLS, usually on port 993")
            self.starttls(self._trust)
        except (OSError, IMAPClientError, InputError):
            self.end()
            raise

    def end(self) -> None:
        """Close the connection without a word."""
        try:
            self._imap.shutdown()
        except OSError:
            return

    def uid_fetch(self, uids: str, items: str, modifiers: str = "") -> Iterator[tuple[int, dict[bytes, Any]]]:
        """Yield (UID, its items) of UID FETCH; what the server sends unasked, without a UID, is left out."""
        with translated():
            typ, data = self._imap.uid("FETCH", uids, items, *([modifiers] if modifiers else []))
            self._checkok("FETCH", typ, data)
            parsed = parse_response([part for part in data if part is not None])
        for values in parsed[1::2]:
            found = {str(name, "ascii", "replace").upper().encode(): value for name, value in _pairs(values)}
            if isinstance(found.get(b"UID"), int):
                yield found[b"UID"], found

    def begin_idle(self) -> bool:
        """Begin IDLE (RFC 2177), and tell whether the server said before it that the mailbox changed."""
        with translated():
            self._drop_news()
            self._idle_tag = self._imap._command("IDLE")
            while self._imap._get_response() is not None:
                if self._imap.tagged_commands[self._idle_tag]:
                    raise IMAPClientError("IDLE is refused")
            return self._drop_news()

    def heard(self, seconds: float) -> bool:
        """Wait so long at most within IDLE, and tell whether the server said that the mailbox changed.

        The client's own `idle_check` waits for the socket and does not see what was read along with an earlier line.
        """
        with translated():
            while self._imap.is_heard(seconds):
                self._imap._get_response()
                if "BYE" in self._imap.untagged_responses:
                    raise IMAPClientAbortError("the server says goodbye")
                if self._drop_news():
                    return True
                seconds = 0.0
            return False

    def end_idle(self) -> bool:
        """End IDLE, and tell whether the server said meanwhile that the mailbox changed."""
        with translated():
            self.idle_done()
            return self._drop_news()

    def _drop_news(self) -> bool:
        return any([self._imap.untagged_responses.pop(name, None) is not None for name in NEWS])

    def take_untagged(self, name: str) -> list[bytes]:
        """Return the untagged responses of a name since they were last taken."""
        return [line for line in self._imap.untagged_responses.pop(name, []) if isinstance(line, bytes)]


def _pairs(values: Any) -> Iterator[tuple[bytes, Any]]:
    if isinstance(values, tuple):
        for name, value in zip(values[::2], values[1::2], strict=False):
            if isinstance(name, bytes):
                yield name, value


@contextmanager
def translated() -> Iterator[None]:
    """Raise only errors of this product: what the server says no to is `RefusedError`, with its code (RFC 5530)."""
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        raise InputError(
            f"The certificate of the server is not to be trusted: {one_line(error.verify_message)}",
            remedy="Give the host by the name in its certificate",
        ) from None
    except IMAPClientAbortError as error:
        raise UnavailableError(f"The server ended the connection: {_said(error)}") from None
    except IMAPClientError as error:
        said = _said(error)
        if isinstance(error.__context__, IMAPClientAbortError):
            # The client calls every end of a log-in a refusal, a broken connection too.
            raise UnavailableError(f"The server ended the connection: {said}") from None
        code = _CODE.search(said)
        raise RefusedError(f"The server says no: {said}", reason=code.group(1) if code else "") from None
    except TimeoutError:
        raise UnavailableError("The server did not answer in time") from None
    except OSError:
        raise UnavailableError("The connection to the server broke") from None
    except (ValueError, RecursionError, LookupError):
        raise UnavailableError("The server answers with what is no IMAP") from None


def _said(error: Exception) -> str:
    told = error.args[0] if error.args else ""
    return one_line(told.decode("utf-8", "replace") if isinstance(told, bytes) else str(told))[:_SHOWN]
