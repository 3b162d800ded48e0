"""Who and what messages name: users and channels, looked up once in a run and only when something names them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from opsintel.connectors.files.text import plain, to_json
from opsintel.connectors.slack.client import SlackClient
from opsintel.connectors.slack.faults import SkippedError
from opsintel.connectors.slack.manifest import SlackConfig
from opsintel.connectors.slack.parse import Directory, channel_of, channels_named, first_text, users_of
from opsintel.filters.narrowing import is_in

LISTED_PAGES = 5
"""Pages of users that are listed (4,995 people and bots); whoever comes later is looked up by id."""
_NAMED = re.compile(rb'"(?:user|user_id)":"([UW][A-Z0-9]+)"|<@([UW][A-Z0-9]+)')


class Users:
    """The people and bots that messages name."""

    def __init__(self, client: SlackClient) -> None:
        self._client = client
        self._known: dict[str, dict[str, Any]] = {}
        self._unknown: set[str] = set()
        self._is_listed = False

    def of(self, message: Mapping[str, Any]) -> Directory:
        """Return what is known of users, among them all that a message names."""
        named = {(user or mentioned).decode() for user, mentioned in _NAMED.findall(to_json(message))}
        if named - self._known.keys() and not self._is_listed:
            self._list()
        for user_id in sorted(named - self._known.keys() - self._unknown):
            self._look_up(user_id)
        return self._known

    def _list(self) -> None:
        self._is_listed = True
        for number, page in enumerate(self._client.users(), start=1):
            self._known |= users_of(page)
            if number == LISTED_PAGES:
                break

    def _look_up(self, user_id: str) -> None:
        try:
            found = users_of([self._client.user(user_id)])
        except SkippedError:
            found = {}
        self._known |= found
        if user_id not in found:
            self._unknown.add(user_id)


class Channels:
    """The conversations that are read: those that the configuration and the filter name."""

    def __init__(self, client: SlackClient, config: SlackConfig, places: list[str] | None) -> None:
        self._client, self._config, self._places = client, config, places
        self._known: dict[str, dict[str, Any] | None] = {}
        self._names: dict[str, str] = {}
        self.listed: set[str] = set()
        """Ids of all conversations that were listed, whether they are read or not."""
        self.closed: list[str] = []
        """Ids of those that are to be read and have no member in the app."""

    def read(self) -> Iterator[dict[str, Any]]:
        """Yield the conversations to read, as a message's payload shows them."""
        for listed in self._client.channels(direct=self._config.direct_messages):
            self.listed.add(str(listed.get("id")))
            self._name(listed)
            if not self._is_wanted(listed):
                continue
            if _is_open(listed):
                yield _shown(listed)
            elif listed.get("is_archived") is not True:
                self.closed.append(listed["id"])

    def one(self, channel_id: str) -> dict[str, Any] | None:
        """Return one conversation if it is to be read; raises `SkippedError` for one that cannot be."""
        if channel_id not in self._known:
            found = self._client.channel(channel_id)
            self._name(found)
            self._known[channel_id] = _shown(found) if self._is_wanted(found) else None
        return self._known[channel_id]

    def names(self, message: Mapping[str, Any]) -> Mapping[str, str]:
        """Return the names of channels by id, among them those that a message names, as far as the app can see them."""
        for channel_id in sorted(channels_named(message) - self._names.keys()):
            self._names[channel_id] = ""
            with suppress(SkippedError):
                self._name(self._client.channel(channel_id))
        return self._names

    def _name(self, channel: Mapping[str, Any]) -> None:
        if isinstance(channel.get("id"), str):
            self._names[channel["id"]] = first_text(channel.get("name"))

    def unread(self) -> list[str]:
        """Return what the configuration names and the app is no member of, or what does not exist."""
        listed = list(self._client.channels(direct=self._config.direct_messages))
        opened = {key for channel in listed if _is_open(channel) for key in _keys(channel)}
        return [name for name in self._config.channels if name.removeprefix("#") not in opened]

    def _is_wanted(self, channel: Mapping[str, Any]) -> bool:
        if not isinstance(channel.get("id"), str):
            return False
        if not self._config.direct_messages and (channel.get("is_im") or channel.get("is_mpim")):
            return False
        named = {name.removeprefix("#") for name in self._config.channels}
        if named and not named & _keys(channel):
            return False
        return is_in(self._places, _shown(channel)["name"])


def _keys(channel: Mapping[str, Any]) -> set[str]:
    return {str(channel.get(name)) for name in ("id", "name", "name_normalized") if channel.get(name)}


def _is_open(channel: Mapping[str, Any]) -> bool:
    """Tell whether the app is a member; direct conversations that are listed are its own."""
    return channel.get("is_member") is True or channel.get("is_im") is True or channel.get("is_mpim") is True


def _shown(channel: Mapping[str, Any]) -> dict[str, Any]:
    """Return a conversation as an export shows it."""
    is_direct = channel.get("is_im") is True or channel.get("is_mpim") is True
    return channel_of(
        {**channel, "id": plain(channel["id"])},
        is_private=is_direct or channel.get("is_private") is True,
        is_im=channel.get("is_im") is True,
        is_mpim=channel.get("is_mpim") is True,
    )
