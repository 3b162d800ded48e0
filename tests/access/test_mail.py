"""Mail: over TLS, without headers that somebody else wrote, and sent again when the server hesitates."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from opsintel.errors import InputError, RetriableError, SettingError, UnavailableError
from opsintel.mail import smtp as smtp_module
from opsintel.mail.letters import LONGEST_NAME, Letter, letter, plain_name
from opsintel.mail.smtp import SmtpServer
from opsintel.settings import load_settings
from opsintel_api.postbox import WAITING, Postbox
from tests.coordination.test_tls import make_certificate
from tests.peers.smtp import FROM, PASSWORD, USER, SmtpPeer, running_smtp, server_context

LINK = "https://ops.example.com/reset/#token=opl_x"
INJECTIONS = [
    "a@x.example\r\nBcc: evil@x.example",
    "a@x.example\nSubject: other",
    "a@x.example\r\n\r\nbody",
    "a@x.example\x00",
    "a@x.example\u2028Bcc: evil@x.example",
    "a@x.example\x0bBcc: evil@x.example",
]
NOT_ONE_ADDRESS = [
    "a@x.example, evil@x.example",
    "<a@x.example> evil@x.example",
    "a@x.example;evil@x.example",
    "a b@x.example",
]
NAMES = [
    "https://evil.example/", "evil.example", "Acme\r\nBcc: evil@x.example", "mail evil@x.example now", "<b>bold</b>",
    "{link}", "{0.__class__}", "%s", "\u202eevil", "a\x00b", "[click](http://evil.example)",
]  # fmt: skip


def server_of(peer: SmtpPeer, **more: str) -> SmtpServer:
    found = SmtpServer.of(load_settings(peer.environment | more))
    assert found is not None
    return found


class TestLetters:
    @pytest.mark.parametrize("to", INJECTIONS)
    def test_check_58_an_address_adds_no_header(self, to: str) -> None:
        with pytest.raises(InputError):
            letter("reset", to, link=LINK)

    @pytest.mark.parametrize("to", INJECTIONS)
    def test_check_58_a_subject_adds_no_header(self, to: str) -> None:
        with pytest.raises(InputError):
            Letter("a@x.example", to, "text")

    @pytest.mark.parametrize("name", NAMES)
    def test_check_58_a_name_adds_no_header_and_no_link(self, name: str) -> None:
        with running_smtp() as peer:
            server_of(peer).send(letter("invitation", "a@x.example", link=LINK, organization=name))
            recipients, message = peer.received()
        assert recipients == ["a@x.example"]
        assert set(message.keys()) == {
            "From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "Content-Type",
            "Content-Transfer-Encoding", "MIME-Version", "X-Peer", "X-MailFrom", "X-RcptTo",
        } - {"X-Peer", "X-MailFrom", "X-RcptTo"}  # fmt: skip
        text = message["Subject"] + message.get_content().replace(LINK, "")
        assert not [sign for sign in ("://", ".example", "@", "<", "{", "[", "\u202e", "\x00") if sign in text]

    @pytest.mark.parametrize("to", NOT_ONE_ADDRESS)
    def test_check_58_a_mail_goes_to_one_address(self, to: str) -> None:
        with running_smtp() as peer:
            with pytest.raises(InputError):
                server_of(peer).send(letter("reset", to, link=LINK))
            assert peer.is_empty()

    def test_a_name_is_shown_as_far_as_it_is_one(self) -> None:
        assert plain_name("Müller & Söhne (Nord)") == "Müller & Söhne (Nord)"
        assert plain_name("") == "an organisation"
        assert len(plain_name("x" * 1000)) == LONGEST_NAME


class TestDelivery:
    def test_names_sender_recipient_and_link(self) -> None:
        with running_smtp() as peer:
            server_of(peer).send(letter("reset", "ana@x.example", link=LINK))
            recipients, message = peer.received()
        assert (recipients, message["From"], message["To"]) == (["ana@x.example"], FROM, "ana@x.example")
        assert LINK in message.get_content()
        assert message["Auto-Submitted"] == "auto-generated"

    def test_logs_in_where_the_address_has_a_password(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        certificate, key = make_certificate(tmp_path)
        create = ssl.create_default_context
        monkeypatch.setattr(ssl, "create_default_context", lambda: create(cafile=certificate))
        with running_smtp(tls=server_context(certificate, key), with_login=True) as peer:
            url = {"OPSINTEL_SMTP_URL": peer.url(credentials=f"{USER}:{PASSWORD}@")}
            server_of(peer, **url).send(letter("reset", "ana@x.example", link=LINK))
            assert peer.logins == [(USER, PASSWORD)]
            wrong = {"OPSINTEL_SMTP_URL": peer.url(credentials=f"{USER}:wrong-one@")}
            with pytest.raises(UnavailableError, match="SMTPAuthenticationError") as refused:
                server_of(peer, **wrong).send(letter("reset", "ana@x.example", link=LINK))
        assert "wrong-one" not in refused.value.line()
        assert "ana@" not in refused.value.line()

    def test_a_server_elsewhere_must_offer_tls(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(smtp_module, "_LOCAL_HOSTS", frozenset())
        with running_smtp() as peer:
            with pytest.raises(UnavailableError):
                server_of(peer).send(letter("reset", "ana@x.example", link=LINK))
            assert peer.is_empty()

    @pytest.mark.parametrize("trusted", [True, False])
    def test_its_certificate_is_checked(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trusted: bool) -> None:
        certificate, key = make_certificate(tmp_path)
        create = ssl.create_default_context
        monkeypatch.setattr(ssl, "create_default_context", lambda: create(cafile=certificate if trusted else None))
        with running_smtp(tls=server_context(certificate, key)) as peer:
            server = server_of(peer)
            if trusted:
                server.send(letter("reset", "ana@x.example", link=LINK))
                assert peer.received()[0] == ["ana@x.example"]
                assert peer.over_tls == [True]
            else:
                with pytest.raises(UnavailableError):
                    server.send(letter("reset", "ana@x.example", link=LINK))
                assert peer.is_empty()

    def test_a_server_without_a_sender_is_refused_at_the_start(self) -> None:
        with pytest.raises(SettingError, match="OPSINTEL_MAIL_FROM"):
            SmtpServer.of(load_settings({"OPSINTEL_SMTP_URL": "smtp://mail.example.com"}))


class TestPostbox:
    @pytest.fixture
    def smtp(self) -> Iterator[SmtpPeer]:
        with running_smtp() as peer:
            yield peer

    async def test_sends_again_what_the_server_refuses_for_now(self, smtp: SmtpPeer) -> None:
        smtp.refusals = 2
        postbox = Postbox(load_settings(smtp.environment), pause_seconds=0)
        postbox.start()
        postbox.post(letter("reset", "ana@x.example", link=LINK))
        await postbox.close()
        assert smtp.received()[0] == ["ana@x.example"]

    async def test_one_errand_that_fails_holds_up_no_other(self, smtp: SmtpPeer, caplog) -> None:
        async def fail() -> None:
            raise RuntimeError("a fault")

        postbox = Postbox(load_settings(smtp.environment), pause_seconds=0)
        postbox.start()
        postbox.submit(fail)
        postbox.post(letter("reset", "ana@x.example", link=LINK))
        await postbox.close()
        assert smtp.received()[0] == ["ana@x.example"]
        assert "came to nothing" in caplog.text

    async def test_refuses_more_than_it_can_hold(self, smtp: SmtpPeer) -> None:
        postbox = Postbox(load_settings(smtp.environment))
        for _ in range(WAITING):
            postbox.submit(asyncio.Event().wait)
        with pytest.raises(RetriableError):
            postbox.submit(asyncio.Event().wait)

    async def test_without_a_server_the_log_names_a_command_and_never_a_link(self, caplog) -> None:
        postbox = Postbox(load_settings({}))
        postbox.start()
        postbox.post(letter("reset", "ana@x.example", link=LINK))
        postbox.tell_operator("opsintel account reset", "0")
        await postbox.close()
        assert not postbox.sends
        assert "opsintel account reset 0" in caplog.text
        assert "opl_" not in caplog.text
