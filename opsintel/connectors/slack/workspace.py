"""One reading of a workspace: new messages of all channels, then late replies and edits, then what is old."""

from __future__ import annotations

from collections.abc import Iterator

from opsintel.connectors.contract import Checkpoint, Failure, ReadItem
from opsintel.connectors.files.text import bounded
from opsintel.connectors.slack.client import SlackClient
from opsintel.connectors.slack.cursor import (
    BACK,
    NEW,
    TIERS,
    UNLISTED_SLOWER,
    ChannelState,
    Walk,
    cursor_of,
)
from opsintel.connectors.slack.directory import Channels, Users
from opsintel.connectors.slack.faults import SkippedError
from opsintel.connectors.slack.manifest import MINUTES_BETWEEN_RESCANS, AppKind, SlackConfig
from opsintel.connectors.slack.selection import Selection
from opsintel.connectors.slack.times import at_seconds, just_after, just_before, latest, order, seconds_of
from opsintel.connectors.slack.walk import Reader

FRESH_SECONDS = 600
"""A long walk over old messages looks for new ones in between, this often."""
OVERLAP_SECONDS = 5
"""Slack's clocks may differ by so much; what changed within it is taken twice, to no effect."""
CHANNELS_KEPT = 2_000
"""States that a cursor holds at most, unless there are more channels: those that are gone are forgotten then."""
_DAY_OF_MINUTES = 60 * 24


class Workspace:
    """Reads all channels on from their states, which are the cursor."""

    def __init__(
        self,
        client: SlackClient,
        channels: Channels,
        users: Users,
        selection: Selection,
        states: dict[str, ChannelState],
    ) -> None:
        self._client, self._users, self._selection = client, users, selection
        self._states, self._listing = states, channels
        self._channels: dict[str, Reader] = {}
        self._kept = cursor_of(states)
        self._looked_at = 0.0
        self._high: dict[str, str] = {}
        self._began: dict[str, str] = {}

    def read(self) -> Iterator[ReadItem]:
        """Yield items and checkpoints. A channel that cannot be read is a failure; its state stays as it is."""
        self._client.identity()
        for channel in self._listing.read():
            self._channels[channel["id"]] = Reader(self._client, channel, self._listing, self._users, self._selection)
            self._begin(channel["id"])
        yield from self._closed()
        yield from self._recent()
        for channel_id in self._channels:
            for item in self._walk(channel_id, BACK):
                yield item
                if isinstance(item, Checkpoint) and self._seconds() - self._looked_at >= FRESH_SECONDS:
                    yield from self._recent()
        if cursor_of(self._states) != self._kept:
            yield self._checkpoint()

    def _closed(self) -> Iterator[Failure]:
        """Yield the channels that were read and that the app was thrown out of, or that are gone."""
        lost = self._states.keys() - self._listing.listed
        for channel_id in sorted(lost | (self._states.keys() & set(self._listing.closed))):
            try:
                is_shut = self._listing.one(channel_id) is not None
            except SkippedError as error:
                yield _unread(channel_id, error)
                continue
            if is_shut and channel_id not in lost:
                yield _unread(channel_id, SkippedError("not_in_channel"))
        if len(self._states) > CHANNELS_KEPT:
            for channel_id in lost:
                del self._states[channel_id]

    def _recent(self) -> Iterator[ReadItem]:
        """Yield new messages of all channels, then late replies and edits where they are due."""
        self._looked_at = self._seconds()
        for channel_id in self._channels:
            state = self._states[channel_id]
            # What is read as new in a moment need not be looked through for changes as well; what changes after it was
            # read belongs to the next look, so that this one began before it.
            self._high[channel_id] = state.high
            self._began[channel_id] = state.walks[NEW].began if NEW in state.walks else self._now()
        for channel_id in self._channels:
            yield from self._new(channel_id)
        for channel_id in self._channels:
            for number in range(len(TIERS)):
                yield from self._changed(channel_id, number)

    def _begin(self, channel_id: str) -> None:
        """Make sure that what was not read of a channel will be: all of it, or what an earlier filter left out."""
        state = self._states.setdefault(channel_id, ChannelState())
        back, floor = state.walks.get(BACK), self._selection.floor
        if back is None and not state.high:
            state.walks[BACK] = self._walk_begun(low=self._selection.ceiling)
        elif order(floor) < order(state.floor):
            # A walk that is under way has left out what lay before its floor.
            low = state.floor if back is None else latest(back.low, state.floor) if back.low else ""
            state.walks[BACK] = self._walk_begun(low=low)
        elif back is None:
            floor = state.floor
        state.floor = floor
        for number in range(len(TIERS)):
            state.marks.setdefault(str(number), self._now())

    def _new(self, channel_id: str) -> Iterator[ReadItem]:
        """Yield what was written since `high`."""
        state, ceiling = self._states[channel_id], self._selection.ceiling
        is_over = bool(ceiling) and order(ceiling) <= order(just_after(state.high))
        if state.high and not (is_over and NEW not in state.walks):
            state.walks.setdefault(NEW, self._walk_begun(oldest=state.high, low=ceiling))
            yield from self._walk(channel_id, NEW)

    def _changed(self, channel_id: str, number: int) -> Iterator[ReadItem]:
        """Yield what changed of the messages of an age, if it is time to look."""
        state, name = self._states[channel_id], str(number)
        since = state.marks[name]
        if name not in state.walks:
            if not self._high[channel_id] or self._seconds() - seconds_of(since) < self._interval(number):
                return
            bottom, top = self._bottom(state, number, since), self._top(channel_id, number)
            began = self._began[channel_id]
            if order(bottom) >= order(top):
                state.marks[name] = began
                return
            state.walks[name] = Walk(oldest=bottom, low=top, since=since, began=began)
        yield from self._walk(channel_id, name)

    def _walk(self, channel_id: str, name: str) -> Iterator[ReadItem]:
        """Yield what a walk that was begun finds, and a checkpoint behind it if it found anything."""
        state = self._states[channel_id]
        walk = state.walks.get(name)
        if walk is None:
            return
        has_found = False
        try:
            for item in self._channels[channel_id].walk(walk, state, self._checkpoint):
                has_found = has_found or not isinstance(item, Checkpoint)
                if name == BACK and not state.high:
                    state.high = walk.top
                yield item
        except SkippedError as error:
            yield _unread(channel_id, error)
            return
        del state.walks[name]
        if name in (NEW, BACK):
            state.high = latest(state.high, walk.top) or walk.began
        else:
            state.marks[name] = walk.began
        if has_found:
            yield self._checkpoint()

    def _bottom(self, state: ChannelState, number: int, since: str) -> str:
        """Return where a walk ends: at the age its predecessor would have, so that none grows old in between."""
        age = TIERS[number][0]
        bottom = at_seconds(seconds_of(since) - age) if age else ""
        unread = state.walks.get(BACK)
        return latest(bottom, just_before(unread.low) if unread and unread.low else "")

    def _top(self, channel_id: str, number: int) -> str:
        """Return where a walk begins: at the newest message that was read, or the age where the one before it ends."""
        newer = TIERS[number - 1][0] if number else None
        return just_after(self._high[channel_id]) if newer is None else at_seconds(self._seconds() - newer)

    def _interval(self, number: int) -> float:
        config, is_held = self._selection.config, self._selection.config.app is AppKind.UNLISTED
        if number == 0:
            return _first_interval(config)
        return TIERS[number][1] * (UNLISTED_SLOWER if is_held else 1)

    def _walk_begun(self, *, oldest: str = "", low: str = "") -> Walk:
        return Walk(oldest=oldest, low=low, began=self._now())

    def _seconds(self) -> float:
        return self._client.time.timestamp()

    def _now(self) -> str:
        return at_seconds(self._seconds() - OVERLAP_SECONDS)

    def _checkpoint(self) -> Checkpoint:
        self._kept = cursor_of(self._states)
        return Checkpoint(self._kept)


def _unread(channel_id: str, error: SkippedError) -> Failure:
    return Failure("channel", bounded(channel_id), error.line(), retryable=True)


def _first_interval(config: SlackConfig) -> float:
    minutes = config.rescan_minutes
    if minutes is None:
        minutes = _DAY_OF_MINUTES if config.app is AppKind.UNLISTED else MINUTES_BETWEEN_RESCANS
    return minutes * 60.0
