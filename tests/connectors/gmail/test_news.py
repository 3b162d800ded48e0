"""How news of a mailbox come: a watch, pushes that Google signs, and a subscription that is pulled from."""

from __future__ import annotations

import base64
import json
import warnings
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from opsintel.clock import now
from opsintel.connectors.contract import news_of
from opsintel.connectors.gmail.push import push_trust
from opsintel.errors import CredentialError, InputError, SignatureError, UnavailableError
from tests.connectors.gmail.mailbox import PUSH, Mailbox
from tests.connectors.gmail.test_access import ACCOUNT, KEY
from tests.connectors.remote import Fault, Push, PushContract, received
from tests.peers.gmail import ADDRESS, SUBSCRIPTION, TOPIC
from tests.peers.oidc import Key

SENDER = "push@acme.iam.example"
GOOGLE = Key("RS256")
NEXT = Key("RS256")
KEYS = [GOOGLE.published(), Key("ES256").published(), NEXT.published()]
TRUST = push_trust(PUSH.url, SENDER, {"keys": KEYS}).encode()
CHANGED = base64.b64encode(json.dumps({"emailAddress": ADDRESS, "historyId": 1234}).encode()).decode()


def body(**message: Any) -> bytes:
    told = {"data": CHANGED, "messageId": "m-1", "publishTime": "2026-01-05T08:00:00Z"} | message
    kept = {name: value for name, value in told.items() if value is not None}
    return json.dumps({"message": kept, "subscription": SUBSCRIPTION}).encode()


def claims(**other: Any) -> dict[str, Any]:
    moment = int(now().timestamp())
    told = {"iss": "https://accounts.google.com", "aud": PUSH.url, "email": SENDER, "email_verified": True, "sub": "1"}
    told |= {"iat": moment - 1800, "exp": moment + 1800, **other}
    return {name: value for name, value in told.items() if value is not None}


def signed(told: dict[str, Any], key: Key = GOOGLE, **header: Any) -> Push:
    token = jwt.encode(told, key.private, algorithm=key.algorithm, headers={"kid": key.id, **header})
    return Push({"Authorization": f"Bearer {token}"}, body(), TRUST)


class TestPush(PushContract):
    kind = "gmail"
    signs_time = False  # the token is of its sender and lasts an hour: see the tests below
    signs_body = False

    @pytest.fixture
    def push(self) -> Push:
        return signed(claims())


class TestPushes:
    def test_mark_the_mailbox_and_are_known_by_the_id_of_their_message(self) -> None:
        delivery = received("gmail", signed(claims()))
        assert (delivery.delivery_id, delivery.keys) == ("m-1", (news_of("messages"),))
        assert delivery.answer is None

    @pytest.mark.parametrize(
        "other",
        [
            {"iss": "https://accounts.evil.example"},
            {"aud": "https://ops.example.com/v1/push/xyz"},
            {"aud": None},
            {"aud": [PUSH.url]},
            {"email": "other@acme.iam.example"},
            {"email_verified": False},
            {"email_verified": None},
            {"exp": None},
            {"iat": None},
            {"exp": True, "iat": "1"},
            {"exp": 1_700_000_000},
        ],
    )
    def test_of_others_are_refused(self, other: dict[str, Any]) -> None:
        with pytest.raises(SignatureError):
            received("gmail", signed(claims(**other)))

    def test_have_five_minutes_for_clocks_that_differ(self) -> None:
        push = signed(claims())
        received("gmail", push, now() + timedelta(minutes=34))
        received("gmail", push, now() - timedelta(minutes=34))
        for minutes in (36, -36):
            with pytest.raises(SignatureError):
                received("gmail", push, now() + timedelta(minutes=minutes))

    def test_signed_by_other_keys_are_refused(self) -> None:
        forger = Key("RS256")
        with pytest.raises(SignatureError):
            received("gmail", signed(claims(), forger))
        with pytest.raises(SignatureError):
            received("gmail", signed(claims(), forger, kid=GOOGLE.id))

    def test_are_verified_by_the_key_that_they_name(self) -> None:
        assert [key["kid"] for key in json.loads(TRUST)["keys"]] == [GOOGLE.id, NEXT.id]
        assert received("gmail", signed(claims(), NEXT)).keys
        nameless = {name: value for name, value in GOOGLE.published().items() if name != "kid"}
        trust = push_trust(PUSH.url, SENDER, {"keys": [nameless]}).encode()
        unnamed = jwt.encode(claims(), GOOGLE.private, algorithm="RS256")
        with pytest.raises(SignatureError):
            received("gmail", Push({"Authorization": f"Bearer {unnamed}"}, body(), trust))

    def test_signed_weakly_are_refused(self) -> None:
        weak = Key("RS256")
        weak.private = rsa.generate_private_key(65537, 1024)
        trust = push_trust(PUSH.url, SENDER, {"keys": [weak.published()]}).encode()
        with warnings.catch_warnings(action="ignore"):  # the library warns of the key, and takes it
            push = signed(claims(), weak)
            with pytest.raises(SignatureError, match="weak key"):
                received("gmail", Push(push.headers, push.body, trust))

    def test_of_nobody_are_refused_where_nobody_is_expected(self) -> None:
        trust = push_trust("", "", {"keys": KEYS}).encode()
        push = signed(claims(aud="", email=""))
        with pytest.raises(SignatureError, match="another audience"):
            received("gmail", Push(push.headers, push.body, trust))

    def test_with_a_token_that_is_too_long_or_says_nothing_are_refused(self) -> None:
        assert received("gmail", signed(claims(note="x" * 3_000))).keys
        with pytest.raises(SignatureError, match="too long"):
            received("gmail", signed(claims(note="x" * 8_000)))
        empty = jwt.PyJWS().encode(b"[]", GOOGLE.private, algorithm="RS256", headers={"kid": GOOGLE.id})
        with pytest.raises(SignatureError, match="says nothing"):
            received("gmail", Push({"Authorization": f"Bearer {empty}"}, body(), TRUST))

    def test_signed_in_other_ways_are_refused(self) -> None:
        good = signed(claims()).headers["Authorization"]
        with pytest.raises(SignatureError):
            received("gmail", Push({"Authorization": good.replace("Bearer", "Basic")}, body(), TRUST))
        none = jwt.encode(claims(), None, algorithm="none", headers={"kid": GOOGLE.id})
        # The library itself refuses to sign with a public key, so this is put together by hand.
        head, middle, _ = jwt.encode(claims(), "x" * 32, algorithm="HS256", headers={"kid": GOOGLE.id}).split(".")
        forged = jwt.get_algorithm_by_name("HS256").sign(f"{head}.{middle}".encode(), GOOGLE.pem())
        confused = f"{head}.{middle}.{base64.urlsafe_b64encode(forged).rstrip(b'=').decode()}"
        other = jwt.encode(claims(), GOOGLE.private, algorithm="RS384", headers={"kid": GOOGLE.id})
        for token in (none, confused, other, "a.b.c", "x" * 10_000, ""):
            with pytest.raises(SignatureError):
                received("gmail", Push({"Authorization": f"Bearer {token}"}, body(), TRUST))

    @pytest.mark.parametrize("trust", [b"", b"[]", b"{}", b'{"keys": 5}', push_trust("", "", {"keys": []}).encode()])
    def test_are_refused_before_anything_is_trusted(self, trust: bytes) -> None:
        push = signed(claims())
        with pytest.raises(SignatureError):
            received("gmail", Push(push.headers, push.body, trust))

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"[]",
            b"{}",
            body(messageId=None),
            body(data="!"),
            body(data=None),
            body(data="e30="),
            body(messageId="x" * 999),
        ],
    )
    def test_that_are_signed_and_none_of_gmail_are_told_apart(self, content: bytes) -> None:
        with pytest.raises(InputError):
            received("gmail", Push(signed(claims()).headers, content, TRUST))


class TestWatch:
    def test_is_renewed_every_day(self, peer: Mailbox) -> None:
        peer.config = {"topic": TOPIC}
        due = peer.connector().renew()
        assert peer.peer.watched == TOPIC
        assert timedelta(hours=23) < due - now() <= timedelta(days=1)

    def test_is_renewed_before_it_ends(self, peer: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
        ends = now() + timedelta(hours=2)
        answer = {"historyId": "1", "expiration": str(int(ends.timestamp() * 1000))}
        monkeypatch.setattr(peer.peer, "_watch", lambda _: answer)
        peer.config = {"topic": TOPIC}
        assert peer.connector().renew() <= ends

    def test_ends_where_no_topic_is_configured_any_more(self, peer: Mailbox) -> None:
        peer.peer.watched = TOPIC
        assert peer.connector().renew() > now()
        assert peer.peer.watched == ""

    def test_brings_the_keys_that_pushes_are_verified_by(self, peer: Mailbox) -> None:
        peer.config = {"topic": TOPIC, "push_account": SENDER}
        peer.peer.keys = [GOOGLE.published()]
        connection = peer.connection
        due = peer.connector(connection).renew()
        assert due - now() <= timedelta(hours=6)
        assert connection.held is not None
        assert connection.held["refresh_token"] == "refresh-1"
        push = signed(claims())
        received("gmail", Push(push.headers, push.body, connection.held["push_trust"].encode()))

    def test_without_the_keys_is_tried_again(self, peer: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
        peer.config = {"topic": TOPIC, "push_account": SENDER, "keys_url": peer.peer.address + "/elsewhere"}
        with pytest.raises(UnavailableError):
            peer.connector().renew()

    def test_of_a_revoked_mailbox_needs_a_person(self, peer: Mailbox) -> None:
        peer.config = {"topic": TOPIC}
        peer.revoke()
        with pytest.raises(CredentialError):
            peer.connector().renew()


@pytest.fixture
def pulling(peer: Mailbox) -> Mailbox:
    peer.peer.access.service_key = KEY.public_key()
    peer.credential |= {"service_account": json.dumps(ACCOUNT)}
    peer.config = {"topic": TOPIC, "subscription": SUBSCRIPTION}
    return peer


class TestPull:
    def test_hears_of_news_and_takes_them_once_they_are_handed_on(self, pulling: Mailbox) -> None:
        listening = pulling.connector().listen(lambda: False)
        assert next(listening) == ()
        pulling.peer.publish()
        assert next(listening) == (news_of("messages"),)
        assert len(pulling.peer.queue) == 1, "a process that dies here hears of it again"
        assert next(listening) == ()
        assert pulling.peer.queue == {}

    def test_leaves_what_tells_of_other_mailboxes(self, pulling: Mailbox) -> None:
        pulling.peer.publish("sales@example.com")
        pulling.peer.publish()
        pulling.peer.queue["m-9"] = {"messageId": "m-9", "data": "bm90aGluZw=="}
        listening = pulling.connector().listen(lambda: False)
        assert list(islice(listening, 2)) == [(news_of("messages"),), ()]
        assert list(pulling.peer.queue) == ["m-1"]

    def test_gives_a_sign_of_life_every_minute(self, pulling: Mailbox) -> None:
        connection = pulling.connection
        list(islice(pulling.connector(connection).listen(lambda: False), 4))
        assert len(connection.waits) == 3
        assert max(connection.waits) < 60

    def test_ends_when_it_is_told_to(self, pulling: Mailbox) -> None:
        assert list(pulling.connector().listen(lambda: True)) == []

    def test_outlives_faults(self, pulling: Mailbox) -> None:
        pulling.peer.publish()
        pulling.peer.fail(Fault.BROKEN, after=2, times=3)
        assert next(pulling.connector().listen(lambda: False)) == (news_of("messages"),)

    def test_without_a_subscription_is_refused(self, peer: Mailbox) -> None:
        with pytest.raises(InputError, match="subscription"):
            next(peer.connector().listen(lambda: False))


def test_the_tests_keys_are_of_this_moment() -> None:
    assert claims()["exp"] > datetime.now(UTC).timestamp()
