"""A Slack workspace for tests: channels, threads, people. It answers in Slack's shapes, within Slack's limits.

Each request is checked against Slack's published description of its method (slack_methods.json, which names its
source); answers are compared with recorded ones by tests/connectors/slack/test_peer.py. Time stands still but for what
happens: every change and every request moves it on.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from tests.peers.provider import Asked, ProviderPeer, Told
from tests.peers.slack_shapes import (
    FORMS,
    START,
    Channel,
    Message,
    channel_shape,
    is_between,
    is_in_history,
    page_of,
    type_of,
)

DESCRIPTION: dict[str, Any] = json.loads((Path(__file__).parent / "slack_methods.json").read_text())["methods"]
TOKEN, SIGNING_SECRET, APP_TOKEN = "xoxb-of-the-tests", "8f742231b10e8888abcd99yyyzzz85a5", "xapp-of-the-tests"
TEAM, BOT = "T0000TEAM", "B0000APP"
SCOPES = ("channels:history", "channels:read", "groups:history", "groups:read", "im:history", "im:read", "mpim:history",
          "mpim:read", "team:read", "users:read", "users:read.email")  # fmt: skip


def refusal(reason: str) -> Told:
    """Return an error in an answer with status 200."""
    return Told(200, {"ok": False, "error": reason})


class SlackPeer(ProviderPeer):
    """The state behind the server, and what was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = float(START)
        self.channels: dict[str, Channel] = {}
        self.users: dict[str, dict[str, Any]] = {}
        self.token, self.scopes = TOKEN, SCOPES
        self.tokens: dict[str, str] = {}
        """Access tokens by the refresh token that they are given for."""
        self.refusal = ""
        """What every request with a token is refused with."""
        self.page_cap = 999
        self.request_seconds = 1.0
        self.is_shuffled = False
        self.calls: list[tuple[str, dict[str, str]]] = []
        self.spoil: Iterator[Told | None] = iter(())
        """Answers to the requests that follow, one after another; None is answered well."""
        self.granted: dict[str, int] = {}
        """Requests a minute by method, where the limits are kept; {} keeps none."""
        self.times: dict[str, deque[float]] = {}
        self.refused_by_limit = 0
        self.socket_url = ""
        self.add_user("U0000ANN", "ann", email="ann@example.org")
        self.add_channel("C0000SUP", "support")

    def tick(self, seconds: float = 60) -> None:
        """Let time pass."""
        self.clock += seconds

    def ts(self) -> str:
        """Return the `ts` of this moment."""
        return f"{self.clock:.6f}"

    def add_user(self, user_id: str, name: str, *, email: str = "", **fields: Any) -> None:
        """Add somebody to the workspace."""
        profile = {"real_name": name.title(), "display_name": name, "email": email}
        self.users[user_id] = {"id": user_id, "team_id": TEAM, "name": name, "deleted": False, "is_bot": False,
                               "real_name": name.title(), "profile": profile, **fields}  # fmt: skip

    def add_channel(self, channel_id: str, name: str, **fields: Any) -> Channel:
        """Add a conversation."""
        self.channels[channel_id] = Channel(channel_id, name, **fields)
        return self.channels[channel_id]

    def post(self, text: str, channel: str = "C0000SUP", root: str = "", **fields: Any) -> Message:
        """Write a message, or a reply to a root; returns it as Slack keeps it."""
        self.tick(30)
        messages = self.channels[channel].messages
        ts = self.ts()
        message: Message = {"type": "message", "user": "U0000ANN", "text": text, "ts": ts, "team": TEAM, **fields}
        if root:
            message["thread_ts"] = root
            above = messages[root]
            message["parent_user_id"] = above.get("user", "")
            replies = [m for m in messages.values() if m.get("thread_ts") == root and m["ts"] != root]
            above |= {"thread_ts": root, "reply_count": len(replies) + 1, "latest_reply": ts, "subscribed": False,
                      "reply_users_count": 1, "reply_users": [message["user"]], "is_locked": False}  # fmt: skip
        messages[ts] = message
        self.tick(30)
        return message

    def edit(self, ts: str, text: str, channel: str = "C0000SUP") -> Message:
        """Change a message's text as its author does."""
        self.tick(30)
        message = self.channels[channel].messages[ts]
        message |= {"text": text, "edited": {"user": message["user"], "ts": self.ts()}}
        self.tick(30)
        return message

    def delete(self, ts: str, channel: str = "C0000SUP") -> Message:
        """Delete a message: a root with replies leaves a tombstone; returns what it was."""
        messages = self.channels[channel].messages
        gone = messages[ts]
        if gone.get("reply_count"):
            kept = {name: gone[name] for name in ("ts", "thread_ts", "reply_count", "latest_reply", "reply_users",
                                                  "reply_users_count", "subscribed", "is_locked")}  # fmt: skip
            messages[ts] = {"type": "message", "subtype": "tombstone", "hidden": True, "user": "USLACKBOT",
                            "text": "This message was deleted.", **kept}  # fmt: skip
        else:
            del messages[ts]
        self.tick()
        return gone

    def count(self, method: str) -> int:
        """Return how often a method was asked for."""
        return sum(name == method for name, _ in self.calls)

    def moment(self) -> datetime:
        """Return the time by Slack's clock."""
        return datetime.fromtimestamp(self.clock, UTC)

    def answer(self, asked: Asked) -> Told:
        """Return what Slack answers to a request, unless it is told otherwise or the limit is passed."""
        method = asked.path.removeprefix("/api/")
        given = dict(parse_qsl(asked.body.decode())) if asked.method == "POST" else dict(asked.query)
        self.calls.append((method, given))
        if DESCRIPTION.get(method, {}).get("verb") != asked.method:
            self.wrong.append(f"{asked.method} {method}")
        spoiled = next(self.spoil, None)
        if spoiled is not None:
            return spoiled
        if self._is_over_limit(method):
            return Told(429, {"ok": False, "error": "ratelimited"}, {"Retry-After": "30"})
        self.tick(self.request_seconds)
        token = asked.headers.get("authorization", "").removeprefix("Bearer ")
        return Told(200, self._answer(method, given, token), {"X-OAuth-Scopes": ",".join(self.scopes)})

    def _answer(self, method: str, given: dict[str, str], token: str) -> dict[str, Any]:
        refused = self._refusal(method, given, token)
        if refused:
            return {"ok": False, **refused}
        if method == "oauth.v2.access":
            return self._refreshed(given)
        found: dict[str, Any] = getattr(self, "_" + method.replace(".", "_"))(given)
        return {"ok": "error" not in found, **found}

    def _is_over_limit(self, method: str) -> bool:
        granted = self.granted.get(method)
        if granted is None:
            return False
        times = self.times.setdefault(method, deque())
        while times and times[0] <= self.clock - 60:
            times.popleft()
        if len(times) >= granted:
            self.refused_by_limit += 1
            return True
        times.append(self.clock)
        return False

    def _refusal(self, method: str, given: dict[str, str], token: str) -> dict[str, Any]:
        described = DESCRIPTION.get(method)
        if described is None:
            return self._violated(f"{method} is not described", "unknown_method")
        for name, value in given.items():
            kind = described["parameters"].get(name)
            if kind is None or not re.fullmatch(FORMS[kind], value):
                return self._violated(f"{method} with {name}={value}", "invalid_arguments")
        if method == "oauth.v2.access":
            return {}
        wanted = APP_TOKEN if method == "apps.connections.open" else self.token
        if self.refusal or token != wanted:
            return {"error": self.refusal or "invalid_auth"}
        needed = [scope for scope in described["scopes"] if scope != "connections:write"]
        if needed and not set(needed) & set(self.scopes):
            return {"error": "missing_scope", "needed": needed[0], "provided": ",".join(self.scopes)}
        return {}

    def _violated(self, what: str, error: str) -> dict[str, Any]:
        self.wrong.append(what)
        return {"error": error}

    def _auth_test(self, given: dict[str, str]) -> dict[str, Any]:
        return {"url": f"{self.address}/", "team": "Acme", "user": "opsintel", "team_id": TEAM, "user_id": "U0000APP",
                "bot_id": BOT, "is_enterprise_install": False}  # fmt: skip

    def _team_info(self, given: dict[str, str]) -> dict[str, Any]:
        return {"team": {"id": TEAM, "name": "Acme", "domain": "acme", "email_domain": "example.org"}}

    def _conversations_list(self, given: dict[str, str]) -> dict[str, Any]:
        types = given.get("types", "public_channel").split(",")
        shown = [channel for channel in self.channels.values() if type_of(channel) in types]
        page, following = page_of([channel_shape(channel) for channel in shown], given, self.page_cap)
        return {"channels": page, "response_metadata": {"next_cursor": following}}

    def _conversations_info(self, given: dict[str, str]) -> dict[str, Any]:
        channel = self.channels.get(given["channel"])
        return {"error": "channel_not_found"} if channel is None else {"channel": channel_shape(channel)}

    def _users_list(self, given: dict[str, str]) -> dict[str, Any]:
        members = [user for user in self.users.values() if user["team_id"] == TEAM]
        page, following = page_of(members, given, self.page_cap)
        return {"members": page, "cache_ts": int(self.clock), "response_metadata": {"next_cursor": following}}

    def _users_info(self, given: dict[str, str]) -> dict[str, Any]:
        user = self.users.get(given["user"])
        return {"error": "user_not_found"} if user is None else {"user": user}

    def _conversations_history(self, given: dict[str, str]) -> dict[str, Any]:
        channel = self.channels.get(given["channel"])
        if channel is None or channel.refusal or not channel.is_member:
            return {"error": "channel_not_found" if channel is None else channel.refusal or "not_in_channel"}
        shown = [message for message in channel.messages.values() if is_in_history(message)]
        return self._messages(sorted(shown, key=lambda m: float(m["ts"]), reverse=True), given)

    def _conversations_replies(self, given: dict[str, str]) -> dict[str, Any]:
        channel = self.channels.get(given["channel"])
        if channel is None or channel.refusal or not channel.is_member:
            return {"error": "channel_not_found" if channel is None else channel.refusal or "not_in_channel"}
        asked = channel.messages.get(given["ts"])
        if asked is None:
            return {"error": "thread_not_found"}
        if asked.get("thread_ts", asked["ts"]) != asked["ts"]:
            return {"messages": [asked], "has_more": False}
        replies = [m for m in channel.messages.values() if m.get("thread_ts") == asked["ts"] and m is not asked]
        return self._messages(sorted(replies, key=lambda m: float(m["ts"])), given, first=[asked])

    def _apps_connections_open(self, given: dict[str, str]) -> dict[str, Any]:
        return {"url": self.socket_url}

    def _refreshed(self, given: dict[str, str]) -> dict[str, Any]:
        token = self.tokens.pop(given.get("refresh_token", ""), "")
        if not token:
            return {"ok": False, "error": "invalid_refresh_token"}
        self.token = token
        following = f"xoxe-{len(self.calls)}"
        self.tokens[following] = f"{token}+"
        return {"ok": True, "access_token": token, "refresh_token": following, "expires_in": 43200, "scope": "x",
                "token_type": "bot", "team": {"id": TEAM, "name": "Acme"}, "bot_user_id": "U0000APP"}  # fmt: skip

    def _messages(
        self, found: list[Message], given: dict[str, str], first: list[Message] | None = None
    ) -> dict[str, Any]:
        inside = [message for message in found if is_between(message["ts"], given)]
        page, following = page_of(inside, given, self.page_cap)
        if self.is_shuffled:
            page = page[1::2] + page[::2]
        shown = json.loads(json.dumps([*(first or []), *page]))
        more = {"response_metadata": {"next_cursor": following}} if following else {}
        return {"messages": shown, "has_more": bool(following), **more}
