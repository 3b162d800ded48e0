from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from opsintel.connectors.connection import Connection, Credential
from opsintel.connectors.contract import Check, Connector, Verdict
from opsintel.connectors.imap import session
from opsintel.connectors.imap.connector import ImapConnector
from opsintel.connectors.imap.manifest import ImapConfig, ImapCredential
from opsintel.errors import AddressError, CredentialError, InputError, RetriableError, UnavailableError
from opsintel.net import connect, imap
from opsintel.net.policy import Policy
from tests.connectors.contract import upserts
from tests.connectors.imap.account import Account
from tests.connectors.memory import MemoryConnection, local_connection
from tests.connectors.remote import resumed, state

pytestmark = pytest.mark.dovecot


def check_named(connector: Connector, name: str) -> Check:
    return next(check for check in connector.check() if check.name == name)


def straight_to(account: Account, port: int, **config: Any) -> ImapConnector:
    """Return a connector that speaks with the server itself."""
    connection = local_connection(port, held=account.credential, trust=account.server.trust)
    return ImapConnector(ImapConfig(host="127.0.0.1", port=port, **config), connection)


@contextmanager
def saying(*lines: bytes) -> Iterator[tuple[int, list[bytes]]]:
    """Yield the port of a server in clear that greets, then answers each line with the next; and what it heard."""
    heard: list[bytes] = []

    def serve() -> None:
        try:
            client = listener.accept()[0]
        except OSError:
            return
        with client, client.makefile("rb") as reader:
            client.sendall(lines[0])
            for line, answer in zip(reader, lines[1:], strict=False):
                heard.append(line)
                client.sendall(answer.replace(b"{tag}", line.split()[0]))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1], heard
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


class TestEncryption:
    def test_from_the_start(self, account: Account) -> None:
        account.add(range(2))
        assert len(upserts(straight_to(account, account.server.port).read("messages", None))) == 2

    def test_by_starttls(self, account: Account) -> None:
        account.add(range(2))
        connector = straight_to(account, account.server.plain_port, security="starttls")
        assert len(upserts(connector.read("messages", None))) == 2

    def test_that_is_not_offered_sends_no_password(self) -> None:
        greeting = b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] ready\r\n"
        with saying(greeting, b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n{tag} OK done\r\n") as (port, heard):
            connection = local_connection(port, held={"username": "ann", "password": "secret"})
            connector = ImapConnector(ImapConfig(host="127.0.0.1", port=port, security="starttls"), connection)
            assert check_named(connector, "server").verdict is Verdict.FAILED
        assert len(heard) == 1
        assert b"CAPABILITY" in heard[0]

    @pytest.mark.parametrize("security", ["tls", "starttls"])
    def test_with_a_certificate_that_nobody_vouches_for_is_refused(self, account: Account, security: str) -> None:
        port = account.server.port if security == "tls" else account.server.plain_port
        connection = local_connection(port, held=account.credential)
        connector = ImapConnector(
            ImapConfig.model_validate({"host": "127.0.0.1", "port": port, "security": security}), connection
        )
        failed = check_named(connector, "server")
        assert failed.verdict is Verdict.FAILED
        assert "certificate" in failed.detail.casefold()
        assert failed.remedy
        with pytest.raises(InputError):
            list(connector.read("messages", None))

    def test_with_the_certificate_of_another_name_is_refused(
        self, account: Account, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        connection = local_connection(account.server.port, held=account.credential, trust=account.server.trust)
        allowed = frozenset({("mail.example", account.server.port)})
        connection.policy = replace(connection.policy, local_servers=allowed)
        monkeypatch.setattr(connect, "look_up", lambda host, port: ["127.0.0.1"])
        connector = ImapConnector(ImapConfig(host="mail.example", port=account.server.port), connection)
        with pytest.raises(InputError, match="certificate"):
            list(connector.read("messages", None))


class TestGuard:
    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "169.254.169.254", "10.0.0.1", "0x7f000001", "[::1]"])
    def test_check_44_imap_goes_through_the_guard(self, host: str, monkeypatch: pytest.MonkeyPatch) -> None:
        dialled: list[str] = []
        monkeypatch.setattr(connect, "dial", lambda address, *_: dialled.append(address))
        for port in (993, 143, 6379):
            connection = MemoryConnection(Policy(), held={"username": "ann", "password": "secret"})
            connector = ImapConnector(ImapConfig(host=host, port=port), connection)
            with pytest.raises(AddressError):
                list(connector.read("messages", None))
            assert not connection.waits
        assert not dialled

    def test_a_literal_that_nobody_asked_for_is_not_read(
        self, account: Account, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        account.add(range(3))
        monkeypatch.setattr(imap, "MOST_BYTES", 300)
        with pytest.raises(UnavailableError):
            account.read()

    def test_an_answer_that_is_no_imap_is_a_passing_fault(self) -> None:
        with saying(b"HTTP/1.1 400 Bad Request\r\n\r\n") as (port, _):
            connection = local_connection(port, held={"username": "ann", "password": "secret"})
            connector = ImapConnector(ImapConfig(host="127.0.0.1", port=port, security="starttls"), connection)
            assert check_named(connector, "server").verdict is Verdict.UNKNOWN


class TestPassword:
    def test_in_any_script(self, account: Account) -> None:
        account.add(range(1))
        account.server.set_password(account.user, 'pässwörd ключ "x\\')
        account.credential = {"username": account.user, "password": 'pässwörd ключ "x\\'}
        assert len(upserts(account.read())) == 1

    @pytest.mark.parametrize(
        ("said", "remedy"),
        [
            ("NO [AUTHENTICATIONFAILED] Invalid credentials", "app password"),
            ("NO [ALERT] Application-specific password required: https://support.example (Failure)", "app password"),
            ("NO [AUTHORIZATIONFAILED] IMAP access is disabled for your domain", "switched off"),
            ("NO Your account is disabled", "switched off"),
            ("NO [CONTACTADMIN] closed", "switched off"),
            ("NO [EXPIRED] password", "expired"),
            ("NO [PRIVACYREQUIRED] use encryption", "tls"),
        ],
    )
    def test_that_is_refused_has_a_state_of_its_own(self, account: Account, said: str, remedy: str) -> None:
        account.proxy.replies.append(("AUTHENTICATE", b"{tag} " + said.encode() + b"\r\n"))
        with pytest.raises(CredentialError) as caught:
            account.read()
        assert remedy in caught.value.remedy
        assert check_named(account.connector(), "login").verdict is Verdict.FAILED

    @pytest.mark.parametrize(
        "said",
        [
            "NO [UNAVAILABLE] Temporary authentication failure",
            "NO [ALERT] Too many simultaneous connections. (Failure)",
            "NO [LIMIT] rate",
            "NO [INUSE] mailbox locked",
            "NO Server Unavailable. 15",
            "BAD internal",
        ],
    )
    def test_that_cannot_be_looked_at_now_is_no_refusal(self, account: Account, said: str) -> None:
        account.proxy.replies.append(("AUTHENTICATE", b"{tag} " + said.encode() + b"\r\n"))
        with pytest.raises(RetriableError):
            account.read()
        assert check_named(account.connector(), "server").verdict is Verdict.UNKNOWN

    @pytest.mark.parametrize(
        "fields", [{}, {"password": ""}, {"password": "a\nb"}, {"password": "x", "username": "a\x00"}, {"other": "x"}]
    )
    def test_that_cannot_be_one_is_refused_by_its_form(self, fields: dict[str, str]) -> None:
        with pytest.raises(ValueError, match="validation error"):
            ImapCredential.model_validate({"username": "ann", **fields})


class Renewals:
    """Stands for the token endpoint: counts, and gives a token that the server takes."""

    def __init__(self, account: Account, seconds: int = 3600) -> None:
        self._account, self._seconds = account, seconds
        self.stale: list[Credential] = []

    def __call__(self, connection: Connection, token_url: str, stale: Credential, *, title: str) -> Credential:
        self.stale.append(stale)
        token = self._account.server.token(self._account.user, self._seconds)
        return {**stale, "access_token": token, "expires_at": "", "refresh_token": "rotated"}


class TestToken:
    URL = "https://login.example/token"

    def hold(self, account: Account, seconds: int, **fields: str) -> None:
        token = account.server.token(account.user, seconds)
        account.credential = {"username": account.user, "access_token": token, **fields}
        account.add(range(2))

    def test_is_taken_by_xoauth2(self, account: Account) -> None:
        self.hold(account, 3600)
        assert len(upserts(account.read())) == 2
        assert any(command.startswith("AUTHENTICATE XOAUTH2") for command in account.proxy.commands)

    def test_that_has_ended_is_renewed_before_it_is_used(
        self, account: Account, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.hold(account, -60, refresh_token="first", expires_at="2026-01-01T00:00:00+00:00")
        renewals = Renewals(account)
        monkeypatch.setattr(session, "refreshed", renewals)
        assert len(upserts(account.read(token_url=self.URL))) == 2
        assert [stale["refresh_token"] for stale in renewals.stale] == ["first"]
        (connection,) = account.connections
        assert connection.held is not None
        assert connection.held["refresh_token"] == "rotated"
        assert sum(command.startswith("AUTHENTICATE") for command in account.proxy.commands) == 1

    def test_that_the_server_refuses_is_renewed_once(self, account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
        self.hold(account, -60, refresh_token="first")
        renewals = Renewals(account)
        monkeypatch.setattr(session, "refreshed", renewals)
        assert len(upserts(account.read(token_url=self.URL))) == 2
        assert len(renewals.stale) == 1

    def test_that_is_refused_though_renewed_is_for_a_person(
        self, account: Account, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.hold(account, -60, refresh_token="first")
        renewals = Renewals(account, seconds=-60)
        monkeypatch.setattr(session, "refreshed", renewals)
        with pytest.raises(CredentialError):
            account.read(token_url=self.URL)
        assert len(renewals.stale) == 1

    def test_that_cannot_be_renewed_is_for_a_person(self, account: Account) -> None:
        self.hold(account, -60)
        with pytest.raises(CredentialError) as caught:
            account.read()
        assert caught.value.remedy
        self.hold(account, -60, refresh_token="first")
        with pytest.raises(CredentialError, match="token endpoint"):
            account.read()


class TestBye:
    def test_at_any_command_loses_nothing(self, account: Account) -> None:
        account.add(range(5))
        whole = state(account.read())
        for number in range(account.requests):
            account.proxy.fail("bye", after=number)
            assert state(resumed(account, "messages")) == whole
            account.proxy.fail("bye", times=0)

    def test_is_waited_for_with_growing_pauses(self, account: Account) -> None:
        account.proxy.fail("bye", times=None)
        with pytest.raises(UnavailableError):
            account.read()
        waits = account.connections[-1].waits
        assert len(waits) == session.TRIES - 1
        assert waits == sorted(waits)


class TestBusy:
    def test_holds_back_all_that_share_the_account_and_is_asked_again(self, account: Account) -> None:
        account.add(range(2))
        account.proxy.fail("limited", after=5)
        assert len(upserts(account.read())) == 2
        assert [name for name, _ in account.connections[-1].held_back] == ["commands"]
