"""A log-in to a server of IMAP that lasts: it is made when it is needed, and made again after a passing fault.

Everything asked for is a question that changes nothing (EXAMINE, BODY.PEEK), so whatever was cut off is asked again.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from opsintel.closing import Closing
from opsintel.connectors.connection import Budget, Connection, Credential
from opsintel.connectors.http import TRIES, pause_after
from opsintel.connectors.imap.manifest import ImapConfig
from opsintel.connectors.oauth import is_ending, refreshed
from opsintel.coordination.contract import Limit
from opsintel.errors import CredentialError, RefusedError, RetriableError, UnavailableError
from opsintel.net.imap import GuardedImapClient, translated

Found = TypeVar("Found")

COMMANDS = Budget("commands", Limit(per_second=20, burst=100))
"""What we ask of one account: no server publishes a limit, and all have one."""

BUSY = frozenset({"LIMIT", "INUSE", "UNAVAILABLE", "OVERQUOTA", "THROTTLED"})
"""Codes of a server that has no time for us (RFC 5530, 9051)."""
_PASSING = re.compile(r"too many|temporar|again later|unavailable|bandwidth|command error: BAD", re.IGNORECASE)
"""Words of servers that refuse a log-in for now and give no code."""
_LOST = frozenset({"NONEXISTENT", "NOPERM", "TRYCREATE"})


@dataclass(frozen=True, slots=True)
class Selected:
    """A mailbox as it was when it was opened."""

    name: str
    validity: int
    following: int
    """The UID that the next mail will get; 0 where the server does not say."""
    modseq: int
    """HIGHESTMODSEQ (RFC 7162); 0 where the mailbox keeps none."""
    count: int


class Session(Closing):
    """A log-in of one account, for one thread."""

    def __init__(self, connection: Connection, config: ImapConfig) -> None:
        self._connection, self._config = connection, config
        self._client: GuardedImapClient | None = None
        self._mailbox: str | None = None
        self._validity = 0

    def close(self) -> None:
        """End the connection."""
        if self._client is not None:
            self._client.end()
        self._client = None

    def has(self, capability: str) -> bool:
        """Tell whether the server has a capability, as it says after the log-in."""
        return self.ask(lambda client: bool(client.has_capability(capability)))

    def examine(self, name: str) -> Selected | None:
        """Open a mailbox without changing it; None where there is none of this name, or not for us."""
        self._mailbox = None
        try:
            found = self.ask(lambda client: _examined(client, name))
        except RefusedError as error:
            if error.reason in _LOST:
                return None
            raise
        self._mailbox, self._validity = name, found.validity
        return found

    def is_well(self) -> None:
        """Return where the server answers at all; raises as `ask` does."""
        self.ask(_nothing)

    def pause(self, tried: int) -> None:
        """Wait before something that was refused is asked for again."""
        self._connection.wait(pause_after(tried))

    def ask(self, question: Callable[[GuardedImapClient], Found], *, tries: int = TRIES) -> Found:
        """Return an answer, after passing faults if need be: then it is asked again on a new connection.

        Raises `CredentialError` where the account is closed to us, `RefusedError` for a no that is no passing fault,
        `UnavailableError` where it does not come to an answer.
        """
        for tried in range(1, tries + 1):
            self._connection.spend(COMMANDS)
            try:
                return question(self._opened())
            except RefusedError as error:
                if error.reason not in BUSY:
                    raise
                self._connection.hold_back(COMMANDS, pause_after(tried))
            except UnavailableError:
                self.close()
                if tried == tries:
                    raise
                self._connection.wait(pause_after(tried))
        raise UnavailableError("The server has no time for this account", remedy="It is tried again later")

    def _opened(self) -> GuardedImapClient:
        """Return a client that is logged in, with the mailbox that was open before."""
        if self._client is None:
            self._client = self._logged_in()
            if self._mailbox is not None and _examined(self._client, self._mailbox).validity != self._validity:
                self.close()
                raise RetriableError("The server numbered a mailbox anew while it was read")
        return self._client

    def _logged_in(self) -> GuardedImapClient:
        credential = self._connection.credential()
        if uses_token(credential) and is_ending(credential):
            credential = self._connection.renewed(credential, self._exchange)
        client = self._connected()
        try:
            try:
                _log_in(client, credential)
            except CredentialError:
                if not credential.get("refresh_token"):
                    raise
                client.end()
                client = self._connected()
                _log_in(client, self._connection.renewed(credential, self._exchange))
            with translated():
                if client.has_capability("ENABLE") and client.has_capability("QRESYNC"):
                    client.enable("QRESYNC")
        except BaseException:
            client.end()
            raise
        return client

    def _connected(self) -> GuardedImapClient:
        config, connection = self._config, self._connection
        starttls = config.security == "starttls"
        return GuardedImapClient(config.host, config.port, connection.policy, connection.trust, starttls=starttls)

    def _exchange(self, stale: Credential) -> Credential:
        if not self._config.token_url:
            raise CredentialError(
                "The token has ended, and the source names no token endpoint", remedy="Authorise the source again"
            )
        return refreshed(self._connection, self._config.token_url, stale, title="the mail server")


def uses_token(credential: Credential) -> bool:
    """Tell whether a credential is one of OAuth."""
    return bool(credential.get("access_token") or credential.get("refresh_token"))


def _log_in(client: GuardedImapClient, credential: Credential) -> None:
    """Log in, by the safest way that both have. Raises `CredentialError` for what a person has to mend."""
    username, password = credential.get("username", ""), credential.get("password", "")
    try:
        with translated():
            if uses_token(credential):
                if client.has_capability("AUTH=OAUTHBEARER") and not client.has_capability("AUTH=XOAUTH2"):
                    client.oauthbearer_login(username, credential.get("access_token", ""))
                else:
                    client.oauth2_login(username, credential.get("access_token", ""))
            elif client.has_capability("AUTH=PLAIN"):
                client.plain_login(username, password)
            else:
                client.login(username, password)
    except RefusedError as error:
        if error.reason in BUSY or error.reason == "SERVERBUG" or _PASSING.search(error.message):
            raise UnavailableError(error.message) from None
        raise _refusal(error) from None


def _refusal(error: RefusedError) -> CredentialError:
    """Return what is wrong with a credential, with what a person can do (RFC 5530)."""
    said = error.message.casefold()
    if "application-specific" in said or "app password" in said or "web browser" in said:
        remedy = "Make an app password for this product at the provider: the account has two factors"
    elif error.reason in ("AUTHORIZATIONFAILED", "CONTACTADMIN", "NOPERM") or "disabled" in said:
        remedy = "IMAP is switched off for this mailbox, or it is closed: ask whoever administers it"
    elif error.reason == "EXPIRED":
        remedy = "The password has expired: set a new one at the provider, and give it here"
    elif error.reason == "PRIVACYREQUIRED":
        remedy = "Set the security of the source to tls"
    else:
        remedy = "Check user name and password; an account with two factors needs an app password"
    return CredentialError(
        f"The log-in is refused: {error.message.removeprefix('The server says no: ')}", remedy=remedy
    )


def _nothing(client: GuardedImapClient) -> None:
    with translated():
        client.noop()


def _examined(client: GuardedImapClient, name: str) -> Selected:
    with translated():
        found = client.select_folder(name, readonly=True)
    validity, following, modseq, count = (
        int(found.get(key, 0)) for key in (b"UIDVALIDITY", b"UIDNEXT", b"HIGHESTMODSEQ", b"EXISTS")
    )
    return Selected(name, validity, following, modseq, count)
