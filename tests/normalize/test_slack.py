"""Slack messages become canonical messages as people saw them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from opsintel.connectors.contract import PayloadFormat
from opsintel.errors import ItemError
from opsintel.events.message import AutomaticClass, CanonicalMessage, Direction, IdentityKind, Kind
from opsintel_pipeline.normalize.context import SlackUser
from opsintel_pipeline.normalize.parse import NormalizeContext, parse_payload

CONTEXT = NormalizeContext(
    own_domains=frozenset({"acme.example"}),
    slack_users={
        "U1": SlackUser("Ada", "ada@acme.example"),
        "U2": SlackUser("Guest", "g@customer.example", is_guest=True),
    },
    slack_channels={"C1": "support"},
)


def read(message: Any, context: NormalizeContext = CONTEXT) -> CanonicalMessage:
    return parse_payload(json.dumps(message).encode(), PayloadFormat.SLACK, "C1/1", context=context)


def message(**fields: Any) -> dict[str, Any]:
    return {"type": "message", "ts": "1609459200.000100", "user": "U1", "channel": "C1", "text": "hello", **fields}


class TestText:
    @pytest.mark.parametrize("kind", [{"type": "mrkdwn"}, ["section"], 7, None])
    def test_a_block_whose_type_is_no_name_is_passed_over(self, kind: Any) -> None:
        odd = {"type": kind, "elements": [{"type": kind, "text": "x"}], "text": {"type": kind, "text": "y"}}
        assert read(message(blocks=[odd, {"type": "section", "text": {"type": "mrkdwn", "text": "*a*"}}])).text == "*a*"

    def test_mentions_channels_links_entities_and_emoji_are_resolved(self) -> None:
        found = read(
            message(
                text="<@U1> see <#C1> &lt;b&gt; <https://x.example/a?b=1&amp;c=2|here> <!channel> :warning: <@U9|bob>"
            )
        )
        assert found.text == "@Ada see #support <b> here @channel ⚠️ @bob"
        assert [(link.url, link.text) for link in found.links] == [("https://x.example/a?b=1&c=2", "here")]
        assert found.extra["mentions"] == ["U1", "U9"]

    def test_rich_text_wins_over_the_fallback_text(self) -> None:
        section = [
            {"type": "text", "text": "Login fails for "},
            {"type": "user", "user_id": "U2"},
            {"type": "emoji", "name": "fire"},
            {"type": "link", "url": "https://x.example", "text": "log"},
        ]
        items = [{"type": "rich_text_section", "elements": [{"type": "text", "text": text}]} for text in ("one", "two")]
        blocks = [
            {
                "type": "rich_text",
                "elements": [
                    {"type": "rich_text_section", "elements": section},
                    {"type": "rich_text_list", "style": "ordered", "elements": items},
                    {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": "trace\nline"}]},
                ],
            }
        ]
        found = read(message(text="fallback", blocks=blocks))
        assert found.text == "Login fails for @Guest🔥log\n1. one\n2. two\ntrace\nline"
        assert found.links[0].url == "https://x.example"

    def test_sections_fields_and_attachments_are_text(self) -> None:
        blocks = [
            {"type": "header", "text": {"type": "plain_text", "text": "Alarm"}},
            {"type": "section", "fields": [{"type": "mrkdwn", "text": "*Host*"}, {"type": "mrkdwn", "text": "db-1"}]},
            {"type": "actions", "elements": [{"type": "button", "text": {"type": "plain_text", "text": "Ack"}}]},
        ]
        attachments = [{"title": "CPU", "text": "95 %", "fields": [{"title": "For", "value": "5 min"}]}]
        found = read(message(text="", blocks=blocks, attachments=attachments))
        assert found.text == "Alarm\n*Host*\ndb-1\n\nCPU\n95 %\nFor: 5 min"

    def test_files_are_named_and_not_read(self) -> None:
        found = read(message(files=[{"id": "F1", "name": "a.png", "mimetype": "image/png", "size": 42}]))
        assert [(file.filename, file.content_type, file.size) for file in found.attachments] == [
            ("a.png", "image/png", 42)
        ]


class TestPeopleAndThreads:
    def test_author_time_channel_and_kind(self) -> None:
        found = read(message())
        assert found.kind is Kind.CHAT
        assert found.author is not None
        assert (found.author.kind, found.author.value, found.author.name) == (
            IdentityKind.EMAIL,
            "ada@acme.example",
            "Ada",
        )
        assert found.occurred_at == datetime(2021, 1, 1, 0, 0, 0, 100, tzinfo=UTC)
        assert found.channel == "support"

    def test_replies_share_the_key_of_their_root(self) -> None:
        root = read(message(thread_ts="1609459200.000100"))
        reply = read(message(ts="1609460000.000200", thread_ts="1609459200.000100"))
        broadcast = read(message(ts="1609460001.000200", thread_ts="1609459200.000100", subtype="thread_broadcast"))
        assert root.thread_key == reply.thread_key == broadcast.thread_key
        assert (root.parent_key, reply.parent_key) == ("", "1609459200.000100")
        assert broadcast.automatic is None

    def test_keys_hold_what_a_store_takes(self) -> None:
        found = read(message(channel="C\x009", ts="1.0", thread_ts="17\x7f0\u2028\ud800.1\n" + "0" * 9_000))
        assert found.thread_key.startswith("C9:170 .1 0")
        assert found.parent_key.startswith("170 .1 0")
        assert len(found.thread_key) == len(found.parent_key) == 500

    def test_guests_and_people_of_other_workspaces_are_inbound(self) -> None:
        assert read(message(user="U2")).direction is Direction.INBOUND
        assert read(message(user="U9", team="T1", user_team="T2")).direction is Direction.INBOUND
        assert read(message()).direction is Direction.INTERNAL

    def test_a_connectors_envelope_brings_people_and_channel(self) -> None:
        envelope = {
            "message": {"ts": "1609459200.000100", "user": "U7", "text": "hi <@U7>"},
            "channel": {"id": "C7", "name": "orders"},
            "users": {"U7": {"name": "eve", "real_name": "Eve", "email": "eve@c.example", "is_bot": False}},
        }
        found = read(envelope, NormalizeContext())
        assert found.author is not None
        assert (found.author.value, found.text, found.channel) == ("eve@c.example", "hi @Eve", "orders")
        assert found.thread_key == "C7:1609459200.000100"


class TestEditsAndNotices:
    def test_an_edit_carries_the_new_text_and_its_time(self) -> None:
        inner = message(text="better", edited={"user": "U1", "ts": "1609459300.000000"})
        found = read({"type": "message", "subtype": "message_changed", "channel": "C1", "ts": "1.0", "message": inner})
        assert found.text == "better"
        assert found.edited_at == datetime(2021, 1, 1, 0, 1, 40, tzinfo=UTC)

    def test_a_deletion_keeps_no_text(self) -> None:
        found = read(
            {
                "type": "message",
                "subtype": "message_deleted",
                "channel": "C1",
                "ts": "1.0",
                "previous_message": message(),
            }
        )
        assert (found.deleted, found.text) == (True, "")

    @pytest.mark.parametrize("subtype", ["channel_join", "channel_leave", "channel_topic", "pinned_item"])
    def test_notices_of_slack_are_automatic(self, subtype: str) -> None:
        assert read(message(subtype=subtype)).automatic is AutomaticClass.NOTIFICATION

    def test_bots_are_bots(self) -> None:
        found = read(message(subtype="bot_message", bot_id="B1", username="Grafana", user=""))
        assert (found.is_bot, found.automatic) == (True, AutomaticClass.BOT)

    @pytest.mark.parametrize(
        "payload", [b"", b"[]", b"{}", b"nonsense", b'{"a":' * 100_000, b'"text"', b'{"type":"message"}']
    )
    def test_what_is_no_message_is_an_item_error(self, payload: bytes) -> None:
        with pytest.raises(ItemError):
            parse_payload(payload, PayloadFormat.SLACK, "x", context=CONTEXT)

    def test_values_of_wrong_types_do_no_harm(self) -> None:
        found = read(
            message(blocks=[1, {"type": "section", "text": 5}, {"type": "rich_text", "elements": "x"}], files=7,
                    attachments={"a": 1}, reactions=[{"name": 1, "count": "x"}], edited="no", user=5)
        )  # fmt: skip
        assert found.text == "hello"

    def test_blocks_nested_without_end_are_cut(self) -> None:
        block: dict[str, Any] = {"type": "text", "text": "deep"}
        for _ in range(200):
            block = {"type": "rich_text_section", "elements": [block]}
        assert read(message(blocks=[block])).text == "hello"
