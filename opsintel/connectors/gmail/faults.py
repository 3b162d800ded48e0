"""What Google's refusals mean: whom they concern, and what a person can do.

Reasons: developers.google.com/workspace/gmail/api/guides/handle-errors.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from googleapiclient.errors import HttpError

from opsintel.connectors.gmail.manifest import SCOPE
from opsintel.connectors.http import Answer
from opsintel.errors import CredentialError, InputError, NotFoundError, OpsintelError, UnavailableError

RATE_REASONS = frozenset(
    ("rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded", "dailyLimitExceeded", "concurrentLimitExceeded")
    + ("RATE_LIMIT_EXCEEDED", "RESOURCE_EXHAUSTED")
)
_SCOPE_REASONS = frozenset({"insufficientPermissions", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"})
_OFF_REASONS = frozenset({"accessNotConfigured", "SERVICE_DISABLED"})
_DISABLED = "failedPrecondition"
_MESSAGE_LIMIT = 300


class MailboxDisabledError(InputError):
    """The mailbox exists no longer, or has no Gmail: 400 with the reason failedPrecondition."""

    code = "mailbox_disabled"


def is_limit(status: int, body: bytes) -> bool:
    """Tell whether an answer says that too much was asked: 429, or 403 with a reason of usage limits."""
    return status == 429 or (status == 403 and not RATE_REASONS.isdisjoint(reasons(body)))


def is_busy(answer: Answer) -> bool:
    """Tell whether an answer asks to hold back; Gmail sends no Retry-After with its limits."""
    return answer.status == 503 or is_limit(answer.status, answer.body)


def reasons(body: bytes) -> frozenset[str]:
    """Return the reasons that an error names: of its `errors`, its `details`, and its status."""
    error = _error(body)
    parts = [part for name in ("errors", "details") for part in _list(error.get(name))]
    named = [error.get("status"), *(part.get("reason") for part in parts if isinstance(part, dict))]
    return frozenset(name for name in named if isinstance(name, str))


def translated(refused: HttpError) -> OpsintelError:
    """Return what a refusal means for the whole source."""
    status, body = int(refused.resp.status), bytes(refused.content)
    named, told = reasons(body), str(_error(body).get("message", ""))[:_MESSAGE_LIMIT]
    if status == 400 and _DISABLED in named:
        return MailboxDisabledError(
            "The mailbox is disabled at Google", remedy="Enable Gmail for its user, or remove the source"
        )
    if status == 403 and not named.isdisjoint(_SCOPE_REASONS):
        return CredentialError(f"The scope {SCOPE} is missing", remedy="Authorise the source again and allow it")
    if status == 403 and not named.isdisjoint(_OFF_REASONS):
        return InputError(
            f"The API is not enabled in the Google Cloud project: {told}", remedy="Enable it at the Google console"
        )
    if is_limit(status, body) or status >= 500:
        return UnavailableError(f"Google answers with status {status}", remedy="It is tried again later")
    if status in (401, 403):
        return CredentialError(
            f"Google refuses access: {told or status}",
            remedy="Authorise the source again; an administrator of the domain may have to allow the app",
        )
    if status == 404:
        return NotFoundError(told or "Google knows nothing of it")
    return InputError(f"Google refuses the request: {told or status}", remedy="Check the source's filter and settings")


def _error(body: bytes) -> Mapping[str, Any]:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    error = content.get("error") if isinstance(content, dict) else None
    return error if isinstance(error, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
