"""Pushes of the Events API: what proves them, what they mark dirty, and the handshake."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from slack_sdk.signature import SignatureVerifier

from opsintel.errors import InputError, SignatureError
from tests.connectors.remote import Push, received
from tests.peers.slack_events import changed, deleted, keys_told, posted, signed, wrapped

SHAPES = Path(os.environ.get("OPSINTEL_TEST_DATA", "/nonexistent")) / "slack" / "events"
MESSAGE = {"type": "message", "user": "U1", "text": "x", "ts": "1767600001.000100"}
REPLY = {**MESSAGE, "ts": "1767600002.000100", "thread_ts": "1767600001.000100"}


class TestKeys:
    @pytest.mark.parametrize(
        ("event", "keys"),
        [
            (posted(MESSAGE), ("C0000SUP/1767600001.000100",)),
            (posted({**MESSAGE, "thread_ts": MESSAGE["ts"]}), ("C0000SUP/1767600001.000100",)),
            (posted(REPLY), ("C0000SUP:1767600001.000100",)),
            (posted({**REPLY, "subtype": "thread_broadcast"}), ("C0000SUP:1767600001.000100",)),
            (posted({**MESSAGE, "subtype": "bot_message"}), ("C0000SUP/1767600001.000100",)),
            (posted({**MESSAGE, "subtype": "file_share"}), ("C0000SUP/1767600001.000100",)),
            (changed(MESSAGE), ("C0000SUP/1767600001.000100",)),
            (changed(REPLY), ("C0000SUP/1767600002.000100",)),
            (deleted(MESSAGE), ("C0000SUP/1767600001.000100",)),
            (deleted(REPLY), ("C0000SUP/1767600002.000100",)),
            (wrapped({"type": "message", "subtype": "message_deleted", "channel": "C1", "deleted_ts": "1.1",
                      "ts": "2.2"}), ("C1/1.1",)),
            (wrapped({"type": "message", "subtype": "message_replied", "channel": "C1", "ts": "2.2",
                      "message": {"ts": "1.1", "thread_ts": "1.1"}}), ("C1:1.1",)),
            (wrapped({"type": "reaction_added", "item": {"channel": "C1", "ts": "1.1"}}), ()),
            (wrapped({"type": "message", "channel": "C1", "ts": "soon"}), ()),
            (wrapped({"type": "message", "channel": 5, "ts": "1.1"}), ()),
            (wrapped({"type": "channel_archive", "channel": "C1"}), ()),
        ],
        ids=range(16),
    )  # fmt: skip
    def test_are_of_what_changed(self, event: dict[str, Any], keys: tuple[str, ...]) -> None:
        assert keys_told(event) == keys

    @pytest.mark.skipif(not SHAPES.is_dir(), reason="OPSINTEL_TEST_DATA holds the recorded shapes")
    def test_come_of_no_recorded_shape_by_a_crash(self) -> None:
        shapes = sorted(SHAPES.glob("*.json"))
        assert len(shapes) > 50
        for path in shapes:
            event = json.loads(path.read_text())
            event |= {"type": "event_callback", "event_id": "Ev1"}
            filled = json.loads(
                json.dumps(event).replace('"ts": ""', '"ts": "1.1"').replace('"channel": ""', '"channel": "C1"')
            )
            keys = keys_told(filled)
            assert bool(keys) == (event["event"].get("type") == "message"), path.name


class TestDelivery:
    def test_is_known_by_its_event_id(self) -> None:
        assert received("slack", signed(wrapped(MESSAGE, "Ev0000ONE"))).delivery_id == "Ev0000ONE"

    def test_check_39_that_is_repeated_is_known_again_though_it_is_signed_anew(self) -> None:
        now = int(datetime.now(UTC).timestamp())
        first, again = (received("slack", signed(posted(MESSAGE), at)) for at in (now - 60, now))
        assert (first.delivery_id, first.keys) == (again.delivery_id, again.keys)

    def test_of_an_address_is_answered_with_its_challenge(self) -> None:
        delivery = received("slack", signed({"token": "x", "challenge": "3eZb", "type": "url_verification"}))
        assert (delivery.answer, delivery.keys) == (b"3eZb", ())

    def test_of_an_address_is_answered_only_to_slack(self) -> None:
        push = signed({"challenge": "3eZb", "type": "url_verification"}, secret="another")
        with pytest.raises(SignatureError):
            received("slack", Push(push.headers, push.body, b"the right one"))

    def test_that_slack_drops_events_marks_nothing(self) -> None:
        told = {"token": "x", "type": "app_rate_limited", "team_id": "T1", "minute_rate_limited": 1518467820}
        assert received("slack", signed(told)).keys == ()

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"[]",
            b"{",
            b"null",
            b'{"type": "x"}',
            b'{"type": "event_callback"}',
            b"[" * 99_999,
            b'{"type": "event_callback", "event_id": ""}',
        ],
    )
    def test_that_is_signed_and_no_push_is_refused(self, body: bytes) -> None:
        with pytest.raises(InputError):
            received("slack", signed(body))


class TestSignature:
    def test_is_that_of_slack(self) -> None:
        """The example of docs.slack.dev/authentication/verifying-requests-from-slack."""
        body = (
            b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&"
            b"channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url="
            b"https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&"
            b"trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
        )
        secret, timestamp = "8f742231b10e8888abcd99yyyzzz85a5", 1531420618
        signature = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
        assert signed(body, timestamp, secret).headers["X-Slack-Signature"] == signature
        assert SignatureVerifier(secret).generate_signature(timestamp=str(timestamp), body=body) == signature

    def test_check_39_is_of_the_raw_body(self) -> None:
        push = signed(json.dumps(posted(MESSAGE), indent=1).encode())
        assert received("slack", push).keys
        with pytest.raises(SignatureError):
            received("slack", Push(push.headers, json.dumps(posted(MESSAGE)).encode(), push.secret))

    @pytest.mark.parametrize(
        ("seconds", "is_good"), [(0, True), (290, True), (-290, True), (310, False), (-310, False)]
    )
    def test_check_39_lasts_five_minutes_both_ways(self, seconds: int, is_good: bool) -> None:
        push = signed(posted(MESSAGE), 1_767_600_000)
        at = datetime.fromtimestamp(1_767_600_000, UTC) + timedelta(seconds=seconds)
        if is_good:
            assert received("slack", push, at).keys
        else:
            with pytest.raises(SignatureError):
                received("slack", push, at)

    @pytest.mark.parametrize(
        "headers",
        [
            {"x-slack-signature": "v0=ä"},
            {"x-slack-signature": ""},
            {"x-slack-request-timestamp": "now"},
            {"x-slack-request-timestamp": "١٧٦٧٦٠٠٠٠٠"},
            {"x-slack-request-timestamp": "-1"},
            {"x-slack-request-timestamp": "1" * 5000},
            {"x-slack-request-timestamp": ""},
        ],
    )
    def test_check_39_that_is_none_is_refused_and_breaks_nothing(self, headers: dict[str, str]) -> None:
        push = signed(posted(MESSAGE))
        with pytest.raises(SignatureError):
            received(
                "slack", Push({**{n.lower(): v for n, v in push.headers.items()}, **headers}, push.body, push.secret)
            )

    @pytest.mark.parametrize("secret", [b"", b"  ", b"\xff\xfe"])
    def test_of_no_secret_is_none(self, secret: bytes) -> None:
        push = signed(posted(MESSAGE), secret="")
        with pytest.raises(SignatureError):
            received("slack", Push(push.headers, push.body, secret))

    def test_of_bytes_that_are_no_text_is_refused(self) -> None:
        push = signed(posted(MESSAGE))
        with pytest.raises(SignatureError):
            received("slack", Push(push.headers, b"\xff\xfe", push.secret))
