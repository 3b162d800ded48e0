"""Sending by SMTP (RFC 5321): over TLS, always, unless the server is this machine's own."""

from __future__ import annotations

import smtplib
import ssl
from dataclasses import dataclass
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid, parseaddr
from urllib.parse import unquote, urlsplit

from opsintel.clock import now
from opsintel.errors import InputError, SettingError, UnavailableError
from opsintel.mail.letters import Letter
from opsintel.settings import Settings

SUBMISSION, SUBMISSIONS = 587, 465
"""Ports of RFC 8314: STARTTLS, and TLS from the first byte."""

SECONDS = 20
_LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """A server to hand mail to, as OPSINTEL_SMTP_URL names it, and who mail is from."""

    host: str
    port: int
    user: str
    password: str
    implicit_tls: bool
    sender: str
    tls: ssl.SSLContext

    @classmethod
    def of(cls, settings: Settings) -> SmtpServer | None:
        """Return the server of the settings; None where there is none, `SettingError` without a sender."""
        if settings.smtp_url is None:
            return None
        if settings.mail_from is None:
            raise SettingError("OPSINTEL_MAIL_FROM is not set", remedy="It is needed with OPSINTEL_SMTP_URL")
        parts = urlsplit(settings.smtp_url.get_secret_value())
        implicit = parts.scheme == "smtps"
        return cls(
            parts.hostname or "",
            parts.port or (SUBMISSIONS if implicit else SUBMISSION),
            unquote(parts.username or ""),
            unquote(parts.password or ""),
            implicit,
            settings.mail_from,
            ssl.create_default_context(),
        )

    def send(self, letter: Letter) -> None:
        """Hand a letter over.

        Raises `UnavailableError` when the server does not take it or offers no TLS, `InputError` for no address.
        """
        message = self._message(letter)
        try:
            with self._connection() as smtp:
                if not self.implicit_tls and (smtp.has_extn("starttls") or self.host not in _LOCAL_HOSTS):
                    smtp.starttls(context=self.tls)
                    smtp.ehlo()
                if self.user:
                    smtp.login(self.user, self.password)
                smtp.send_message(message)
        except (OSError, smtplib.SMTPException) as error:
            # Its text may quote the address: the kind of the error is enough.
            raise UnavailableError(f"The mail server does not take the mail ({type(error).__name__})") from None

    def _connection(self) -> smtplib.SMTP:
        if self.implicit_tls:
            return smtplib.SMTP_SSL(self.host, self.port, timeout=SECONDS, context=self.tls)
        smtp = smtplib.SMTP(self.host, self.port, timeout=SECONDS)
        smtp.ehlo()
        return smtp

    def _message(self, letter: Letter) -> EmailMessage:
        message = EmailMessage(policy=SMTP)
        message["From"] = self.sender
        try:
            message["To"] = Address(addr_spec=letter.to)
        except (MessageError, ValueError):
            raise InputError("A mail cannot go to this address") from None
        message["Subject"] = letter.subject
        message["Date"] = format_datetime(now())
        message["Message-ID"] = make_msgid(domain=parseaddr(self.sender)[1].rpartition("@")[2])
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(letter.text)
        return message
