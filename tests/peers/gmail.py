"""Gmail and Pub/Sub for tests: a mailbox with its history, which takes only what Google's descriptions say.

The descriptions are those that google-api-python-client carries (gmail.v1.json, pubsub.v1.json); shapes of errors and
of batches are those of developers.google.com/workspace/gmail/api/guides/{handle-errors,batch}.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from email import message_from_bytes
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt

from opsintel.clock import now
from tests.connectors.remote import Fault
from tests.peers.discovery import Called, Discovery
from tests.peers.provider import Asked, ProviderPeer, Refusal, Told

GMAIL, PUBSUB = Discovery("gmail.v1"), Discovery("pubsub.v1")
ADDRESS = "support@example.com"
TOPIC, SUBSCRIPTION = "projects/acme/topics/mail", "projects/acme/subscriptions/mail"
SYSTEM = ("INBOX", "SPAM", "TRASH", "SENT", "DRAFT", "UNREAD", "STARRED", "IMPORTANT")
_TERM = re.compile(r'(-?)(\w+):("[^"]*"|[^\s()]+)')


@dataclass
class Stored:
    """A message as Gmail holds it."""

    id: str
    raw: bytes
    milliseconds: int
    labels: set[str]
    history_id: int = 0


@dataclass
class Access:
    """What tokens are good for; `disabled` is a mailbox without Gmail."""

    token: str = "token-1"
    refresh_token: str = "refresh-1"
    revoked: bool = False
    disabled: bool = False
    scope: str = "https://www.googleapis.com/auth/gmail.readonly"
    service_key: Any = None
    subjects: list[str] = field(default_factory=list)


class GmailPeer(ProviderPeer):
    """One mailbox. `part_faults` are answers that a message is not given with, by its id."""

    def __init__(self) -> None:
        super().__init__()
        self.access = Access()
        self.page = 500
        self.mailbox: dict[str, Stored] = {}
        self.names = {name: name for name in SYSTEM}
        self.records: list[dict[str, Any]] = []
        self.now_at = 1000
        self.forgotten = 0
        self.tokens_end = False
        self.part_faults: dict[str, list[tuple[int, str]]] = {}
        self.called: list[Called] = []
        self.batches: list[int] = []
        self.spoil_batches = False
        self.topics = {TOPIC}
        self.watched = ""
        self.queue: dict[str, dict[str, Any]] = {}
        self.keys: list[dict[str, Any]] = []

    # What people and senders do

    def put(self, identifier: str, raw: bytes, at: datetime, labels: Iterable[str] = ("INBOX",)) -> None:
        stored = Stored(identifier, raw, int(at.timestamp() * 1000), set(labels))
        self.mailbox[identifier] = stored
        self._record(stored, "messagesAdded")

    def label(self, identifier: str, add: Iterable[str] = (), remove: Iterable[str] = ()) -> None:
        stored = self.mailbox[identifier]
        stored.labels = (stored.labels | set(add)) - set(remove)
        for name, labels in (("labelsAdded", list(add)), ("labelsRemoved", list(remove))):
            if labels:
                self._record(stored, name, labelIds=labels)

    def delete(self, identifier: str) -> None:
        self._record(self.mailbox.pop(identifier), "messagesDeleted")

    def forget_history(self) -> None:
        """Drop the records so far, as Gmail does after a week or some hours."""
        self.forgotten, self.records = self.now_at, []

    def publish(self, address: str = ADDRESS) -> str:
        """Put a notification into the subscription and return its id."""
        identifier = f"m-{len(self.queue) + 1}"
        data = json.dumps({"emailAddress": address, "historyId": self.now_at}).encode()
        self.queue[identifier] = {"messageId": identifier, "data": base64.b64encode(data).decode()}
        return identifier

    def _record(self, stored: Stored, name: str, **further: Any) -> None:
        self.now_at += 7
        stored.history_id = self.now_at
        message = {"id": stored.id, "threadId": stored.id, "labelIds": sorted(stored.labels)}
        entry = {"message": message, **further}
        self.records.append({"id": str(self.now_at), "messages": [message], name: [entry]})

    # What is asked

    def answer(self, asked: Asked) -> Told:
        if asked.path == "/token":
            return self._token(asked.form())
        if asked.path == "/certs":
            return Told(200, {"keys": self.keys})
        if asked.path.endswith((":pull", ":acknowledge")):
            return self._pubsub(asked)
        if asked.headers.get("authorization") != f"Bearer {self.access.token}" or self.access.revoked:
            raise Refusal(401, "authError", "Request had invalid authentication credentials.")
        return self._batch(asked) if asked.path == "/batch" else Told(200, self._call(_overridden(asked)))

    def refused(self, refusal: Refusal) -> Told:
        status = {403: "PERMISSION_DENIED", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED"}.get(refusal.status, "INVALID")
        details = [{"domain": "global", "reason": refusal.reason, "message": refusal.message}]
        error = {"code": refusal.status, "message": refusal.message, "errors": details, "status": status}
        return Told(refusal.status, {"error": error})

    def moment(self) -> datetime:
        return now()

    def spoilt(self, fault: Fault) -> Told | None:
        if fault is Fault.LIMITED:
            return self.refused(Refusal(403, "rateLimitExceeded", "User-rate limit exceeded."))
        return super().spoilt(fault)

    def _call(self, asked: Asked) -> Any:
        called = GMAIL.called(asked)
        self.called.append(called)
        if self.access.disabled:
            raise Refusal(400, "failedPrecondition", "Mail service not enabled")
        if called.parameters["userId"] not in ("me", ADDRESS):
            raise Refusal(403, "forbidden", "Delegation denied for support@example.com")
        is_metadata = self.access.scope.endswith("metadata")
        if is_metadata and (called.parameters.get("q") or called.parameters.get("format") in ("raw", "full")):
            raise Refusal(403, "insufficientPermissions", "Insufficient Permission")
        methods: dict[str, Callable[[Any], Any]] = {
            "gmail.users.getProfile": lambda _: {
                "emailAddress": ADDRESS, "historyId": str(self.now_at), "messagesTotal": len(self.mailbox)},
            "gmail.users.labels.list": lambda _: {
                "labels": [{"id": key, "name": name} for key, name in self.names.items()]},
            "gmail.users.settings.sendAs.list": lambda _: {
                "sendAs": [{"sendAsEmail": ADDRESS, "isPrimary": True}, {"sendAsEmail": "help@example.com"}]},
            "gmail.users.messages.list": self._list,
            "gmail.users.messages.get": self._get,
            "gmail.users.history.list": self._history,
            "gmail.users.watch": lambda _: self._watch(called.body),
            "gmail.users.stop": lambda _: self._stop(),
        }  # fmt: skip
        return methods[called.method](dict(called.parameters))

    def _list(self, asked: dict[str, Any]) -> dict[str, Any]:
        hidden = set() if asked.get("includeSpamTrash") == "true" else {"SPAM", "TRASH"}
        wanted = set(asked.get("labelIds", ()))
        found = [stored for stored in self.mailbox.values()
                 if wanted <= stored.labels and not hidden & stored.labels - wanted
                 and self._matches(stored, asked.get("q", ""))]  # fmt: skip
        found.sort(key=lambda stored: (-stored.milliseconds, stored.id))
        key = json.dumps([sorted(wanted), asked.get("q", ""), sorted(hidden)])
        start = self._start(asked, key)
        end = start + min(self.page, int(asked.get("maxResults", 100)))
        answer: dict[str, Any] = {"resultSizeEstimate": len(found)}
        if found[start:end]:
            answer["messages"] = [{"id": stored.id, "threadId": stored.id} for stored in found[start:end]]
        return answer | ({"nextPageToken": f"{end}/{key}"} if end < len(found) else {})

    def _history(self, asked: dict[str, Any]) -> dict[str, Any]:
        after = int(asked["startHistoryId"])
        if not self.forgotten <= after <= self.now_at:
            raise Refusal(404, "notFound", "Requested entity was not found.")
        found = [record for record in self.records if int(record["id"]) > after]
        start = self._start(asked, str(after))
        end = start + min(self.page, int(asked.get("maxResults", 100)))
        answer: dict[str, Any] = {"historyId": str(self.now_at)}
        if found[start:end]:
            answer["history"] = found[start:end]
        return answer | ({"nextPageToken": f"{end}/{after}"} if end < len(found) else {})

    def _start(self, asked: dict[str, Any], key: str) -> int:
        if "pageToken" not in asked:
            return 0
        place, _, of = asked["pageToken"].partition("/")
        if self.tokens_end or of != key:
            self.tokens_end = False
            raise Refusal(400, "invalidArgument", "Invalid pageToken")
        return int(place)

    def _get(self, asked: dict[str, Any]) -> dict[str, Any]:
        faults = self.part_faults.get(asked["id"])
        if faults:
            raise Refusal(*faults.pop(0))
        stored = self.mailbox.get(asked["id"])
        if stored is None:
            raise Refusal(404, "notFound", "Requested entity was not found.")
        found: dict[str, Any] = {
            "id": stored.id, "threadId": stored.id, "historyId": str(stored.history_id),
            "internalDate": str(stored.milliseconds), "sizeEstimate": len(stored.raw)}  # fmt: skip
        if stored.labels:
            found["labelIds"] = sorted(stored.labels)
        if asked.get("format") == "raw":
            found["raw"] = base64.urlsafe_b64encode(stored.raw).decode()
        fields = asked.get("fields", "").split(",")
        return {name: value for name, value in found.items() if fields == [""] or name in fields}

    def _matches(self, stored: Stored, q: str) -> bool:
        header = message_from_bytes(stored.raw)
        for sign, operator, quoted in _TERM.findall(q):
            value = quoted.strip('"').casefold()
            if operator in ("after", "before"):
                seconds = int(value)
                fits = stored.milliseconds >= seconds * 1000
                fits = fits if operator == "after" else not fits
            elif operator in ("in", "is", "label"):
                folded = {self.names[label].casefold() for label in stored.labels}
                fits = {"drafts": "draft"}.get(value, value) in folded
            elif operator in ("from", "subject"):
                fits = value in str(header[operator]).casefold()
            else:
                raise Refusal(400, "invalidArgument", f"Invalid query: {operator}")
            if fits == bool(sign):
                return False
        return True

    def _watch(self, body: dict[str, Any]) -> dict[str, Any]:
        if body.get("topicName") not in self.topics:
            raise Refusal(403, "forbidden", "Error sending test message to Cloud PubSub: not authorized")
        self.watched = body["topicName"]
        return {"historyId": str(self.now_at), "expiration": "4102444800000"}

    def _stop(self) -> dict[str, Any]:
        self.watched = ""
        return {}

    def _batch(self, asked: Asked) -> Told:
        if self.spoil_batches:
            return Told(200, b"<html>", {"Content-Type": "text/html"})
        head = f"Content-Type: {asked.headers['content-type']}\r\n\r\n".encode()
        parts: list[Any] = message_from_bytes(head + asked.body).get_payload()  # type: ignore[assignment]
        self.batches.append(len(parts))
        answers = [_part(part["Content-ID"], self._inner(part.get_payload())) for part in parts]
        content = b"".join(b"--batch_x\r\n" + answer + b"\r\n" for answer in answers) + b"--batch_x--\r\n"
        return Told(200, content, {"Content-Type": "multipart/mixed; boundary=batch_x"})

    def _inner(self, request: str) -> Told:
        method, target, _ = request.split("\n", 1)[0].split(" ")
        parts = urlsplit(target)
        try:
            return Told(200, self._call(Asked(method, parts.path, {}, {}, b"", parse_qs(parts.query))))
        except Refusal as refusal:
            return self.refused(refusal)

    def _token(self, form: dict[str, str]) -> Told:
        if form["grant_type"] == "refresh_token":
            if self.access.revoked or form["refresh_token"] != self.access.refresh_token:
                return Told(400, {"error": "invalid_grant", "error_description": "Token has been expired or revoked."})
            scope = self.access.scope
        else:
            claims = jwt.decode(
                form["assertion"], self.access.service_key, algorithms=["RS256"], audience=f"{self.address}/token"
            )
            scope = claims["scope"]
            if claims.get("sub") is not None and claims["sub"] not in self.access.subjects:
                return Told(401, {"error": "unauthorized_client"})
        return Told(
            200, {"access_token": self.access.token, "expires_in": 3599, "scope": scope, "token_type": "Bearer"}
        )

    def _pubsub(self, asked: Asked) -> Told:
        if asked.headers.get("authorization") != f"Bearer {self.access.token}":
            raise Refusal(401, "authError")
        path, _, action = asked.path.rpartition(":")
        if path != f"/v1/{SUBSCRIPTION}":
            raise Refusal(404, "notFound", "Resource not found")
        called = PUBSUB.called(asked)
        self.called.append(called)
        if action == "acknowledge":
            for identifier in called.body["ackIds"]:
                self.queue.pop(identifier, None)
            return Told(200, {})
        waiting = [{"ackId": key, "message": message} for key, message in self.queue.items()]
        return Told(200, {"receivedMessages": waiting} if waiting else {})


def _overridden(asked: Asked) -> Asked:
    """Return the request that is meant: long queries are sent as forms."""
    if asked.headers.get("x-http-method-override") != "GET":
        return asked
    return Asked("GET", asked.path, {}, asked.headers, b"", parse_qs(asked.body.decode()))


def _part(content_id: str, replied: Told) -> bytes:
    body = json.dumps(replied.content).encode()
    return (
        f"Content-Type: application/http\r\nContent-ID: <response-{content_id[1:-1]}>\r\n\r\n"
        f"HTTP/1.1 {replied.status} X\r\nContent-Type: application/json; charset=UTF-8\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body
