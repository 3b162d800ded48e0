"""How far a workspace has been read: about 200 bytes for each channel, whatever is in it.

A history is read from its newest message down, so that a channel has two watermarks: `high`, up to which all is read,
and `low` of the walk `back`, from which on it is. A walk that is in the middle of a thread says where.
Late replies and edits are found by walks over messages that were read before, the older the less often (`TIERS`).
Each remembers only when it last began: what changed since tells its own time (`latest_reply`, `edited`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from opsintel.connectors.contract import Cursor
from opsintel.connectors.slack.times import is_ts

DAY = 86_400
TIERS = ((30 * DAY, 0), (90 * DAY, DAY), (365 * DAY, 7 * DAY), (None, 30 * DAY))
"""Ages of messages in seconds up to which a walk goes (None: all), and the seconds between two such walks.

The first is walked as often as the configuration says. A walk begins where the one before it ends.
"""
UNLISTED_SLOWER = 7
"""Times as long between walks over old messages for apps that are held to a request a minute."""

BACK, NEW = "back", "new"
WALKS = (NEW, *(str(number) for number in range(len(TIERS))), BACK)
GONE_KEPT = 100
"""Deleted roots of threads that are remembered of a channel; an older one is told again, to no effect."""


@dataclass
class Walk:
    """A stretch of a channel's history that is read from its newest message down."""

    oldest: str = ""
    """Where it ends; that `ts` is not in it. '' is the beginning of the channel."""
    low: str = ""
    """From here on it has been read; '' before its first message."""
    top: str = ""
    """The newest message that it saw."""
    since: str = ""
    """Only what changed after this is taken; '' takes everything."""
    began: str = ""
    """Slack's time when it began."""
    thread: tuple[str, str] | None = None
    """The root of a thread that is being read, and the last reply that was."""


@dataclass
class ChannelState:
    """How far one channel has been read."""

    high: str = ""
    floor: str = ""
    """The start that the filter set when `back` was last begun: what is older was not wanted."""
    marks: dict[str, str] = field(default_factory=dict)
    """When the walks over older messages last began, by number."""
    walks: dict[str, Walk] = field(default_factory=dict)
    """Walks that are not finished."""
    gone: list[str] = field(default_factory=list)


def states_of(cursor: Cursor | None) -> dict[str, ChannelState]:
    """Return the state of each channel that a cursor holds; what is not ours in it counts for nothing."""
    channels = (cursor or {}).get("channels")
    if not isinstance(channels, Mapping):
        return {}
    return {str(name): _state(value) for name, value in channels.items() if isinstance(value, Mapping)}


def cursor_of(states: Mapping[str, ChannelState]) -> Cursor:
    """Return the cursor that holds the state of all channels."""
    return {"channels": {name: _written(state) for name, state in sorted(states.items())}}


def _state(value: Mapping[str, Any]) -> ChannelState:
    marks, walks, gone = value.get("marks"), value.get("walks"), value.get("gone")
    return ChannelState(
        high=_ts(value.get("high")),
        floor=_ts(value.get("floor")),
        marks={name: at for name, at in _items(marks) if name in WALKS and is_ts(at)},
        walks={name: _walk(walk) for name, walk in _items(walks) if name in WALKS and isinstance(walk, Mapping)},
        gone=[ts for ts in gone if is_ts(ts)][-GONE_KEPT:] if isinstance(gone, list) else [],
    )


def _walk(value: Mapping[str, Any]) -> Walk:
    thread = value.get("thread")
    is_thread = isinstance(thread, list) and len(thread) == 2 and is_ts(thread[0])
    names = ("oldest", "low", "top", "since", "began")
    return Walk(
        **{name: _ts(value.get(name)) for name in names},
        thread=(thread[0], _ts(thread[1])) if isinstance(thread, list) and is_thread else None,
    )


def _written(state: ChannelState) -> dict[str, Any]:
    walks = {name: _without_empty(vars(walk)) for name, walk in state.walks.items()}
    for walk in walks.values():
        if "thread" in walk:
            walk["thread"] = list(walk["thread"])
    # A cursor is kept while the state moves on: it shares nothing with it.
    return _without_empty({**vars(state), "marks": dict(state.marks), "walks": walks, "gone": list(state.gone)})


def _without_empty(value: Mapping[str, Any]) -> dict[str, Any]:
    return {name: part for name, part in value.items() if part}


def _items(value: Any) -> list[tuple[str, Any]]:
    return [(str(name), part) for name, part in value.items()] if isinstance(value, Mapping) else []


def _ts(value: Any) -> str:
    return value if is_ts(value) else ""
