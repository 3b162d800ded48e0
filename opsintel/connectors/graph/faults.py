"""What Graph's refusals mean (learn.microsoft.com/graph/errors): whom they concern, and what a person can do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opsintel.errors import CredentialError, InputError, NotFoundError, OpsintelError, UnavailableError

_NO_MAILBOX = frozenset(
    ("MailboxNotEnabledForRESTAPI", "MailboxNotSupportedForRESTAPI", "MailboxInfoStale", "ErrorMailboxMoveInProgress")
    + ("ErrorNonExistentMailbox", "ErrorInvalidUser", "Request_ResourceNotFound", "ResourceNotFound")
)
_LOST_STATE = frozenset(
    ("syncStateNotFound", "SyncStateNotFound", "syncStateInvalid", "SyncStateInvalid", "resyncRequired")
)
_MESSAGE_LIMIT = 300
_TOO_MANY, _GONE = 429, 410


class MailboxDisabledError(InputError):
    """The mailbox has no Exchange Online licence, is disabled, or does not exist."""

    code = "mailbox_disabled"


class StateLostError(OpsintelError):
    """Graph no longer knows the state that a delta stands at: it is begun again."""

    code = "state_lost"


def is_passing(status: int) -> bool:
    """Tell whether an answer is for now only."""
    return status == _TOO_MANY or status >= 500


def refusal(status: int, content: Any) -> OpsintelError:
    """Return what a refusal means for the whole source."""
    error = content.get("error") if isinstance(content, Mapping) else None
    error = error if isinstance(error, Mapping) else {}
    code, told = str(error.get("code", "")), str(error.get("message", ""))[:_MESSAGE_LIMIT]
    if status == _GONE or code in _LOST_STATE:
        return StateLostError("Graph has dropped the state of a folder")
    if is_passing(status):
        return UnavailableError(f"Graph answers with status {status}", remedy="It is tried again later")
    if code in _NO_MAILBOX:
        return MailboxDisabledError(
            f"There is no mailbox that Graph can read: {told or code}",
            remedy="Give its user a licence with Exchange Online, or remove the source",
        )
    if status == 403:
        return CredentialError(
            f"The permission Mail.Read is missing ({code or status})",
            remedy="Authorise the source again and allow it; an administrator may have to consent",
        )
    if status == 401:
        return CredentialError("Graph refuses the credential", remedy="Authorise the source again")
    if status == 404:
        return NotFoundError(told or "Graph knows nothing of it")
    return InputError(f"Graph refuses the request: {told or code or status}", remedy="Check the filter and settings")
