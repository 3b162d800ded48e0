"""Which messages of a conversation are wanted: between the filter's ends, by the policy for bots."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from opsintel.connectors.contract import Window
from opsintel.connectors.slack.manifest import SlackConfig
from opsintel.connectors.slack.times import at_moment, is_ts, just_after, latest, order


@dataclass(frozen=True)
class Selection:
    """Messages from `floor` on and before `ceiling`; '' is open."""

    config: SlackConfig
    floor: str = ""
    ceiling: str = ""

    @classmethod
    def of(cls, config: SlackConfig, pushed: Mapping[str, Any], until: datetime | None = None) -> Selection:
        """Return what a plan pushes down (`oldest` and `latest`, both inclusive), and what lies before a moment."""
        floor, last = pushed.get("oldest"), pushed.get("latest")
        ends = [just_after(last)] if isinstance(last, str) and is_ts(last) else []
        if until is not None:
            ends.append(at_moment(until))
        return cls(config, floor if isinstance(floor, str) and is_ts(floor) else "", min(ends, key=order, default=""))

    def within(self, window: Window) -> Selection:
        """Return what of it lies in a window."""
        floor = latest(self.floor, at_moment(window.start) if window.start else "")
        ends = [end for end in (self.ceiling, at_moment(window.end) if window.end else "") if end]
        return Selection(self.config, floor, min(ends, key=order, default=""))

    def is_within(self, ts: str) -> bool:
        """Tell whether a message of this `ts` can be wanted."""
        return order(self.floor) <= order(ts) and (not self.ceiling or order(ts) < order(self.ceiling))

    def takes(self, message: Mapping[str, Any], users: Mapping[str, Mapping[str, Any]]) -> bool:
        """Tell whether a message is wanted as far as its author goes."""
        user = users.get(str(message.get("user")), {})
        is_bot = bool(message.get("bot_id")) or message.get("subtype") == "bot_message" or user.get("is_bot") is True
        if not is_bot:
            return True
        authors = {message.get("bot_id"), message.get("app_id"), message.get("user")}
        is_exception = bool(authors & set(self.config.bots_except))
        return (self.config.bots == "keep") is not is_exception
