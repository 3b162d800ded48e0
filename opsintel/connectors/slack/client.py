"""The methods of Slack's Web API that are read, within Slack's limits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from slack_sdk.errors import SlackApiError
from slack_sdk.web import SlackResponse

from opsintel.clock import now
from opsintel.closing import Closing
from opsintel.connectors.connection import Budget, Connection, Credential
from opsintel.connectors.http import TRIES, ProviderClient, pause_after
from opsintel.connectors.oauth import is_ending, refreshed
from opsintel.connectors.slack.faults import EXPIRED, fault_of, reason_of
from opsintel.connectors.slack.limits import LIST_LIMIT, limit_of, page_limit
from opsintel.connectors.slack.manifest import AppKind
from opsintel.connectors.slack.web import Web, is_busy
from opsintel.errors import UnavailableError

TITLE = "Slack"


@dataclass(frozen=True)
class Page:
    """Messages of a page, whether there are more, and where Slack would go on."""

    messages: list[Any]
    has_more: bool
    next_cursor: str


@dataclass
class Identity:
    """Who the token speaks for, and the scopes it was granted."""

    team: str
    who: str
    scopes: frozenset[str] = field(default_factory=frozenset)


class SlackClient(Closing):
    """The methods that are read, with Slack's errors told apart."""

    def __init__(self, connection: Connection, base_url: str, app: AppKind) -> None:
        self.connection = connection
        self._token_url = f"{base_url.rstrip('/')}/api/oauth.v2.access"
        self._provider = ProviderClient(
            connection,
            f"{base_url.rstrip('/')}/api",
            lambda credential: {"Authorization": f"Bearer {credential.get('access_token', '')}"},
            title=TITLE,
            exchange=self._renewed,
            is_stale=lambda credential: bool(credential.get("refresh_token")) and is_ending(credential),
            is_busy=is_busy,
        )
        self._app = app
        self._web = Web(self._provider, self._budget)
        self._identity: Identity | None = None
        self.page_limit = page_limit(app)

    def close(self) -> None:
        """Close the client."""
        self._provider.close()

    @property
    def time(self) -> datetime:
        """What Slack's clock said with its last answer, in whole seconds; ours before the first."""
        return self._web.time or now()

    def identity(self) -> Identity:
        """Return who the token speaks for; asked once."""
        if self._identity is None:
            answer = self._call(self._web.auth_test)
            granted = answer.headers.get("x-oauth-scopes", "")
            self._identity = Identity(
                str(answer.get("team_id") or ""),
                str(answer.get("bot_id") or answer.get("user_id") or ""),
                frozenset(scope.strip() for scope in granted.split(",") if scope.strip()),
            )
        return self._identity

    def team(self) -> dict[str, Any]:
        """Return what is told of the workspace: its name, domain and more."""
        team = self._call(self._web.team_info).get("team")
        return team if isinstance(team, dict) else {}

    def channels(self, *, direct: bool) -> Iterator[dict[str, Any]]:
        """Yield the conversations that the token can see, archived ones too."""
        types = ["public_channel", "private_channel", *(["mpim", "im"] if direct else [])]
        for page in self._pages(lambda at: self._web.conversations_list(types=types, limit=LIST_LIMIT, cursor=at)):
            yield from _dicts(page.get("channels"))

    def channel(self, channel_id: str) -> dict[str, Any]:
        """Return one conversation."""
        channel = self._call(lambda: self._web.conversations_info(channel=channel_id)).get("channel")
        return channel if isinstance(channel, dict) else {}

    def users(self) -> Iterator[list[dict[str, Any]]]:
        """Yield the people and bots of the workspace, a page at a time."""
        for page in self._pages(lambda at: self._web.users_list(limit=LIST_LIMIT, cursor=at)):
            yield _dicts(page.get("members"))

    def user(self, user_id: str) -> dict[str, Any]:
        """Return one person or bot; also those of other workspaces, which no list holds."""
        user = self._call(lambda: self._web.users_info(user=user_id)).get("user")
        return user if isinstance(user, dict) else {}

    def history(self, channel_id: str, oldest: str, latest: str, cursor: str = "") -> Page:
        """Return a page of messages between two `ts`, neither of which is in it; the newest come first."""
        return self._messages(
            lambda: self._web.conversations_history(
                channel=channel_id,
                oldest=oldest or None,
                latest=latest or None,
                limit=self.page_limit,
                cursor=cursor or None,
            )  # fmt: skip
        )

    def replies(self, channel_id: str, ts: str, oldest: str = "", cursor: str = "") -> Page:
        """Return a page of a thread behind a `ts`, the oldest first; its root always comes along."""
        return self._messages(
            lambda: self._web.conversations_replies(
                channel=channel_id, ts=ts, oldest=oldest or None, limit=self.page_limit, cursor=cursor or None
            )
        )

    def one(self, channel_id: str, ts: str, root: str = "") -> list[Any]:
        """Return what Slack shows for one message, a root or a reply."""
        page = self._messages(
            lambda: self._web.conversations_replies(
                channel=channel_id, ts=root or ts, oldest=ts, latest=ts, inclusive=True, limit=2
            )
        )
        return page.messages

    def socket_url(self, app_token: str) -> str:
        """Return the address of a new Socket Mode connection."""
        return str(self._call(lambda: self._web.apps_connections_open(app_token=app_token)).get("url") or "")

    def _messages(self, send: Callable[[], SlackResponse]) -> Page:
        answer = self._call(send)
        found = answer.get("messages")
        return Page(found if isinstance(found, list) else [], answer.get("has_more") is True, _next_cursor(answer))

    def _pages(self, send: Callable[[str | None], SlackResponse]) -> Iterator[SlackResponse]:
        at: str | None = None
        while at != "":
            answer = self._call(partial(send, at))
            yield answer
            at = _next_cursor(answer)

    def _call(self, send: Callable[[], SlackResponse]) -> SlackResponse:
        """Return Slack's answer; raises as `fault_of` says.

        A token that ended is renewed; after a passing fault the request is tried again.
        """
        is_renewed = False
        for tried in range(1, TRIES + 1):
            try:
                return send()
            except SlackApiError as error:
                fault = fault_of(error.response.data, error.response.status_code)
                is_ended = reason_of(error.response.data) in EXPIRED
                if is_ended and not is_renewed and self.connection.credential().get("refresh_token"):
                    self._provider.renew()
                    is_renewed = True
                elif isinstance(fault, UnavailableError) and tried < TRIES:
                    self.connection.wait(pause_after(tried))
                else:
                    raise fault from None
        raise UnavailableError("Slack refuses the token that was just renewed", remedy="It is tried again later")

    def _renewed(self, stale: Credential) -> Credential:
        return refreshed(self.connection, self._token_url, stale, title=TITLE)

    def _budget(self, method: str) -> Budget:
        of = f"{self._identity.team}/{self._identity.who}" if self._identity else ""
        return Budget(f"slack.{method}", limit_of(method, self._app), of)


def _next_cursor(answer: Mapping[str, Any] | SlackResponse) -> str:
    following = answer.get("response_metadata")
    cursor = following.get("next_cursor") if isinstance(following, Mapping) else None
    return cursor if isinstance(cursor, str) else ""


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
