"""How the mailbox is opened, what may be asked of it a minute, and what a person is told when it cannot be read."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from opsintel.connectors.contract import Check, Verdict
from opsintel.connectors.gmail.client import UNITS
from opsintel.connectors.gmail.faults import MailboxDisabledError
from opsintel.connectors.gmail.manifest import MANIFEST, GmailConfig, GmailCredential
from opsintel.errors import CredentialError, UnavailableError
from tests.connectors.contract import upserts
from tests.connectors.gmail.mailbox import Mailbox
from tests.connectors.remote import Fault
from tests.peers.gmail import ADDRESS, GMAIL, SUBSCRIPTION, TOPIC
from tests.peers.provider import Asked, Refusal

KEY = rsa.generate_private_key(65537, 2048)
PEM = KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()
ACCOUNT = {"client_email": "sa@acme.iam.example", "client_id": "1077", "private_key": PEM, "private_key_id": "k1"}


@pytest.fixture
def delegated(peer: Mailbox) -> Mailbox:
    """A mailbox that a service account of its domain reads."""
    peer.peer.access.service_key = KEY.public_key()
    peer.peer.access.subjects = [ADDRESS]
    peer.credential = {"service_account": json.dumps(ACCOUNT)}
    peer.config = {"mailbox": ADDRESS}
    return peer


def checks(peer: Mailbox) -> dict[str, Check]:
    return {check.name: check for check in peer.connector().check()}


class TestPerson:
    def test_gives_a_token_that_is_renewed_before_it_ends(self, peer: Mailbox) -> None:
        peer.credential |= {"access_token": "old", "expires_at": "2026-01-01T00:00:00+00:00"}
        connection = peer.connection
        list(peer.connector(connection).read("messages", None))
        assert connection.renewals == 1
        assert connection.held is not None
        GmailCredential.model_validate(connection.held)
        assert connection.held["refresh_token"] == "refresh-1"
        assert [asked.path for asked in peer.peer.asked][:2] == ["/token", "/gmail/v1/users/me/profile"]

    def test_gives_a_token_that_is_renewed_when_it_is_refused(self, peer: Mailbox) -> None:
        peer.add(range(6))
        connection = peer.connection
        items = []
        for item in peer.connector(connection).read("messages", None):
            items.append(item)
            peer.peer.access.token = "token-2"
        assert len(upserts(items)) == 6
        assert connection.renewals == 1

    def test_who_took_it_back_has_to_authorise_again(self, peer: Mailbox) -> None:
        peer.revoke()
        with pytest.raises(CredentialError, match="revoked") as caught:
            list(peer.connector().read("messages", None))
        assert "Authorise" in caught.value.remedy

    def test_goes_before_a_service_account_that_only_pulls_news(self, peer: Mailbox) -> None:
        peer.credential |= {"access_token": "", "service_account": json.dumps(ACCOUNT)}
        list(peer.connector().read("messages", None))
        assert peer.peer.asked[0].form()["grant_type"] == "refresh_token"

    def test_is_asked_for_reading_alone_and_for_a_refresh_token(self) -> None:
        assert MANIFEST.oauth is not None
        assert MANIFEST.oauth.scopes == ("https://www.googleapis.com/auth/gmail.readonly",)
        assert MANIFEST.oauth.parameters == {"access_type": "offline", "prompt": "consent"}


class TestServiceAccount:
    def test_reads_as_the_delegate_of_the_mailbox(self, delegated: Mailbox) -> None:
        delegated.add(range(3))
        connection = delegated.connection
        assert len(upserts(delegated.connector(connection).read("messages", None))) == 3
        assert connection.held is not None
        assert json.loads(connection.held["service_account"]) == ACCOUNT
        assert {called.parameters["userId"] for called in delegated.peer.called} == {ADDRESS}

    def test_that_is_not_delegated_is_told_what_to_allow(self, delegated: Mailbox) -> None:
        delegated.peer.access.subjects = []
        with pytest.raises(CredentialError, match="unauthorized_client") as caught:
            list(delegated.connector().read("messages", None))
        assert "gmail.readonly" in caught.value.remedy
        assert "1077" in caught.value.remedy

    def test_needs_the_address_of_the_mailbox(self, delegated: Mailbox) -> None:
        delegated.config = {}
        with pytest.raises(CredentialError) as caught:
            list(delegated.connector().read("messages", None))
        assert "address of the mailbox" in caught.value.remedy

    @pytest.mark.parametrize(
        "key", ["", "{", "[]", '{"client_email": "x"}', '{"client_email": "x", "private_key": "y"}']
    )
    def test_key_that_is_none_is_told(self, delegated: Mailbox, key: str) -> None:
        delegated.credential = {"service_account": key or " "}
        with pytest.raises(CredentialError, match="JSON key"):
            list(delegated.connector().read("messages", None))


class TestLimits:
    def test_are_reached_and_not_passed(self) -> None:
        a_minute = UNITS.burst + timedelta(minutes=1) / UNITS.cost(1)
        assert 60 * UNITS.per_second >= 0.9 * 15_000
        assert a_minute <= 15_000

    def test_are_spent_by_what_google_charges(self, peer: Mailbox) -> None:
        peer.peer.page = 500
        peer.add(range(60))
        connection = peer.connection
        list(peer.connector(connection).read("messages", None))
        assert connection.spent == {"units": 1 + 1 + 1 + 5 + 60 * 5}

    @pytest.mark.parametrize(
        ("status", "reason"), [(403, "rateLimitExceeded"), (403, "userRateLimitExceeded"), (429, "rateLimitExceeded")]
    )
    def test_hold_back_everybody_for_a_growing_time_with_jitter(
        self, peer: Mailbox, monkeypatch: pytest.MonkeyPatch, status: int, reason: str
    ) -> None:
        peer.add([1])
        monkeypatch.setattr(peer.peer, "spoilt", lambda _: peer.peer.refused(Refusal(status, reason)))
        pauses = []
        for _ in range(2):
            peer.peer.fail(Fault.LIMITED, after=3, times=4)
            connection = peer.connection
            assert len(upserts(peer.connector(connection).read("messages", None))) == 1
            pauses.append([seconds for _, seconds in connection.held_back])
        for held in pauses:
            assert len(held) == 4
            assert all(2**tried / 2 <= seconds <= 2**tried for tried, seconds in enumerate(held))
        assert pauses[0] != pauses[1]

    def test_that_do_not_end_are_a_passing_fault(self, peer: Mailbox) -> None:
        peer.peer.fail(Fault.LIMITED, times=None)
        with pytest.raises(UnavailableError):
            list(peer.connector().read("messages", None))


class TestChecks:
    def test_say_whose_mailbox_it_is(self, peer: Mailbox) -> None:
        peer.add(range(3))
        found = checks(peer)
        assert list(found) == ["mailbox", "scope"]
        assert found["mailbox"].detail == f"{ADDRESS} can be read, with 3 messages"

    def test_name_the_scope_that_a_person_did_not_grant(self, peer: Mailbox) -> None:
        peer.credential["scope"] = "openid email"
        found = checks(peer)["scope"]
        assert found.verdict is Verdict.FAILED
        assert "gmail.readonly" in found.detail
        assert found.remedy

    def test_name_the_scope_that_gmail_misses(self, peer: Mailbox) -> None:
        peer.peer.access.scope = "https://www.googleapis.com/auth/gmail.metadata"
        assert "gmail.readonly" in checks(peer)["scope"].detail
        peer.add([1])
        with pytest.raises(CredentialError, match=r"gmail\.readonly"):
            list(peer.connector().read("messages", None))

    def test_show_a_mailbox_that_is_disabled(self, peer: Mailbox) -> None:
        peer.peer.access.disabled = True
        found = checks(peer)["mailbox"]
        assert (found.verdict, found.required) == (Verdict.FAILED, True)
        assert "disabled" in found.detail
        with pytest.raises(MailboxDisabledError) as caught:
            list(peer.connector().read("messages", None))
        assert caught.value.remedy

    def test_show_a_mailbox_of_somebody_else(self, peer: Mailbox) -> None:
        peer.config = {"mailbox": "boss@example.com"}
        assert "Delegation denied" in checks(peer)["mailbox"].detail

    def test_show_an_api_that_is_off(self, peer: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
        def off(_: Any) -> Any:
            raise Refusal(403, "accessNotConfigured", "Gmail API has not been used in project 1 before")

        monkeypatch.setattr(peer.peer, "_call", off)
        found = checks(peer)["mailbox"]
        assert "not enabled" in found.detail
        assert "console" in found.remedy

    def test_show_a_topic_that_gmail_may_not_publish_to(self, peer: Mailbox) -> None:
        peer.config = {"topic": TOPIC}
        assert checks(peer)["topic"].verdict is Verdict.PASSED
        peer.config = {"topic": "projects/acme/topics/other"}
        found = checks(peer)["topic"]
        assert (found.verdict, found.required) == (Verdict.FAILED, False)
        assert "gmail-api-push@system.gserviceaccount.com" in found.remedy
        peer.connector().check_usable()

    def test_show_a_subscription_that_cannot_be_pulled_from(self, delegated: Mailbox) -> None:
        delegated.config |= {"subscription": SUBSCRIPTION}
        assert checks(delegated)["subscription"].verdict is Verdict.PASSED
        delegated.config |= {"subscription": "projects/acme/subscriptions/other"}
        assert checks(delegated)["subscription"].verdict is Verdict.FAILED
        delegated.credential = {"access_token": "token-1", "refresh_token": "refresh-1"}
        delegated.config = {"subscription": SUBSCRIPTION}
        assert "service account" in checks(delegated)["subscription"].detail


class TestPeer:
    @pytest.mark.parametrize(
        "query",
        [{"maxResults": ["501"]}, {"labels": ["INBOX"]}, {"includeSpamTrash": ["yes"]}, {"pageToken": ["a", "b"]}],
    )
    def test_refuses_what_google_does_not_describe(self, query: dict[str, list[str]]) -> None:
        GMAIL.called(Asked("GET", "/gmail/v1/users/me/messages", {}, {}, b"", {"maxResults": ["500"]}))
        with pytest.raises(Refusal):
            GMAIL.called(Asked("GET", "/gmail/v1/users/me/messages", {}, {}, b"", query))


def test_addresses_are_googles_own_unless_others_are_given() -> None:
    config = GmailConfig()
    assert config.base_url == "https://gmail.googleapis.com"
    assert {config.pubsub_url, config.token_url, config.keys_url} == {
        "https://pubsub.googleapis.com",
        "https://oauth2.googleapis.com/token",
        "https://www.googleapis.com/oauth2/v3/certs",
    }
