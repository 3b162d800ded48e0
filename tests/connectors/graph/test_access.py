"""How the mailbox is opened, what may be asked of it, how it tells of news, and what a person is told."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from opsintel.clock import now
from opsintel.connectors.contract import Check, Verdict, news_of
from opsintel.connectors.graph.client import BATCH, REQUESTS
from opsintel.connectors.graph.faults import MailboxDisabledError
from opsintel.connectors.graph.manifest import MANIFEST, GraphConfig, GraphCredential
from opsintel.connectors.graph.push import RENEWAL
from opsintel.errors import AnswerError, CredentialError, InputError, SignatureError
from tests.connectors.contract import upserts
from tests.connectors.graph.mailbox import PUSH, Mailbox
from tests.connectors.remote import Fault, Push, received
from tests.peers.graph import ADDRESS, changed, notification

SECRET = PUSH.secret.encode()


@pytest.fixture
def app(peer: Mailbox) -> Mailbox:
    """A mailbox that an app of the directory reads."""
    peer.peer.access.is_app = True
    peer.credential = {"client_id": "app", "client_secret": "s"}
    peer.config = {"mailbox": ADDRESS, "directory": "acme.example"}
    return peer


def checks(peer: Mailbox) -> dict[str, Check]:
    return {check.name: check for check in peer.connector().check()}


class TestPerson:
    def test_has_another_refresh_token_after_each_use_and_it_is_kept(self, peer: Mailbox) -> None:
        peer.credential["expires_at"] = "2026-01-01T00:00:00+00:00"
        connection = peer.connection
        for number in (2, 3):
            list(peer.connector(connection).read("messages", None))
            assert connection.held is not None
            assert connection.held["refresh_token"] == peer.peer.access.refresh_token == f"refresh-{number}"
            GraphCredential.model_validate(connection.held)
            connection.held = {**connection.held, "expires_at": "2026-01-01T00:00:00+00:00"}
        forms = [asked.form() for asked in peer.peer.asked if asked.path == "/common/oauth2/v2.0/token"]
        assert [form["scope"] for form in forms] == ["Mail.Read offline_access"] * 2

    def test_is_told_to_authorise_again_where_the_token_was_revoked(self, peer: Mailbox) -> None:
        peer.revoke()
        with pytest.raises(CredentialError, match="revoked") as caught:
            list(peer.connector().read("messages", None))
        assert "Authorise" in caught.value.remedy

    def test_is_asked_for_reading_alone(self) -> None:
        assert MANIFEST.oauth is not None
        assert MANIFEST.oauth.scopes == ("Mail.Read", "offline_access")
        assert MANIFEST.oauth.token_url == "{login_url}/{directory}/oauth2/v2.0/token"


class TestApp:
    def test_reads_a_mailbox_of_its_directory(self, app: Mailbox) -> None:
        app.add(range(6))
        assert len(upserts(app.connector().read("messages", None))) == 6
        (form,) = [asked.form() for asked in app.peer.asked if asked.path == "/acme.example/oauth2/v2.0/token"]
        assert form["scope"] == f"{app.peer.address}/.default"
        assert all(f"/users/{ADDRESS}" in asked.path for asked in app.peer.asked if "mailFolders" in asked.path)

    @pytest.mark.parametrize("config", [{"mailbox": ADDRESS}, {"directory": "acme.example"}])
    def test_needs_mailbox_and_directory(self, app: Mailbox, config: dict[str, str]) -> None:
        app.config = config
        with pytest.raises(CredentialError) as caught:
            list(app.connector().read("messages", None))
        assert "directory" in caught.value.remedy


class TestLimits:
    def test_are_reached_and_not_passed(self) -> None:
        ten_minutes = timedelta(minutes=10)
        assert 600 * REQUESTS.per_second >= 0.9 * 10_000
        assert REQUESTS.burst + ten_minutes / REQUESTS.cost(1) <= 10_000
        assert BATCH == 20

    def test_count_each_request_of_a_batch(self, peer: Mailbox) -> None:
        peer.peer.page = 200
        peer.add(range(25))
        connection = peer.connection
        list(peer.connector(connection).read("messages", None))
        posts = [asked for asked in peer.peer.asked if asked.method == "POST"]
        others = len(peer.peer.asked) - len(posts)
        assert connection.spent == {"requests": others + sum(peer.peer.batches)}

    def test_of_four_requests_at_once_are_kept(self, peer: Mailbox) -> None:
        peer.add(range(30))
        assert len(upserts(peer.connector().read("messages", None))) == 30
        assert peer.peer.most_at_once <= 4

    def test_hold_back_everybody_for_as_long_as_graph_asks(self, peer: Mailbox) -> None:
        peer.add([1])
        peer.fail(Fault.LIMITED, after=1, times=2)
        connection = peer.connection
        assert len(upserts(peer.connector(connection).read("messages", None))) == 1
        assert connection.held_back == [("requests", 3.0)] * 2


class TestChecks:
    def test_say_what_is_read(self, peer: Mailbox) -> None:
        peer.add(range(3))
        found = checks(peer)
        assert list(found) == ["permission", "mailbox", "folders"]
        assert "3 messages in its inbox" in found["mailbox"].detail
        assert found["folders"].detail == "2 folders are read"

    def test_name_the_permission_that_a_person_did_not_grant(self, peer: Mailbox) -> None:
        peer.credential["scope"] = "openid https://graph.microsoft.com/User.Read"
        assert "Mail.Read" in checks(peer)["permission"].detail
        peer.credential["scope"] = "openid https://graph.microsoft.com/Mail.Read"
        assert checks(peer)["permission"].verdict is Verdict.PASSED

    def test_name_the_permission_that_graph_misses(self, peer: Mailbox) -> None:
        peer.peer.access.refusal = (403, "ErrorAccessDenied")
        found = checks(peer)["mailbox"]
        assert (found.verdict, found.required) == (Verdict.FAILED, True)
        assert "Mail.Read" in found.detail
        with pytest.raises(CredentialError, match=r"Mail\.Read"):
            list(peer.connector().read("messages", None))

    @pytest.mark.parametrize("code", ["MailboxNotEnabledForRESTAPI", "ErrorInvalidUser"])
    def test_show_a_mailbox_that_is_none(self, peer: Mailbox, code: str) -> None:
        peer.peer.access.refusal = (404, code)
        assert "no mailbox" in checks(peer)["mailbox"].detail
        with pytest.raises(MailboxDisabledError) as caught:
            list(peer.connector().read("messages", None))
        assert caught.value.remedy


class TestNotifications:
    def test_mark_the_messages_that_they_name(self) -> None:
        delivery = received("graph", Push({}, notification(PUSH.secret, *changed(["AAk1=", "AAk2=", "AAk1="])), SECRET))
        assert delivery.keys == ("AAk1=", "AAk2=")
        assert delivery.answer is None
        other = received("graph", Push({}, notification(PUSH.secret, *changed(["AAk3="])), SECRET))
        assert other.delivery_id != delivery.delivery_id

    def test_of_others_are_refused_as_a_whole(self) -> None:
        ours, theirs = (json.loads(notification(state, *changed(["AAk1="])))["value"] for state in (PUSH.secret, "x"))
        for entries in (
            theirs,
            [*ours, *theirs],
            [{**ours[0], "clientState": None}],
            [{**ours[0], "clientState": PUSH.secret[:-1]}],
            [],
            [5],
        ):
            with pytest.raises(SignatureError):
                received("graph", Push({}, json.dumps({"value": entries}).encode(), SECRET))
        with pytest.raises(SignatureError):
            received("graph", Push({}, notification("", *changed(["AAk1="])), b""))

    @pytest.mark.parametrize("body", [b"", b"{", b"[]", b"5", b'{"value": 5}'])
    def test_that_are_none_are_refused(self, body: bytes) -> None:
        with pytest.raises(SignatureError):
            received("graph", Push({}, body, SECRET))
        with pytest.raises(InputError):
            received("graph", Push({}, notification(PUSH.secret, {"changeType": "created"}), SECRET))

    def test_of_the_subscriptions_life_renew_it_or_read_on(self) -> None:
        told = {
            event: received("graph", Push({}, notification(PUSH.secret, {"lifecycleEvent": event}), SECRET)).keys
            for event in ("reauthorizationRequired", "subscriptionRemoved", "missed", "another")
        }
        assert told == {
            "reauthorizationRequired": (RENEWAL,),
            "subscriptionRemoved": (RENEWAL, news_of("messages")),
            "missed": (news_of("messages"),),
            "another": (news_of("messages"),),
        }

    def test_of_its_life_that_are_alike_are_not_the_same(self) -> None:
        push = Push({}, notification(PUSH.secret, {"lifecycleEvent": "missed"}), SECRET)
        at = datetime(2026, 1, 5, 8, tzinfo=UTC)
        assert received("graph", push, at).delivery_id == received("graph", push, at).delivery_id
        assert received("graph", push, at).delivery_id != received("graph", push, at + timedelta(hours=1)).delivery_id

    def test_are_announced_by_a_token_that_is_echoed(self) -> None:
        delivery = received("graph", Push({":query": "x=1&validationToken=Validation%3A%20a%2Bb"}, b"", SECRET))
        assert (delivery.answer, delivery.answer_type, delivery.keys) == (b"Validation: a+b", "text/plain", ())
        with pytest.raises(SignatureError):  # what is no token of Graph's is not echoed
            received("graph", Push({":query": "validationToken=" + "x" * 4_001}, b"", SECRET))


class TestSubscription:
    def renewed(self, peer: Mailbox) -> dict[str, Any]:
        due = peer.connector().renew()
        assert timedelta(hours=23) < due - now() <= timedelta(days=1)
        (held,) = peer.peer.subscriptions.values()
        assert datetime.fromisoformat(held["expirationDateTime"]) > now() + timedelta(days=5)
        return dict(held)

    def test_is_made_once_and_then_prolonged(self, peer: Mailbox) -> None:
        peer.peer.validated = lambda query, _: received("graph", Push({":query": query}, b"", SECRET)).answer or b""
        first = self.renewed(peer)
        assert first["resource"] == "/me/messages"
        assert first["changeType"] == "created,updated,deleted"
        assert first["notificationUrl"] == first["lifecycleNotificationUrl"] == PUSH.url
        assert first["clientState"] == PUSH.secret
        (made,) = [asked for asked in peer.peer.asked if asked.path == "/v1.0/subscriptions" and asked.method == "POST"]
        assert made.headers["prefer"] == 'IdType="ImmutableId"', "notifications then name ids that stay"
        peer.peer.subscriptions[first["id"]]["expirationDateTime"] = "2026-01-01T00:00:00Z"
        assert self.renewed(peer)["id"] == first["id"]

    def test_that_was_removed_is_made_again_when_graph_says_so(self, peer: Mailbox) -> None:
        first = self.renewed(peer)
        peer.peer.subscriptions.clear()
        keys = received(
            "graph", Push({}, notification(PUSH.secret, {"lifecycleEvent": "subscriptionRemoved"}), SECRET)
        ).keys
        assert list(peer.connector().fetch(keys)) == []
        (held,) = peer.peer.subscriptions.values()
        assert held["id"] != first["id"]

    def test_of_others_is_left_alone_and_a_second_of_ours_is_ended(self, peer: Mailbox) -> None:
        other = {"notificationUrl": "https://other.example/", "id": "sub-x"}
        peer.peer.subscriptions = {"sub-x": other, "sub-y": {"notificationUrl": PUSH.url, "id": "sub-y"},
                                   "sub-z": {"notificationUrl": PUSH.url, "id": "sub-z"}}  # fmt: skip
        peer.connector().renew()
        assert list(peer.peer.subscriptions) == ["sub-x", "sub-y"]
        assert peer.peer.subscriptions["sub-x"] == other

    def test_needs_a_public_address(self, peer: Mailbox) -> None:
        peer.push_address = None
        assert peer.connector().renew() > now()
        assert peer.peer.subscriptions == {}

    def test_of_a_revoked_mailbox_needs_a_person(self, peer: Mailbox) -> None:
        peer.revoke()
        with pytest.raises(CredentialError):
            peer.connector().renew()


class TestAddresses:
    def test_are_microsofts_own_unless_others_are_given(self) -> None:
        assert GraphConfig().base_url == "https://graph.microsoft.com/v1.0"
        assert GraphConfig().login_url == "https://login.microsoftonline.com"
        government = GraphConfig(
            base_url="https://graph.microsoft.us/v1.0", login_url="https://login.microsoftonline.us"
        )
        assert government.base_url.startswith("https://graph.microsoft.us")

    @pytest.mark.parametrize("mailbox", ["a@b.example/messages", "x y", "a?b", ""])
    def test_of_mailboxes_lead_nowhere_else(self, mailbox: str) -> None:
        with pytest.raises(ValueError, match="mailbox"):
            GraphConfig(mailbox=mailbox)

    def test_of_pages_on_other_servers_are_not_followed(self, peer: Mailbox) -> None:
        peer.add(range(6))
        connector = peer.connector()
        peer.peer.address = "http://127.0.0.1:1"
        with pytest.raises(AnswerError, match="another server"):
            list(connector.read("messages", None))
