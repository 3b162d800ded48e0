"""What Slack says went wrong, and who can do something about it.

Slack answers most errors with HTTP 200 and `"ok": false` (docs.slack.dev/reference/methods, "Errors" of each method).
An error that this list does not know may pass: only what it knows to be final switches a source off.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opsintel.errors import CredentialError, InputError, ItemError, OpsintelError, UnavailableError

_AGAIN = "Authorise the source again"
_FATAL = {
    "invalid_auth": _AGAIN,
    "not_authed": _AGAIN,
    "token_revoked": _AGAIN,
    "token_expired": _AGAIN,
    "account_inactive": "The account or the app was removed from the workspace: install the app again",
    "org_login_required": "The workspace is moving to an organization: authorise the source again afterwards",
    "no_permission": "Install the app again with the scopes it asks for",
    "not_allowed_token_type": "Use a bot's token (xoxb-…) or a person's (xoxp-…); an app-level one for Socket Mode",
    "invalid_app_id": "Check the app that the token belongs to",
    "access_denied": "Ask an owner of the workspace to allow the app",
    "accesslimited": "The workspace allows the app from some addresses only: add this installation's",
    "team_access_not_granted": "Ask an owner of the organization to give the app access to the workspace",
    "enterprise_is_restricted": "Ask an owner of the organization to allow the app",
    "two_factor_setup_required": "The account has to set up its second factor first",
    "ekm_access_denied": "Ask an owner of the workspace: its keys are withdrawn",
    "team_not_found": _AGAIN,
    "forbidden_team": "The workspace cannot use this: check the app's level token",
}
EXPIRED = frozenset({"token_expired", "invalid_auth"})
"""What a token that ended is refused with; where there is a refresh token it is renewed."""

SKIPPED = {
    "not_in_channel": "the app is no member of the channel",
    "is_archived": "the channel is archived",
    "channel_not_found": "the channel is gone, or not for the app to see",
    "method_not_supported_for_channel_type": "a conversation of this kind is not read",
    "channel_is_limited_access": "the channel is not for the app to read",
    "thread_not_found": "the message is gone",
    "message_not_found": "the message is gone",
    "user_not_found": "the user is gone",
    "user_not_visible": "the user is not for the app to see",
}
"""What concerns one conversation, message or user only."""

GONE = frozenset({"thread_not_found", "message_not_found"})
BUSY = frozenset({"ratelimited", "rate_limited", "rate_limited_user"})
_WRONG = "invalid_", "missing_argument", "unknown_method"
_INVITE = "Invite the app to the channel"


class SkippedError(ItemError):
    """Slack refuses one conversation, message or user; `reason` is Slack's own word for why."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"{SKIPPED[reason]} ({reason})", remedy=_INVITE if reason == "not_in_channel" else "")
        self.reason = reason


def reason_of(data: Any) -> str:
    """Return Slack's word for an error, '' where there is none that can be shown."""
    reason = data.get("error") if isinstance(data, Mapping) else None
    return reason if isinstance(reason, str) and reason.isascii() and reason.isprintable() else ""


def fault_of(data: Any, status: int) -> OpsintelError:
    """Return the error that an answer without `"ok": true` is."""
    reason = reason_of(data)
    if reason == "missing_scope":
        return CredentialError(
            f"The token lacks the scope {_listed(data, 'needed')}", remedy="Add it to the app and install it again"
        )
    if reason in _FATAL:
        return CredentialError(f"Slack refuses the token: {reason}", remedy=_FATAL[reason])
    if reason in SKIPPED:
        return SkippedError(reason)
    if reason.startswith(_WRONG):
        return InputError(f"Slack does not take the request: {reason}", remedy="Report this: it is a fault of ours")
    if not reason and status == 404:
        return InputError("There is no Slack at the address (status 404)", remedy="Check the address of Slack")
    told = reason or f"status {status}"
    return UnavailableError(f"Slack answers with {told}", remedy="It is tried again later")


def _listed(data: Any, name: str) -> str:
    value = data.get(name)
    shown = isinstance(value, str) and value.isascii() and value.isprintable()
    return value if shown and value else "that this needs"
