"""Requests to an account of Zendesk: exports, tickets, comments, users, searches."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from opsintel.clock import now
from opsintel.closing import Closing
from opsintel.connectors.connection import Budget, Connection, Credential
from opsintel.connectors.files.times import value_time
from opsintel.connectors.http import Answer, ProviderClient
from opsintel.connectors.oauth import is_ending, refreshed
from opsintel.connectors.zendesk.manifest import ZendeskConfig
from opsintel.connectors.zendesk.parse import Names
from opsintel.coordination.contract import Limit
from opsintel.errors import CredentialError, InputError, OpsintelError, UnavailableError, one_line
from opsintel.net.retrying import retry_after

MANY = 100
"""Tickets or users that one request names, and comments of a page."""

EXPORTS = Limit(per_second=9.5 / 60, burst=1)
"""Exports are limited to 10 requests a minute: one by one, and no burst that would pass it."""

REQUESTS = Limit(per_second=3, burst=15)
"""All else: 200 requests a minute in the smallest plan."""

SEARCHES = Limit(per_second=1.5, burst=5)
"""Exports of searches: 100 requests a minute."""

_EXPORT_PAGE = 1_000
_TITLE = "Zendesk"
_MINUTE = 60.0


@dataclass(frozen=True)
class TicketPage:
    """Tickets in the order of their last change, and where the next page begins."""

    tickets: list[dict[str, Any]]
    after: str
    is_last: bool


@dataclass(frozen=True)
class EventPage:
    """Events in their order, and the second (since 1970) from which the next page goes on."""

    events: list[dict[str, Any]]
    end_time: int
    is_last: bool


class CursorGoneError(Exception):
    """A place in an export that Zendesk does not know any more."""


class ZendeskClient(Closing):
    """One account, with the source's credential. It learns names of people as answers bring them."""

    def __init__(self, config: ZendeskConfig, connection: Connection) -> None:
        self.address = config.address
        self.names = Names()
        self.moment = now()
        """When the account last answered, by its own clock."""
        credential = connection.credential()
        self.has_oauth = bool(credential.get("access_token") or credential.get("refresh_token"))
        self._connection = connection
        self._budgets = {
            name: Budget(f"zendesk-{name}", limit, of=self.address)
            for name, limit in (("exports", EXPORTS), ("requests", REQUESTS), ("searches", SEARCHES))
        }
        self._http = ProviderClient(
            connection,
            self.address,
            _authorization,
            title=_TITLE,
            exchange=self._exchanged if self.has_oauth else None,
            is_stale=_is_stale,
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def export_tickets(self, start_time: int, after: str = "", *, are_counted: bool = False) -> TicketPage:
        """Return tickets that were changed since a second, or from a place in the export on, deleted ones too.

        Raises `CursorGoneError` where the place is not known any more.
        """
        params: dict[str, str | int] = {"cursor": after} if after else {"start_time": start_time}
        params |= {"per_page": _EXPORT_PAGE} | ({} if are_counted else {"include": "users,organizations"})
        answer = self._sent("/api/v2/incremental/tickets/cursor.json", params, "exports")
        if after and answer.status in (400, 422):
            raise CursorGoneError
        found = self._object(answer)
        self.names.learn(found)
        tickets = _list(found, "tickets")
        return TicketPage(tickets, str(found.get("after_cursor") or after), _is_last(found))

    def export_events(self, start_time: int, *, are_counted: bool = False) -> EventPage:
        """Return what happened to tickets since a second, comments with their texts unless they are only counted."""
        params: dict[str, str | int] = {"start_time": start_time, "per_page": _EXPORT_PAGE}
        params |= {} if are_counted else {"include": "comment_events"}
        found = self._object(self._sent("/api/v2/incremental/ticket_events.json", params, "exports"))
        events, end_time = _list(found, "ticket_events"), found.get("end_time")
        return EventPage(events, end_time if isinstance(end_time, int) else start_time, _is_last(found))

    def tickets(self, ids: Iterable[int]) -> dict[int, dict[str, Any]]:
        """Return tickets by id; those that are gone, or deleted, are left out."""
        found: dict[int, dict[str, Any]] = {}
        for batch in _batches(sorted(set(ids))):
            params = {"ids": ",".join(map(str, batch)), "include": "users,organizations"}
            answer = self._object(self._sent("/api/v2/tickets/show_many.json", params))
            self.names.learn(answer)
            alive = [ticket for ticket in _list(answer, "tickets") if ticket.get("status") != "deleted"]
            found |= {ticket["id"]: ticket for ticket in alive if isinstance(ticket.get("id"), int)}
        return found

    def comments(self, ticket_id: int) -> list[dict[str, Any]] | None:
        """Return all comments of a ticket, oldest first; None where the ticket is gone."""
        found: list[dict[str, Any]] = []
        after = ""
        while True:
            params: dict[str, str | int] = {"include": "users", "page[size]": MANY}
            params |= {"page[after]": after} if after else {}
            answer = self._sent(f"/api/v2/tickets/{ticket_id}/comments.json", params)
            if answer.status == 404:
                return None
            page = self._object(answer)
            self.names.learn(page)
            found += _list(page, "comments")
            meta = page.get("meta")
            if not isinstance(meta, dict) or meta.get("has_more") is not True:
                return found
            after = str(meta.get("after_cursor") or "")
            if not after:
                raise UnavailableError("Zendesk says that there are more comments, and not where")

    def learn_users(self, ids: Iterable[int]) -> None:
        """Look up people who are not known yet."""
        for batch in _batches(self.names.unknown(ids)):
            params = {"ids": ",".join(map(str, batch))}
            self.names.learn(self._object(self._sent("/api/v2/users/show_many.json", params)))

    def matching(self, query: str) -> set[int]:
        """Return the ids of all tickets that a search finds. Raises `InputError` with Zendesk's words for a bad one."""
        found: set[int] = set()
        after = ""
        while True:
            params: dict[str, str | int] = {"query": query, "filter[type]": "ticket", "page[size]": 1_000}
            params |= {"page[after]": after} if after else {}
            page = self._object(self._sent("/api/v2/search/export.json", params, "searches"))
            found |= {one["id"] for one in _list(page, "results") if isinstance(one.get("id"), int)}
            meta = page.get("meta")
            if not isinstance(meta, dict) or meta.get("has_more") is not True:
                return found
            after = str(meta.get("after_cursor") or "")

    def myself(self) -> Mapping[str, Any]:
        """Return the account's user. Raises `CredentialError` where we are nobody: Zendesk says so with status 200."""
        user = self._object(self._sent("/api/v2/users/me.json", {})).get("user")
        if not isinstance(user, dict) or not user.get("id"):
            raise CredentialError("Zendesk does not take the credential", remedy="Authorise the source again")
        return user

    def scopes(self) -> list[str]:
        """Return what the token of OAuth allows."""
        token = self._object(self._sent("/api/v2/oauth/tokens/current.json", {})).get("token")
        scopes = token.get("scopes") if isinstance(token, dict) else None
        return [str(scope) for scope in scopes] if isinstance(scopes, list) else []

    def _exchanged(self, stale: Credential) -> Credential:
        return refreshed(self._connection, f"{self.address}/oauth/tokens", stale, title=_TITLE)

    def _sent(self, path: str, params: Mapping[str, str | int], budget: str = "requests") -> Answer:
        answer = self._http.request("GET", path, budget=self._budgets[budget], params=params)
        self.moment = value_time(answer.headers.get("date", "")) or now()
        remaining = answer.headers.get("x-rate-limit-remaining") or answer.headers.get("ratelimit-remaining") or ""
        if remaining.strip() == "0":
            self._connection.hold_back(self._budgets[budget], _until_reset(answer))
        return answer

    def _object(self, answer: Answer) -> dict[str, Any]:
        if answer.status != 200:
            raise _error_of(answer)
        found = answer.json()
        if not isinstance(found, dict) or "error" in found:
            raise UnavailableError(f"Zendesk answers with an error: {_words(answer)}")
        return found


def _batches(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(ids), MANY):
        yield ids[start : start + MANY]


def _is_stale(credential: Credential) -> bool:
    return bool(credential.get("refresh_token")) and is_ending(credential)


def _authorization(credential: Credential) -> Mapping[str, str]:
    if credential.get("access_token"):
        return {"Authorization": f"Bearer {credential['access_token']}"}
    pair = f"{credential.get('email', '')}/token:{credential.get('api_token', '')}"
    return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


def _until_reset(answer: Answer) -> float:
    """Return the seconds until a limit is whole again; limits are of a minute."""
    asked = retry_after(answer.headers)
    try:
        return asked if asked is not None else float(answer.headers.get("ratelimit-reset", _MINUTE))
    except ValueError:
        return _MINUTE


def _error_of(answer: Answer) -> OpsintelError:
    words = _words(answer) or f"status {answer.status}"
    if answer.status == 403:
        return CredentialError(
            f"Zendesk forbids it: {words}",
            remedy="Use the credential of an administrator, with the scope read: exports are for administrators only",
        )
    if answer.status == 422 and "start_time" in words:
        return UnavailableError(f"Zendesk: {words}", remedy="Check the clock of this machine")
    if answer.status in (400, 422):
        return InputError(f"Zendesk refuses the query: {words}", remedy="Correct the filter of the source")
    if answer.status in range(300, 400) or answer.status == 404:
        return InputError(f"There is no account of Zendesk at this address: {words}", remedy="Check the subdomain")
    return InputError(f"Zendesk refuses the request: {words}", remedy="Check the configuration of the source")


def _words(answer: Answer) -> str:
    try:
        body = answer.json()
    except UnavailableError:
        return ""
    if not isinstance(body, dict):
        return ""
    error = body.get("error")
    if isinstance(error, dict):
        error = f"{error.get('title', '')} {error.get('message', '')}"
    return one_line(" ".join(str(part) for part in (error, body.get("description")) if part))[:500]


def _list(found: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """Return a list of objects that an answer must have: one without it is an error in the clothes of a good one."""
    value = found.get(name)
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise UnavailableError(f"Zendesk answers without {name}")
    return value


def _is_last(found: Mapping[str, Any]) -> bool:
    """Tell whether an export is at its end. Raises `UnavailableError` where the answer does not say."""
    value = found.get("end_of_stream")
    if not isinstance(value, bool):
        raise UnavailableError("Zendesk answers without end_of_stream")
    return value


def seconds(moment: datetime) -> int:
    """Return a time as exports take it."""
    return int(moment.timestamp())
