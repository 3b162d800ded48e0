"""How many requests Slack grants, and how many messages of a page.

By method, app and workspace: docs.slack.dev/apis/web-api/rate-limits (tiers 2 to 4), and its change of 29 May 2025 for
apps that are distributed outside the marketplace.
"""

from __future__ import annotations

from opsintel.connectors.slack.manifest import AppKind
from opsintel.coordination.contract import Limit

LIST_LIMIT = 999
"""Users, channels or messages of a page at most; Slack takes less than 1,000."""
UNLISTED_LIMIT = 15
"""Messages of a page, for apps that are distributed and not in the marketplace."""

_PER_MINUTE = {
    "conversations.list": 20,
    "conversations.info": 50,
    "conversations.history": 50,
    "conversations.replies": 50,
    "users.list": 20,
    "users.info": 100,
    "team.info": 50,
    "auth.test": 100,
    "apps.connections.open": 50,
}
"""Requests that Slack grants, by method, app and workspace (docs.slack.dev/apis/web-api/rate-limits, tiers 2 to 4)."""
_HELD = frozenset({"conversations.history", "conversations.replies"})


def limit_of(method: str, app: AppKind) -> Limit:
    """Return a method's limit: in no minute are there more requests than Slack grants, in the long run 95 % of them."""
    granted = 1 if app is AppKind.UNLISTED and method in _HELD else _PER_MINUTE[method]
    burst = max(1, granted // 25)
    steady = granted - burst if burst > 1 else granted
    return Limit(steady / 60, burst)


def page_limit(app: AppKind) -> int:
    """Return how many messages a page may have."""
    return UNLISTED_LIMIT if app is AppKind.UNLISTED else LIST_LIMIT
