"""What the normaliser is told about a tenant; it looks nothing up itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class SlackUser:
    """A member of a Slack workspace, as an export or `users.list` names them."""

    name: str
    email: str = ""
    is_bot: bool = False
    is_guest: bool = False


@dataclass(frozen=True, slots=True)
class NormalizeContext:
    """The tenant's own addresses and domains (lower case), the Slack maps, and the channel of the item."""

    own_addresses: frozenset[str] = frozenset()
    own_domains: frozenset[str] = frozenset()
    slack_users: Mapping[str, SlackUser] = field(default_factory=dict)
    slack_channels: Mapping[str, str] = field(default_factory=dict)
    channel: str = ""
    visibility_internal: bool = False
