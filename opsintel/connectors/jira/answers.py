"""What answers of Jira say: errors with a cause, limits, lists that must be there, changes of an issue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from opsintel.clock import now
from opsintel.connectors.files.times import value_time
from opsintel.connectors.http import Answer
from opsintel.errors import CredentialError, InputError, OpsintelError, UnavailableError, one_line
from opsintel.net.retrying import retry_after

CHANGES = (
    "summary", "description", "status", "labels", "priority", "issuetype", "resolution", "assignee", "security",
    "project",
)  # fmt: skip
"""Fields whose changes are looked up (at most ten): the text, and what comments share with their issue."""

_TEXTS = frozenset(["summary", "description"])
_HOUR = 3_600


@dataclass(frozen=True)
class Changes:
    """When an issue was last changed; None where it never was."""

    text: datetime | None = None
    any: datetime | None = None


def pause(answer: Answer) -> float | None:
    """Return how long Jira asks to wait: Retry-After, else until the limit is reset; a quota is one of a full hour."""
    asked = retry_after(answer.headers)
    if asked is None:
        asked = until_reset(answer)
    if asked is None and answer.headers.get("ratelimit-reason", "").startswith("jira-quota"):
        asked = _HOUR - now().timestamp() % _HOUR
    return asked


def until_reset(answer: Answer) -> float | None:
    """Return the seconds until a limit is reset; None where Jira does not say."""
    moment = value_time(answer.headers.get("x-ratelimit-reset", ""))
    return None if moment is None else max((moment - now()).total_seconds(), 1.0)


def refuse_strangers(answer: Answer) -> None:
    """Raise `CredentialError` where Jira answered as to a stranger, whatever the status."""
    reason = answer.headers.get("x-seraph-loginreason", "").upper()
    is_stranger = answer.headers.get("x-ausername", "").lower() == "anonymous"
    if "AUTHENTICATION_DENIED" in reason:
        raise CredentialError("Jira wants a CAPTCHA of this account", remedy="Log in once with a browser")
    if "AUTHENTICATED_FAILED" in reason or is_stranger:
        raise CredentialError("Jira does not take the credential", remedy="Authorise the source again")


def error_of(answer: Answer) -> OpsintelError:
    """Return what an answer that is no success means to the source."""
    words = words_of(" ".join(_messages(answer))) or f"status {answer.status}"
    if answer.status == 400:
        return bad_query(words)
    if answer.status == 403:
        return CredentialError(
            f"Jira forbids it to this account: {words}", remedy="Give the account access to Jira, or authorise another"
        )
    if answer.status in range(300, 400) or answer.status == 404:
        return InputError(f"There is no Jira at this address: {words}", remedy="Check the base URL and the deployment")
    return InputError(f"Jira refuses the request: {words}", remedy="Check the configuration of the source")


def bad_query(words: str) -> InputError:
    """Return the error of a query that Jira does not take, in its own words."""
    return InputError(
        f"Jira refuses the query: {words_of(words)}", remedy="Correct the JQL of the source or its filter"
    )


def _messages(answer: Answer) -> list[str]:
    try:
        body = answer.json()
    except UnavailableError:
        return []
    if not isinstance(body, dict):
        return []
    messages, errors, message = body.get("errorMessages"), body.get("errors"), body.get("message")
    listed = [str(one) for one in messages] if isinstance(messages, list) else []
    named = [f"{name}: {text}" for name, text in errors.items()] if isinstance(errors, dict) else []
    return listed + named + ([str(message)] if message else [])


def words_of(text: str) -> str:
    """Return Jira's words as one short line."""
    return one_line(text)[:500]


def listed(found: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """Return a list of objects that an answer must have: one without it is an error in the clothes of a good one."""
    value = found.get(name)
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise UnavailableError(f"Jira answers without {name}")
    return value


def errors_of(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what /issue/bulkfetch says of issues that it could not read."""
    value = found.get("issueErrors")
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def is_changed(issue: Mapping[str, Any]) -> bool:
    """Tell whether an issue was changed since it was made."""
    fields = issue.get("fields")
    return isinstance(fields, dict) and fields.get("updated") != fields.get("created")


def histories_of(issue: Mapping[str, Any]) -> list[Any]:
    """Return the changes of an issue that brings them along."""
    log = issue.get("changelog")
    histories = log.get("histories") if isinstance(log, dict) else None
    return histories if isinstance(histories, list) else []


def changes_of(histories: list[Any]) -> Changes:
    """Return when an issue was last changed, and when its text was."""
    dated = [
        (moment, {str(item.get("fieldId") or item.get("field")) for item in _items(history)})
        for history in histories
        if isinstance(history, dict) and (moment := value_time(history.get("created"))) is not None
    ]
    return Changes(
        text=max((moment for moment, names in dated if names & _TEXTS), default=None),
        any=max((moment for moment, names in dated if names & frozenset(CHANGES)), default=None),
    )


def _items(history: dict[str, Any]) -> list[dict[str, Any]]:
    items = history.get("items")
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []
