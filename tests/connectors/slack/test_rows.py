"""What becomes of a message: the same row by the Web API, a push and an export; who wrote it; what it says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from opsintel.connectors.contract import Upsert, Window
from opsintel.connectors.slack import directory
from opsintel.events.message import CanonicalMessage, Direction
from opsintel_pipeline.normalize.context import NormalizeContext
from opsintel_pipeline.normalize.parse import parse_payload
from tests.connectors.contract import open_source, upserts
from tests.connectors.slack.reading import SUPPORT, connector_to, read, told
from tests.connectors.sources import slack_zip
from tests.peers.slack import TEAM, SlackPeer


def row(item: Upsert) -> CanonicalMessage:
    return parse_payload(item.payload, item.format, item.native_id, context=NormalizeContext(channel=item.channel))


def rows(slack: SlackPeer, **config: Any) -> list[CanonicalMessage]:
    return [row(item) for item in upserts(read(slack, **config))]


BLOCKS = [
    {"type": "rich_text", "elements": [
        {"type": "rich_text_section", "elements": [
            {"type": "text", "text": "Order "}, {"type": "link", "url": "https://example.org/4711", "text": "4711"},
            {"type": "text", "text": " of "}, {"type": "user", "user_id": "U0000ANN"}]},
        {"type": "rich_text_list", "style": "bullet", "elements": [
            {"type": "rich_text_section", "elements": [{"type": "text", "text": "lamp dark"}]}]}]},
    {"type": "section", "text": {"type": "mrkdwn", "text": "see <#C0000SUP|support> &amp; <https://example.org|here>"}},
]  # fmt: skip


class TestText:
    def test_of_blocks_is_read_where_the_text_is_empty(self, slack: SlackPeer) -> None:
        slack.post("", blocks=BLOCKS)
        (found,) = rows(slack)
        assert found.text == "Order 4711 of @Ann\n- lamp dark\nsee #support & here"
        assert [link.url for link in found.links] == ["https://example.org/4711", "https://example.org"]

    def test_of_attachments_is_read(self, slack: SlackPeer) -> None:
        attachment = {"pretext": "Alarm", "title": "Hub down", "text": "since &gt; 5 min", "fields": [
            {"title": "Site", "value": "Berlin"}], "fallback": "unused"}  # fmt: skip
        slack.post("", bot_id="B0000MON", subtype="bot_message", attachments=[attachment])
        (found,) = rows(slack)
        assert found.text == "Alarm\nHub down\nsince > 5 min\nSite: Berlin"

    def test_has_mentions_by_name(self, slack: SlackPeer) -> None:
        slack.add_user("U0000BOB", "bob")
        slack.post("ask <@U0000BOB> or <!here>, &lt;now&gt;")
        (found,) = rows(slack)
        assert found.text == "ask @Bob or @here, <now>"
        assert found.extra["mentions"] == ["U0000BOB"]

    def test_has_channels_by_name_that_slack_gives_by_id_only(self, slack: SlackPeer) -> None:
        slack.add_channel("C0000BIL", "billing", is_member=False)
        rich = [{"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [
            {"type": "channel", "channel_id": "C0000BIL"}, {"type": "text", "text": " and "},
            {"type": "channel", "channel_id": "C0000SEC"}]}]}]  # fmt: skip
        slack.post("", blocks=rich)
        slack.post("see <#C0000BIL|> or <#C0000BIL>")
        assert [found.text for found in rows(slack)] == ["see #billing or #billing", "#billing and #C0000SEC"]
        by_key = [row(item) for item in upserts(connector_to(slack).fetch(
            [f"{SUPPORT}/{ts}" for ts in slack.channels[SUPPORT].messages]))]  # fmt: skip
        assert by_key == sorted(rows(slack), key=lambda found: found.native_id)


class TestPeople:
    def test_are_known_by_their_addresses(self, slack: SlackPeer) -> None:
        slack.post("x")
        (found,) = rows(slack)
        assert found.author is not None
        assert (found.author.value, found.author.name) == ("ann@example.org", "Ann")

    def test_of_other_workspaces_are_looked_up_one_by_one(self, slack: SlackPeer) -> None:
        slack.add_user("U0000EXT", "eve", email="eve@example.com", team_id="T0000EXT")
        for _ in range(3):
            slack.post("x", user="U0000EXT", user_team="T0000EXT")
        found = rows(slack)
        assert {message.author.value for message in found if message.author} == {"eve@example.com"}
        assert {message.direction for message in found} == {Direction.INBOUND}
        assert (slack.count("users.list"), slack.count("users.info")) == (1, 1)

    def test_who_are_gone_keep_their_messages(self, slack: SlackPeer) -> None:
        slack.post("x", user="U0000OFF")
        (found,) = rows(slack)
        assert found.author is not None
        assert found.author.value == "U0000OFF"

    def test_who_are_guests_are_inbound(self, slack: SlackPeer) -> None:
        slack.add_user("U0000GST", "gus", is_restricted=True)
        slack.post("x", user="U0000GST")
        assert [message.direction for message in rows(slack)] == [Direction.INBOUND]

    def test_are_listed_in_bounds_and_looked_up_beyond(self, slack: SlackPeer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(directory, "LISTED_PAGES", 2)
        slack.page_cap = 3
        for number in range(20):
            slack.add_user(f"U000000{number:02}", f"user{number}", email=f"{number}@example.org")
        slack.post("x", user="U00000019")
        (found,) = rows(slack)
        assert found.author is not None
        assert found.author.value == "19@example.org"
        assert (slack.count("users.list"), slack.count("users.info")) == (2, 1)

    def test_are_not_asked_for_when_nobody_wrote(self, slack: SlackPeer) -> None:
        read(slack)
        assert slack.count("users.list") == 0


class TestBots:
    @pytest.mark.parametrize(
        ("config", "told_of"),
        [
            ({}, {"human", "monitor", "deploy"}),
            ({"bots": "skip"}, {"human"}),
            ({"bots": "skip", "bots_except": ["B0000MON"]}, {"human", "monitor"}),
            ({"bots": "skip", "bots_except": ["A0000DEP"]}, {"human", "deploy"}),
            ({"bots": "keep", "bots_except": ["B0000MON"]}, {"human", "deploy"}),
        ],
    )  # fmt: skip
    def test_are_kept_or_left_by_the_policy_of_the_source(
        self, slack: SlackPeer, config: dict[str, Any], told_of: set[str]
    ) -> None:
        slack.post("human")
        slack.post("monitor", bot_id="B0000MON", app_id="A0000MON", subtype="bot_message", user="")
        slack.post("deploy", bot_id="B0000DEP", app_id="A0000DEP")
        assert {message.text for message in rows(slack, **config)} == told_of

    def test_are_left_by_census_and_fetch_too(self, slack: SlackPeer) -> None:
        human, bot = slack.post("human")["ts"], slack.post("bot", bot_id="B0000MON")["ts"]
        connector = connector_to(slack, bots="skip")
        assert [native_id for native_id, _ in connector.census(Window())] == [f"{SUPPORT}/{human}"]
        assert list(connector.fetch([f"{SUPPORT}/{bot}"])) == []

    def test_that_begin_a_thread_and_are_left_still_name_it(self, slack: SlackPeer) -> None:
        root = slack.post("alarm", bot_id="B0000MON")["ts"]
        reply = slack.post("I look after it", root=root)["ts"]
        items = upserts(read(slack, bots="skip"))
        assert told([*items]) == [reply]
        assert row(items[0]).thread_key == f"{SUPPORT}:{root}"

    def test_of_slack_are_known_though_they_have_no_bot_id(self, slack: SlackPeer) -> None:
        slack.add_user("USLACKBOT", "slackbot")
        slack.post("reminder", user="USLACKBOT")
        assert rows(slack, bots="skip") == []


class TestExport:
    """The export and the Web API show one message with other fields around it (slack.com/help/articles/220556107)."""

    @pytest.fixture
    def pairs(self, slack: SlackPeer, tmp_path: Path) -> list[tuple[Upsert, Upsert]]:
        slack.add_user("U0000BOB", "bob", is_bot=True)
        root = slack.post("question <@U0000BOB>", blocks=BLOCKS, client_msg_id="c-1")
        slack.post("answer", root=root["ts"], user="U0000BOB", bot_id="B0000BOB", bot_profile={"name": "bob"})
        slack.post("for all", root=root["ts"], subtype="thread_broadcast")
        file = {
            "id": "F1",
            "name": "log.txt",
            "mimetype": "text/plain",
            "size": 12,
            "mode": "hosted",
            "url_private": "x",
        }
        slack.post("a file", files=[file], reactions=[{"name": "eyes", "users": ["U0000ANN"], "count": 1}])
        slack.edit(slack.post("edted in <#C0000SUP>")["ts"], "edited in <#C0000SUP>")
        day = [_exported(message) for message in slack.channels[SUPPORT].messages.values()]
        channels = [{"id": SUPPORT, "name": "support"}]
        path = slack_zip(tmp_path / "export", {
            "users.json": list(slack.users.values()), "support/2026-01-05.json": day}, channels=channels)  # fmt: skip
        exported = {item.native_id: item for item in upserts(open_source("slack_export", path).read("messages", None))}
        by_api = {item.native_id: item for item in upserts(read(slack))}
        assert exported.keys() == by_api.keys()
        return [(exported[key], by_api[key]) for key in sorted(exported)]

    def test_and_api_give_the_same_version(self, pairs: list[tuple[Upsert, Upsert]]) -> None:
        assert [one.version for one, _ in pairs] == [other.version for _, other in pairs]
        assert len({one.version for one, _ in pairs}) == len(pairs) == 5

    def test_and_api_give_the_same_row(self, pairs: list[tuple[Upsert, Upsert]]) -> None:
        for one, other in pairs:
            assert one.payload != other.payload
            assert (one.occurred_at, one.channel) == (other.occurred_at, other.channel)
            assert row(one) == row(other)


def _exported(message: dict[str, Any]) -> dict[str, Any]:
    """Return a message as an export shows it: with profile and workspaces, and the replies of a root by name."""
    profile = {"display_name": "ann", "real_name": "Ann", "team": TEAM, "name": "ann"}
    root = {"replies": [{"user": "U0000ANN", "ts": message["latest_reply"]}]} if "latest_reply" in message else {}
    shown = {name: value for name, value in message.items() if name not in ("reply_users_count", "is_locked")}
    return json.loads(json.dumps({**shown, **root, "user_team": TEAM, "source_team": TEAM, "user_profile": profile,
                                  "upload": False}))  # fmt: skip
