"""A real SMTP server in the tests' own process: it keeps what it is given, and can insist on TLS and a password."""

from __future__ import annotations

import queue
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import EmailMessage, Message
from email.policy import default
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword

from tests.peers.rabbitmq import free_ports

USER, PASSWORD = "mailer", "a-password-of-the-tests"
FROM = "opsintel@example.com"


class SmtpPeer:
    """The server; `received` waits for its next mail."""

    def __init__(self) -> None:
        self.port = 0
        self.logins: list[tuple[str, str]] = []
        self.over_tls: list[bool] = []
        self.refusals = 0
        self._mails: queue.Queue[tuple[list[str], bytes]] = queue.Queue()

    def url(self, *, credentials: str = "") -> str:
        """Return its address, as OPSINTEL_SMTP_URL has it."""
        return f"smtp://{credentials}127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """The settings of an installation that uses it."""
        return {"OPSINTEL_SMTP_URL": self.url(), "OPSINTEL_MAIL_FROM": FROM}

    def received(self, seconds: float = 10) -> tuple[list[str], EmailMessage]:
        """Return recipients and message of the next mail."""
        recipients, content = self._mails.get(timeout=seconds)
        message: Message[Any, Any] = message_from_bytes(content, policy=default)
        assert isinstance(message, EmailMessage)
        return recipients, message

    def is_empty(self) -> bool:
        """Tell whether no mail waits to be looked at."""
        return self._mails.empty()

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:  # noqa: N802  aiosmtpd's name
        if self.refusals:
            self.refusals -= 1
            return "451 Try again later"
        assert isinstance(envelope.content, bytes)
        self.over_tls.append(session.ssl is not None)
        self._mails.put((list(envelope.rcpt_tos), envelope.content))
        return "250 OK"

    def authenticate(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        given = data.login.decode(), data.password.decode()
        self.logins.append(given)
        return AuthResult(success=given == (USER, PASSWORD), handled=False)  # the server answers


@contextmanager
def running_smtp(*, tls: ssl.SSLContext | None = None, with_login: bool = False) -> Iterator[SmtpPeer]:
    """Yield a server that runs; with `tls` it takes mail after STARTTLS only."""
    peer = SmtpPeer()
    (peer.port,) = free_ports(1)
    controller = Controller(
        peer,
        hostname="127.0.0.1",
        port=peer.port,
        tls_context=tls,
        require_starttls=tls is not None,
        authenticator=peer.authenticate if with_login else None,
        auth_required=with_login,
        auth_require_tls=tls is not None,
    )
    controller.start()
    try:
        yield peer
    finally:
        controller.stop()


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """Return what a server shows its clients."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context
