"""Checks of a Zendesk source: who we are, what is allowed, and whether the search is one."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from opsintel.connectors.contract import Check, Verdict
from opsintel.connectors.zendesk.client import ZendeskClient, seconds
from opsintel.connectors.zendesk.manifest import READ_SCOPE
from opsintel.errors import CredentialError, FatalError, OpsintelError, RetriableError

_LATER = "Try again; if it stays so, check that Zendesk is reached from here"
_DAY = 86_400


def checks_of(client: ZendeskClient, search: str) -> Iterator[Check]:
    """Yield the checks in the order of their causes; those behind one that did not pass are left out."""
    yield (account := _checked("credential", lambda: f"Zendesk knows us as {client.myself().get('name', '?')}"))
    if account.verdict is not Verdict.PASSED:
        return
    if client.has_oauth:
        yield _checked("scopes", lambda: _scopes(client))
    yield _checked("role", lambda: _role(client))
    yield _checked("export", lambda: _export(client))
    if search:
        yield _checked("search", lambda: _search(client, search))


def _checked(name: str, look: Callable[[], str]) -> Check:
    """Return the check of a look, which returns what is well, or raises."""
    try:
        return Check(name, Verdict.PASSED, True, look())
    except RetriableError as error:
        return Check(name, Verdict.UNKNOWN, True, error.message, error.remedy or _LATER)
    except OpsintelError as error:
        cause = "credential" if isinstance(error, CredentialError) and name != "export" else name
        return Check(cause, Verdict.FAILED, True, error.message, error.remedy or "Authorise the source again")


def _scopes(client: ZendeskClient) -> str:
    granted = client.scopes()
    wanted = {READ_SCOPE, "tickets:read"}
    if not wanted & set(granted):
        raise _RefusedError(
            f"The authorization lacks the scope {READ_SCOPE}",
            remedy=f"Give the OAuth client the scope {READ_SCOPE}, and authorise the source again",
        )
    return f"The scopes are {', '.join(granted)}"


def _role(client: ZendeskClient) -> str:
    role = client.myself().get("role")
    if role != "admin":
        raise _RefusedError(
            f"The account has the role {role}, and exports are for administrators",
            remedy="Use the credential of an administrator (role admin)",
        )
    return "The account is an administrator"


def _export(client: ZendeskClient) -> str:
    client.export_tickets(seconds(client.moment) - _DAY, are_counted=True)
    return "Tickets can be exported"


def _search(client: ZendeskClient, search: str) -> str:
    return f"The search finds {len(client.matching(search))} tickets"


class _RefusedError(FatalError):
    """What a check found wrong."""
