"""Outlook by Microsoft Graph for tests: folders, deltas with state, batches, subscriptions.

Microsoft publishes no description that is usable here: shapes and rules are those of learn.microsoft.com/graph/api
(message-delta, mailfolder-list-childfolders, subscription-post-subscriptions) and /graph (json-batching, delta-query-
messages, outlook-immutable-id, errors, throttling). A request with a parameter that is not in `_TAKEN` is refused.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from opsintel.clock import now
from tests.connectors.remote import Fault
from tests.peers.provider import Asked, ProviderPeer, Refusal, Told

ADDRESS = "support@example.com"
_TAKEN = {
    "folders": {"$select", "$top", "$skiptoken"},
    "delta": {"$select", "$filter", "$deltatoken", "$skiptoken"},
    "messages": {"$select", "$filter", "$top", "$skiptoken"},
    "one": {"$select"},
}
_BOUND = re.compile(r"receivedDateTime (ge|le|lt) (\S+)")
_SENDER = re.compile(r"from/emailAddress/address eq '([^']*)'")
_DELTA_FILTER = re.compile(r"receivedDateTime ge \S+")
MOST_FILTERED = 5_000


@dataclass
class Stored:
    """A message as Outlook holds it; its id stays when it is moved."""

    id: str
    raw: bytes
    at: datetime
    folder: str
    categories: tuple[str, ...] = ()
    draft: bool = False
    sender: str = "ann@example.org"
    change: int = 0

    def row(self) -> dict[str, Any]:
        return {
            "@odata.etag": f'W/"{self.change}"', "id": self.id, "parentFolderId": self.folder,
            "receivedDateTime": f"{self.at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}", "changeKey": f"CQ{self.change}",
            "conversationId": f"conv-{self.id}", "categories": list(self.categories), "isDraft": self.draft,
            "from": {"emailAddress": {"name": "Ann", "address": self.sender}},
        }  # fmt: skip


@dataclass
class Access:
    """What tokens are good for."""

    token: str = "token-1"
    refresh_token: str = "refresh-1"
    revoked: bool = False
    scope: str = "Mail.Read"
    refusal: tuple[int, str] | None = None
    """What every request for mail is refused with."""
    reads_profile: bool = False
    is_app: bool = False


@dataclass
class Delta:
    """A state that a delta stands at: what of a folder was told, by change."""

    folder: str
    filter: str
    told: dict[str, int]
    left: list[dict[str, Any]] = field(default_factory=list)
    rows: int = 0


class GraphPeer(ProviderPeer):
    """One mailbox. `part_faults` are answers that a message is not given with, by its id."""

    def __init__(self) -> None:
        super().__init__()
        self.access = Access()
        self.page = 200
        self.most_filtered = MOST_FILTERED
        self.names: dict[str, tuple[str, str]] = {}
        self.well_known: dict[str, str] = {}
        for name, shown in (("inbox", "Inbox"), ("deleteditems", "Deleted Items"), ("junkemail", "Junk Email"),
                            ("drafts", "Drafts"), ("sentitems", "Sent Items"), ("outbox", "Outbox")):  # fmt: skip
            self.names[f"F-{name}"] = (shown, "")
            self.well_known[name] = f"F-{name}"
        self.mailbox: dict[str, Stored] = {}
        self.changes = 100
        self.states: dict[str, Delta] = {}
        self.part_faults: dict[str, list[tuple[int, str]]] = {}
        self.batches: list[int] = []
        self.deltas: list[dict[str, str]] = []
        self.at_once = self.most_at_once = 0
        self.loses_parts = 0
        self.subscriptions: dict[str, dict[str, Any]] = {}
        self.validated: Callable[[str, str], bytes] | None = None

    @property
    def base(self) -> str:
        return f"{self.address}/v1.0"

    @property
    def root(self) -> str:
        return f"/users/{ADDRESS}" if self.access.is_app else "/me"

    # What people and senders do

    def put(self, identifier: str, raw: bytes, at: datetime, folder: str = "F-inbox", **further: Any) -> None:
        self.mailbox[identifier] = Stored(identifier, raw, at, folder, change=self._next(), **further)

    def edit(self, identifier: str, **further: Any) -> None:
        """Change fields: categories, or the folder, which is a move."""
        stored = self.mailbox[identifier]
        for name, value in further.items():
            setattr(stored, name, value)
        stored.change = self._next()

    def delete(self, identifier: str) -> None:
        del self.mailbox[identifier]

    def _next(self) -> int:
        self.changes += 1
        return self.changes

    # What is asked

    def answer(self, asked: Asked) -> Told:
        if asked.path.endswith("/oauth2/v2.0/token"):
            return self._token(asked.form())
        if asked.headers.get("authorization") != f"Bearer {self.access.token}" or self.access.revoked:
            raise Refusal(401, "InvalidAuthenticationToken", "Access token has expired or is not yet valid.")
        path = unquote(asked.path).removeprefix("/v1.0")
        if path == "/$batch":
            return self._batch(asked)
        if path.startswith("/subscriptions"):
            return self._subscription(asked, path.removeprefix("/subscriptions").strip("/"))
        return self._mail(asked, path)

    def refused(self, refusal: Refusal) -> Told:
        error = {"code": refusal.reason, "message": refusal.message, "innerError": {"request-id": "x"}}
        return Told(refusal.status, {"error": error}, dict(refusal.headers))

    def moment(self) -> datetime:
        return now()

    def told(self, asked: Asked) -> Told | None:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            return super().told(asked)
        finally:
            self.at_once -= 1

    def spoilt(self, fault: Fault) -> Told | None:
        if fault is Fault.LIMITED:
            return self.refused(Refusal(429, "ApplicationThrottled", "Too many", **{"Retry-After": "3"}))
        return super().spoilt(fault)

    def _mail(self, asked: Asked, path: str) -> Told:
        root = self.root
        if not path.startswith(root):
            raise Refusal(404, "ErrorInvalidUser", "The requested user is invalid.")
        if self.access.refusal is not None:
            raise Refusal(*self.access.refusal)
        if 'IdType="ImmutableId"' not in asked.headers.get("prefer", ""):
            self.wrong.append(f"without immutable ids: {path}")
        parts = [unquote(part) for part in path.removeprefix(root).strip("/").split("/") if part]
        query = dict(asked.query)
        match parts:
            case []:
                if not self.access.reads_profile:
                    raise Refusal(403, "Authorization_RequestDenied", "Insufficient privileges")
                aliases = [f"SMTP:{ADDRESS}", "smtp:help@example.com", "x500:/o=Acme"]
                return Told(200, {"mail": ADDRESS, "userPrincipalName": ADDRESS, "proxyAddresses": aliases})
            case ["mailFolders"]:
                return self._folders(query, "")
            case ["mailFolders", folder, "childFolders"]:
                return self._folders(query, self._folder(folder))
            case ["mailFolders", folder, "messages", "delta"]:
                return self._delta(query, self._folder(folder), asked.headers["prefer"])
            case ["mailFolders", folder, "messages"]:
                return self._messages(query, self._folder(folder), asked.path)
            case ["mailFolders", folder]:
                self._require("one", query)
                folder = self._folder(folder)
                held = sum(stored.folder == folder for stored in self.mailbox.values())
                return Told(200, {"id": folder, "totalItemCount": held})
            case ["messages"]:
                return self._messages(query, None, asked.path)
            case ["messages", identifier, *rest]:
                return self._one(identifier, rest)
        raise Refusal(400, "BadRequest", f"no such path: {path}")

    def _folder(self, name: str) -> str:
        folder = self.well_known.get(name, name)
        if folder not in self.names:
            raise Refusal(404, "ErrorItemNotFound", "The specified folder could not be found in the store.")
        return folder

    def _require(self, what: str, query: dict[str, str]) -> None:
        unknown = set(query) - _TAKEN[what]
        if unknown:
            raise Refusal(400, "BadRequest", f"parameters that are not taken: {sorted(unknown)}")

    def _folders(self, query: dict[str, str], parent: str) -> Told:
        self._require("folders", query)
        found = [{"id": key, "displayName": shown,
                  "childFolderCount": sum(above == key for _, above in self.names.values())}
                 for key, (shown, above) in self.names.items() if above == parent]  # fmt: skip
        path = f"/mailFolders/{parent}/childFolders" if parent else "/mailFolders"
        return self._paged(found, query, f"{self.root}{path}", min(self.page, int(query.get("$top", 10))))

    def _messages(self, query: dict[str, str], folder: str | None, path: str) -> Told:
        self._require("messages", query)
        found = [stored for stored in self.mailbox.values()
                 if folder in (None, stored.folder) and _fits(stored, query.get("$filter", ""))]  # fmt: skip
        found.sort(key=lambda stored: (stored.at, stored.id), reverse=True)
        names = query.get("$select", "").split(",")
        rows = [{name: value for name, value in stored.row().items() if name in names} for stored in found]
        return self._paged(rows, query, path.removeprefix("/v1.0"), min(self.page, int(query.get("$top", 10)), 1000))

    def _paged(self, rows: list[Any], query: dict[str, str], path: str, size: int) -> Told:
        start = int(query.get("$skiptoken", 0))
        content: dict[str, Any] = {"value": rows[start : start + size]}
        if start + size < len(rows):
            kept = "".join(f"&{name}={value}" for name, value in query.items() if name != "$skiptoken")
            content["@odata.nextLink"] = f"{self.base}{path}?$skiptoken={start + size}{kept}".replace(" ", "%20")
        return Told(200, content)

    def _delta(self, query: dict[str, str], folder: str, prefer: str) -> Told:
        self._require("delta", query)
        self.deltas.append(query)
        token = query.get("$deltatoken") or query.get("$skiptoken")
        if token is None:
            if query.get("$filter") and not _DELTA_FILTER.fullmatch(query["$filter"]):
                raise Refusal(400, "ErrorInvalidUrlQueryFilter", "The query filter is not supported.")
            state = Delta(folder, query.get("$filter", ""), {})
            state.left = self._changed(state)
        elif token not in self.states:
            raise Refusal(410, "syncStateNotFound", "The sync state generation is not found.")
        else:
            known = self.states[token]
            state = Delta(folder, known.filter, dict(known.told), list(known.left), known.rows)
            state.left = state.left or (self._changed(state) if "$deltatoken" in query else [])
        wanted = re.search(r"odata\.maxpagesize=(\d+)", prefer)
        size = min(self.page, int(wanted[1]) if wanted else 10)
        page, state.left = state.left[:size], state.left[size:]
        for row in page:
            key = row["id"]
            state.told.pop(key, None)
            if "@removed" not in row:
                state.told[key] = int(row["changeKey"].removeprefix("CQ"))
        state.rows += len(page)
        name = f"s{len(self.states)}"
        self.states[name] = state
        kind = ("nextLink", "$skiptoken") if state.left else ("deltaLink", "$deltatoken")
        link = f"{self.base}{self.root}/mailFolders/{folder}/messages/delta?{kind[1]}={name}"
        return Told(200, {"value": page, f"@odata.{kind[0]}": link})

    def _changed(self, state: Delta) -> list[dict[str, Any]]:
        """Return the rows that a state was not told, and the removals; an initial filtered one is cut."""
        held = {stored.id: stored for stored in self.mailbox.values()
                if stored.folder == state.folder and _fits(stored, state.filter)}  # fmt: skip
        rows = [stored.row() for stored in held.values() if state.told.get(stored.id) != stored.change]
        rows.sort(key=lambda row: str(row["receivedDateTime"]), reverse=True)
        if state.filter and not state.told:
            rows = rows[: self.most_filtered]
        gone = [{"id": key, "@removed": {"reason": "deleted"}} for key in state.told if key not in held]
        return rows + gone

    def forget_states(self) -> None:
        """Drop all states, as Graph does when they are too old."""
        self.states.clear()

    def _one(self, identifier: str, rest: list[str]) -> Told:
        faults = self.part_faults.get(identifier)
        if faults:
            raise Refusal(*faults.pop(0))
        stored = self.mailbox.get(identifier)
        if stored is None:
            malformed = " " in identifier
            raise Refusal(400 if malformed else 404, "ErrorInvalidIdMalformed" if malformed else "ErrorItemNotFound")
        if rest == ["$value"]:
            return Told(200, stored.raw, {"Content-Type": "text/plain"})
        return Told(200, stored.row())

    def _batch(self, asked: Asked) -> Told:
        requests = asked.json()["requests"]
        if len(requests) > 20:
            raise Refusal(400, "BadRequest", "The number of requests exceeds the limit of 20.")
        self.batches.append(len(requests))
        responses = [self._part(request) for request in reversed(requests)]
        if self.loses_parts:
            self.loses_parts -= 1
            responses.pop()
        return Told(200, {"responses": responses})

    def _part(self, request: dict[str, Any]) -> dict[str, Any]:
        parts = urlsplit(request["url"])
        headers = {name.lower(): value for name, value in request.get("headers", {}).items()}
        try:
            inner = Asked(request["method"], parts.path, dict(parse_qsl(parts.query)), headers, b"")
            replied = self._mail(inner, parts.path)
        except Refusal as refusal:
            replied = self.refused(refusal)
        body = replied.content
        body = base64.b64encode(body).decode() if isinstance(body, bytes) else body
        return {"id": request["id"], "status": replied.status, "headers": dict(replied.headers), "body": body}

    def _token(self, form: dict[str, str]) -> Told:
        if form["grant_type"] == "client_credentials":
            if form["client_secret"] != "s" or not form["scope"].endswith("/.default"):
                return Told(401, {"error": "invalid_client"})
            return Told(200, {"access_token": self.access.token, "expires_in": 3599})
        if self.access.revoked or form["refresh_token"] != self.access.refresh_token:
            return Told(400, {"error": "invalid_grant", "error_description": "AADSTS70000"})
        number = int(self.access.refresh_token.rsplit("-", 1)[1]) + 1
        self.access.refresh_token = f"refresh-{number}"
        return Told(200, {
            "access_token": self.access.token, "expires_in": 3599, "scope": self.access.scope,
            "refresh_token": self.access.refresh_token})  # fmt: skip

    def _subscription(self, asked: Asked, identifier: str) -> Told:
        if asked.method == "GET":
            told = [{**held, "clientState": None} for held in self.subscriptions.values()]
            return Told(200, {"value": told})
        if asked.method == "POST":
            body = asked.json()
            needed = {"changeType", "notificationUrl", "resource", "expirationDateTime", "clientState"}
            if needed - body.keys() or len(body["clientState"]) > 128:
                raise Refusal(400, "InvalidRequest", "Subscription validation request failed.")
            days = (datetime.fromisoformat(body["expirationDateTime"]) - datetime.now(UTC)).total_seconds() / 86400
            if days >= 7:
                raise Refusal(400, "InvalidRequest", "Subscription expiration can only be 10080 minutes in the future.")
            if self.validated is not None and self.validated("validationToken=a%20b%2Bc", "a b+c") != b"a b+c":
                raise Refusal(400, "ValidationError", "The validation of the notification URL failed")
            name = f"sub-{self._next()}"
            self.subscriptions[name] = {**body, "id": name}
            return Told(201, self.subscriptions[name])
        if identifier not in self.subscriptions:
            raise Refusal(404, "ResourceNotFound", "The object was not found.")
        if asked.method == "DELETE":
            del self.subscriptions[identifier]
            return Told(204, b"")
        self.subscriptions[identifier] |= asked.json()
        return Told(200, self.subscriptions[identifier])


def notification(secret: str, *entries: dict[str, Any]) -> bytes:
    """Return the body of a notification with some entries."""
    return json.dumps(
        {"value": [{"subscriptionId": "sub-1", "clientState": secret, **one} for one in entries]}
    ).encode()


def changed(ids: Iterable[str]) -> list[dict[str, Any]]:
    """Return entries that say that messages changed."""
    return [
        {"changeType": "updated", "resource": f"Users/u/Messages/{key}", "resourceData": {"id": key}} for key in ids
    ]


def _fits(stored: Stored, condition: str) -> bool:
    compared = {"ge": stored.at.__ge__, "le": stored.at.__le__, "lt": stored.at.__lt__}
    bounds = all(compared[operator](datetime.fromisoformat(at)) for operator, at in _BOUND.findall(condition))
    return bounds and all(stored.sender == sender for sender in _SENDER.findall(condition))
