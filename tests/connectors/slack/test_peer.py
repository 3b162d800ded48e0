"""The workspace of the tests answers as Slack does: in recorded shapes, to requests as Slack describes them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from opsintel.connectors.contract import Window
from opsintel.net.client import open_client
from tests.connectors.slack.reading import SUPPORT, connection_to, connector_to, read
from tests.peers.slack import DESCRIPTION, TOKEN, SlackPeer
from tests.peers.slack_events import changed, deleted, posted

SHAPES = Path(os.environ.get("OPSINTEL_TEST_DATA", "../shared/data")) / "slack"
METHODS = ("auth.test", "conversations.history", "conversations.list", "conversations.replies", "team.info",
           "users.info", "users.list")  # fmt: skip


@pytest.fixture(autouse=True)
def _with_shapes() -> None:
    assert SHAPES.is_dir() or not os.environ.get("CI"), "set OPSINTEL_TEST_DATA"


def names_in(value: Any, prefix: str = "") -> Iterator[str]:
    """Yield the names of fields in a value, with those around them."""
    if isinstance(value, dict):
        for name, part in value.items():
            yield f"{prefix}{name}"
            yield from names_in(part, f"{prefix}{name}.")
    elif isinstance(value, list):
        for part in value:
            yield from names_in(part, prefix)


def recorded_answer(method: str) -> Any:
    return json.loads((SHAPES / "api" / f"{method}.json").read_text())


def busy(slack: SlackPeer) -> SlackPeer:
    """Let everything happen that the tests let happen."""
    root = slack.post("question <@U0000ANN>", client_msg_id="c-1")["ts"]
    slack.post("answer", root=root)
    slack.post("for all", root=root, subtype="thread_broadcast")
    slack.edit(slack.post("edted")["ts"], "edited")
    slack.post("monitor", bot_id="B0000MON", app_id="A0000MON", subtype="bot_message")
    slack.add_channel("D0000ANN", "", is_im=True)
    return slack


def asked(slack: SlackPeer, method: str, **given: str) -> dict[str, Any]:
    """Return what a method answers to any client."""
    verb = DESCRIPTION[method]["verb"]
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/x-www-form-urlencoded"}
    with open_client(connection_to(slack).policy) as client:
        content = urlencode(given) if verb == "POST" else None
        params = given if verb == "GET" else None
        answer = client.request(verb, f"{slack.address}/api/{method}", params=params, content=content, headers=headers)
    found: dict[str, Any] = json.loads(answer.content)
    return found


class TestAnswers:
    @pytest.mark.parametrize("method", METHODS)
    def test_have_no_field_that_slack_does_not_have(self, slack: SlackPeer, method: str) -> None:
        busy(slack)
        root = next(iter(slack.channels[SUPPORT].messages))
        given = {"channel": SUPPORT, "ts": root, "user": "U0000ANN", "types": "public_channel,im"}
        answer = asked(slack, method, **{n: v for n, v in given.items() if n in DESCRIPTION[method]["parameters"]})
        assert answer["ok"] is True
        # The recorded threads hold few kinds of messages; those of history are of the same kind.
        sources = METHODS[1:4:2] if method in METHODS[1:4:2] else (method,)
        recorded = {name for source in sources for name in names_in(recorded_answer(source))}
        recorded |= {"has_more", "response_metadata", "response_metadata.next_cursor"}
        assert set(names_in(answer)) - recorded == set()

    @pytest.mark.parametrize(
        ("make", "name"),
        [(posted, "MessagePayload"), (changed, "MessageChangedPayload"), (deleted, "MessageDeletedPayload")],
        ids=["posted", "changed", "deleted"],
    )
    def test_of_pushes_have_no_field_that_slack_does_not_have(self, slack: SlackPeer, make: Any, name: str) -> None:
        event = make(slack.post("x"))
        recorded = set(names_in(json.loads((SHAPES / "events" / f"{name}.json").read_text())))
        assert set(names_in(event)) - recorded <= {"event.event_ts", "event.channel_type"}


class TestRequests:
    def test_of_all_that_a_connector_does_are_as_slack_describes_them(self, slack: SlackPeer) -> None:
        busy(slack)
        slack.page_cap = 2
        connector = connector_to(slack, direct_messages=True)
        keys = {item.native_id for item in read(slack, direct_messages=True) if hasattr(item, "payload")}
        list(connector.census(Window()))
        list(connector.fetch(keys))
        connector.check()
        assert slack.wrong == []
        assert {method for method, _ in slack.calls} >= set(METHODS) - {"users.info"}

    @pytest.mark.parametrize(
        ("method", "given"),
        [
            ("conversations.history", {"channel": SUPPORT, "before": "1"}),
            ("conversations.history", {"channel": SUPPORT, "limit": "1000"}),
            ("conversations.history", {"channel": SUPPORT, "oldest": "yesterday"}),
            ("conversations.replies", {"channel": SUPPORT, "ts": "1767600030.0", "inclusive": "1"}),
            ("users.list", {"presence": "true"}),
        ],
    )
    def test_that_slack_does_not_describe_are_refused(
        self, slack: SlackPeer, method: str, given: dict[str, str]
    ) -> None:
        assert asked(slack, method, **given) == {"ok": False, "error": "invalid_arguments"}
        assert len(slack.wrong) == 1
        slack.wrong.clear()
