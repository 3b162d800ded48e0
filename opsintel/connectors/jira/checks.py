"""Checks of a Jira source: whether it answers, who we are, what is allowed, and whether the query is one."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from opsintel.connectors.contract import Check, Verdict
from opsintel.connectors.jira.client import JiraClient
from opsintel.connectors.jira.manifest import READ_SCOPES, WEBHOOK_SCOPE
from opsintel.errors import CredentialError, FatalError, OpsintelError, RetriableError

_LATER = "Try again; if it stays so, check that the site is reached from here"


def checks_of(client: JiraClient, jql: str, *, has_pushes: bool) -> Iterator[Check]:
    """Yield the checks in the order of their causes; those behind one that failed are left out."""
    yield (server := _checked("site", lambda: _server(client)))
    if server.verdict is not Verdict.PASSED:
        return
    yield (account := _checked("credential", lambda: f"Jira knows us as {client.myself().get('displayName', '?')}"))
    if account.verdict is not Verdict.PASSED:
        return
    if client.has_oauth:
        yield _checked("scopes", lambda: _scopes(client, READ_SCOPES))
        if has_pushes:
            yield _checked("webhook scope", lambda: _scopes(client, (WEBHOOK_SCOPE,)), required=False)
    yield _checked("permission", lambda: _permission(client))
    yield _checked("query", lambda: _query(client, jql))


def _checked(name: str, look: Callable[[], str], *, required: bool = True) -> Check:
    """Return the check of a look, which returns what is well, or raises."""
    try:
        return Check(name, Verdict.PASSED, required, look())
    except RetriableError as error:
        return Check(name, Verdict.UNKNOWN, required, error.message, error.remedy or _LATER)
    except OpsintelError as error:
        cause = "credential" if isinstance(error, CredentialError) else name
        return Check(cause, Verdict.FAILED, required, error.message, error.remedy or "Authorise the source again")


def _server(client: JiraClient) -> str:
    found = client.server()
    is_cloud = str(found.get("deploymentType", "")).lower() == "cloud"
    if is_cloud != client.is_cloud:
        named = "Jira Cloud" if is_cloud else "Jira Data Center"
        raise _Refused(f"This is {named}", remedy="Choose that deployment in the configuration")
    return f"{client.site.address} answers"


def _scopes(client: JiraClient, wanted: tuple[str, ...]) -> str:
    granted = client.resource.get("scopes")
    missing = [scope for scope in wanted if scope not in (granted if isinstance(granted, list) else [])]
    if missing:
        raise _Refused(
            f"The authorization lacks {', '.join(missing)}",
            remedy=f"Give the app {', '.join(missing)}, and authorise the source again",
        )
    return f"{', '.join(wanted)} are granted"


def _permission(client: JiraClient) -> str:
    for project in client.config.projects or ("",):
        if not client.may_browse(project):
            where = f" of the project {project}" if project else ""
            raise _Refused(
                f"The account lacks the permission Browse Projects{where}",
                remedy="Have an administrator of Jira give it to the account",
            )
    return "The account has the permission Browse Projects"


def _query(client: JiraClient, jql: str) -> str:
    client.search(jql)
    return "Jira takes the query"


class _Refused(FatalError):
    """What a check found wrong."""
