"""Microsoft Graph as the connector needs it: pages, batches, raw mail; with ids that stay when a mail is moved.

Source: learn.microsoft.com/graph (v1.0): message-delta, json-batching, outlook-immutable-id, throttling-limits.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from opsintel.closing import Closing
from opsintel.connectors.connection import Budget, Connection
from opsintel.connectors.graph.access import TITLE, graph_token
from opsintel.connectors.graph.faults import is_passing, refusal
from opsintel.connectors.graph.manifest import GraphConfig
from opsintel.connectors.http import LONGEST_ANSWER, TRIES, Answer, ProviderClient, pause_after
from opsintel.connectors.oauth import is_ending
from opsintel.coordination.contract import Limit
from opsintel.errors import AnswerError, BusyError, InputError, NotFoundError, UnavailableError
from opsintel.net.policy import MEGABYTE
from opsintel.net.retrying import retry_after

REQUESTS = Limit(per_second=15.9, burst=400)
"""Requests of one app to one mailbox. Bucket and flow stay below 10,000 in ten minutes, and above 95 % of it."""

BATCH = 20
"""Requests of a batch, the most that Graph takes. Of one mailbox it runs four at once, by itself."""

BATCH_BYTES = 16 * MEGABYTE
"""Of the answer to a batch. A larger one is asked for again in halves, so that memory is bounded by a single mail."""

PAGE = 200
"""Rows of a delta's page; `LIST_PAGE` of a list's, which has two fields only."""
LIST_PAGE = 1000

PREFER = 'IdType="ImmutableId"'
FIELDS = "id,receivedDateTime,parentFolderId,conversationId,categories,changeKey,isDraft,from"
_LARGE_MAIL_SECONDS = 4
_TOO_MANY = 429


@dataclass(frozen=True, slots=True)
class Part:
    """What one request of a batch was answered."""

    status: int
    content: Any
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ItemFault:
    """Why one message could not be read; `gone` where there is no such message."""

    reason: str
    retryable: bool = False
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """Rows, and where the next are: further ones of this reading, or what changes from now on."""

    rows: list[dict[str, Any]]
    more: str = ""
    delta: str = ""


class GraphClient(Closing):
    """One mailbox."""

    def __init__(self, connection: Connection, config: GraphConfig) -> None:
        self._connection = connection
        self.root = "/me" if config.mailbox == "me" else f"/users/{quote(config.mailbox, safe='@')}"
        self._base = config.base_url
        self._config = config
        self._single, self._batches = self._provider(LONGEST_ANSWER), self._provider(BATCH_BYTES)
        self._budget = Budget("requests", REQUESTS, "" if config.mailbox == "me" else config.mailbox)
        self._batch = BATCH

    def close(self) -> None:
        """Close both clients."""
        self._single.close()
        self._batches.close()

    def get(self, path: str, params: Mapping[str, str | int] | None = None, prefer: str = "") -> dict[str, Any]:
        """Return what a path of the mailbox holds, or a link that Graph gave. Raises what a refusal means."""
        whole = path if path.startswith(("http://", "https://")) else self.root + path
        headers = {"Prefer": f"{PREFER}, {prefer}" if prefer else PREFER}
        return _content(self._single.request("GET", whole, budget=self._budget, params=params, headers=headers))

    def send(self, method: str, path: str, body: Any) -> dict[str, Any]:
        """Send a body to a path of the service and return the answer; ids in what it brings later are immutable too."""
        headers = {"Prefer": PREFER}
        return _content(self._single.request(method, path, budget=self._budget, body=body, headers=headers))

    def service(self, path: str) -> dict[str, Any]:
        """Return what a path of the service holds, or a link that Graph gave."""
        return _content(self._single.request("GET", path, budget=self._budget))

    def page(self, path: str, params: Mapping[str, str | int] | None = None, prefer: str = "") -> Page:
        """Return a page of a list or a delta."""
        answer = self.get(path, params, prefer)
        rows = answer.get("value")
        if not isinstance(rows, list):
            raise UnavailableError("Graph answers with what is no page")
        return Page(rows, answer.get("@odata.nextLink", ""), answer.get("@odata.deltaLink", ""))

    def all(self, path: str, params: Mapping[str, str | int]) -> Iterator[dict[str, Any]]:
        """Yield the rows of a list, page by page."""
        page = self.page(path, params)
        yield from page.rows
        while page.more:
            page = self.page(page.more)
            yield from page.rows

    def several(self, paths: Mapping[str, str]) -> dict[str, Part]:
        """Return the answer of each path of the mailbox, asked for together; passing faults are outlived, or raised."""
        found = self._answered(dict(paths))
        for part in found.values():
            if is_passing(part.status):
                raise UnavailableError(f"Graph answers with status {part.status}", remedy="It is tried again later")
        return found

    def rows(self, ids: Sequence[str]) -> Iterator[tuple[str, dict[str, Any] | ItemFault]]:
        """Yield the row of each message, or why there is none."""
        for key, part in self._each(ids, f"?$select={FIELDS}"):
            if isinstance(part, Part) and part.status == 200 and isinstance(part.content, dict):
                yield key, part.content
            else:
                yield key, part if isinstance(part, ItemFault) else _item_fault(part)

    def raw(self, ids: Sequence[str]) -> Iterator[tuple[str, bytes | ItemFault]]:
        """Yield the bytes of each message, or why it cannot be read."""
        for key, part in self._each(ids, "/$value"):
            if isinstance(part, ItemFault):
                yield key, part
            elif part.status != 200:
                yield key, _item_fault(part)
            else:
                payload = part.content if isinstance(part.content, bytes) else _decoded(part.content)
                yield key, payload or ItemFault("Graph gives no bytes of a mail")

    def _provider(self, longest_answer: int) -> ProviderClient:
        usual = self._connection.policy
        policy = replace(
            usual,
            max_body_bytes=max(usual.max_body_bytes, longest_answer),
            total_seconds=usual.total_seconds * _LARGE_MAIL_SECONDS,
        )
        return ProviderClient(
            self._connection,
            self._base,
            lambda credential: {"Authorization": f"Bearer {credential.get('access_token', '')}"},
            title=TITLE,
            exchange=graph_token(self._connection, self._config),
            is_stale=is_ending,
            policy=policy,
        )

    def _each(self, ids: Sequence[str], suffix: str) -> Iterator[tuple[str, Part | ItemFault]]:
        """Yield each message's answer, asked for in batches as large as their answers allow."""
        place = 0
        while place < len(ids):
            some = ids[place : place + self._batch]
            paths = {key: f"/messages/{quote(key, safe='')}{suffix}" for key in some}
            try:
                answers = self._answered(paths) if self._batch > 1 else {some[0]: self._alone(paths[some[0]])}
            except AnswerError:
                self._batch = max(1, len(some) // 2)
                continue
            if len(some) == self._batch:
                self._batch = min(BATCH, self._batch + 1)
            place += len(some)
            yield from answers.items()

    def _answered(self, paths: dict[str, str]) -> dict[str, Part]:
        """Return the answers of a batch; parts that a limit or a passing fault stopped are asked for again."""
        found: dict[str, Part] = {}
        for tried in range(1, TRIES + 1):
            left = {key: path for key, path in paths.items() if key not in found or is_passing(found[key].status)}
            found |= self._sent(left)
            passing = [part for part in found.values() if is_passing(part.status)]
            limited = [part for part in passing if part.status == _TOO_MANY]
            if not passing:
                break
            seconds = max(retry_after(part.headers) or pause_after(tried) for part in passing)
            if limited and tried == TRIES:
                raise BusyError("Graph limits its answers", seconds=seconds)
            if limited:
                self._connection.hold_back(self._budget, seconds)
            elif tried < TRIES:
                self._connection.wait(seconds)
        return found

    def _sent(self, paths: Mapping[str, str]) -> dict[str, Part]:
        """Return the parts of one batch; one that is not answered counts as a passing fault."""
        keys = list(paths)
        requests = [
            {"id": str(number), "method": "GET", "url": self.root + paths[key], "headers": {"Prefer": PREFER}}
            for number, key in enumerate(keys)
        ]
        answer = self._batches.request(
            "POST", "/$batch", budget=self._budget, units=len(keys), body={"requests": requests}
        )
        responses = _content(answer).get("responses")
        found = dict.fromkeys(keys, Part(504, None, {}))
        for response in responses if isinstance(responses, list) else ():
            number, status = str(response.get("id", "")), response.get("status")
            if number.isdecimal() and int(number) < len(keys) and isinstance(status, int):
                headers = {str(name).lower(): str(value) for name, value in (response.get("headers") or {}).items()}
                found[keys[int(number)]] = Part(status, response.get("body"), headers)
        return found

    def _alone(self, path: str) -> Part | ItemFault:
        try:
            answer = self._single.request("GET", self.root + path, budget=self._budget, headers={"Prefer": PREFER})
        except AnswerError as error:
            return ItemFault(f"the mail is too large: {error.message}")
        except BusyError:
            raise
        except UnavailableError as error:
            # Where Graph answers other requests, it is this mail that it cannot give.
            self.get("/mailFolders/inbox", {"$select": "id"})
            return ItemFault(error.message, retryable=True)
        is_raw = path.endswith("/$value") and answer.status == 200
        return Part(answer.status, answer.body if is_raw else _json(answer), answer.headers)


def _content(answer: Answer) -> dict[str, Any]:
    """Return the object of an answer; an error within a good status is one too."""
    content = _json(answer)
    if answer.status >= 400:
        raise refusal(answer.status, content)
    if not answer.body:
        return {}
    if not isinstance(content, dict) or "error" in content:
        raise UnavailableError("Graph answers with what is no answer")
    return content


def _json(answer: Answer) -> Any:
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError):
        return None


def _decoded(content: object) -> bytes | None:
    """Return the bytes of base64, as batches write what is no JSON."""
    if not isinstance(content, str):
        return None
    try:
        return base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError):
        return None


def _item_fault(part: Part) -> ItemFault:
    """Return what a refusal means for one message. Raises what concerns the whole source."""
    error = refusal(part.status, part.content)
    if isinstance(error, NotFoundError):
        return ItemFault("there is no such message", gone=True)
    if isinstance(error, UnavailableError):
        return ItemFault(error.message, retryable=True)
    if isinstance(error, InputError) and error.code == InputError.code:
        return ItemFault(error.message)
    raise error
