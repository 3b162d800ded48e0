"""The Gmail API as the connector needs it: google-api-python-client over the guarded client.

Source: the discovery document gmail v1, as that package carries it. Prices: developers.google.com/workspace/gmail/api/
reference/quota, 15,000 units a user a minute.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

from googleapiclient.discovery import build_from_document
from googleapiclient.discovery_cache import get_static_doc
from googleapiclient.errors import BatchError, HttpError
from googleapiclient.http import BatchHttpRequest

from opsintel.closing import Closing
from opsintel.connectors.connection import Budget, Connection
from opsintel.connectors.gmail.access import gmail_token
from opsintel.connectors.gmail.faults import is_busy, is_limit, translated
from opsintel.connectors.gmail.manifest import GmailConfig
from opsintel.connectors.gmail.transport import GuardedHttp
from opsintel.connectors.http import LONGEST_ANSWER, TRIES, ProviderClient, pause_after
from opsintel.connectors.oauth import is_ending
from opsintel.coordination.contract import Limit
from opsintel.errors import AnswerError, BusyError, CredentialError, InputError, NotFoundError, UnavailableError
from opsintel.net.policy import MEGABYTE

UNITS = Limit(per_second=239, burst=600)
"""Units of one mailbox. Bucket and flow together stay below 15,000 in any minute, and above 95 % of it."""

PAGE = 500
"""Messages or records a page, the most that Gmail gives."""

BATCH = 50
"""Messages a batch; with more, Gmail refuses parts for too many at once (the documented most is 100)."""

BATCH_BYTES = 16 * MEGABYTE
"""Of the answer to a batch. A larger one is asked for again in halves, so that memory is bounded by a single mail."""

_LARGE_MAIL_SECONDS = 4
"""How many times the usual time limit a request may take: a mail may have 50 MB."""

_PRICES = {"profile": 1, "labels": 1, "send_as": 1, "list": 5, "history": 2, "get": 5, "watch": 100, "stop": 50}
_RAW = {"format": "raw", "fields": "id,threadId,labelIds,historyId,internalDate,raw"}
_MINIMAL = {"format": "minimal", "fields": "id,labelIds,internalDate"}


@dataclass(frozen=True, slots=True)
class Profile:
    """Whose mailbox it is, its present history id, and how many messages it has."""

    address: str
    history_id: str
    messages: int


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of a list: ids of messages or records of history, and the token of the next page."""

    entries: list[Any]
    next_page: str
    history_id: str = ""


@dataclass(frozen=True, slots=True)
class ItemFault:
    """Why one message could not be read; `gone` where there is no such message."""

    reason: str
    retryable: bool = False
    gone: bool = False


Message = Mapping[str, Any]


class GmailClient(Closing):
    """One mailbox."""

    def __init__(self, connection: Connection, config: GmailConfig) -> None:
        self._connection, self._config = connection, config
        self._owner = "" if config.mailbox == "me" else config.mailbox
        self._single, self._batches = self._provider(LONGEST_ANSWER), self._provider(BATCH_BYTES)
        service = build_from_document(_document(config.base_url), http=GuardedHttp(self._single, self._budget, 1))
        self._users = service.users()
        self._batch_uri = f"{config.base_url.rstrip('/')}/batch"
        self._batch = BATCH

    def close(self) -> None:
        """Close both clients."""
        self._single.close()
        self._batches.close()

    def profile(self) -> Profile:
        """Return the profile; from now on units are counted by the mailbox's address."""
        answer = self._execute(self._users.getProfile(userId=self._config.mailbox), "profile")
        address, history_id = answer.get("emailAddress"), answer.get("historyId")
        if not isinstance(address, str) or not str(history_id).isdecimal():
            raise UnavailableError("Gmail's profile names no mailbox, or no history")
        self._owner = address
        return Profile(address, str(history_id), int(answer.get("messagesTotal", 0)))

    def labels(self) -> dict[str, str]:
        """Return the name of each label by its id."""
        answer = self._execute(self._users.labels().list(userId=self._config.mailbox), "labels")
        return {label["id"]: label["name"] for label in answer.get("labels", [])}

    def own_addresses(self) -> tuple[str, ...]:
        """Return the addresses that the account sends as; () where it may not be asked."""
        try:
            answer = self._execute(self._users.settings().sendAs().list(userId=self._config.mailbox), "send_as")
        except (CredentialError, InputError, NotFoundError):
            return ()
        return tuple(sorted(alias["sendAsEmail"] for alias in answer.get("sendAs", [])))

    def messages(self, parameters: Mapping[str, Any], page: str = "", size: int = PAGE) -> Listed:
        """Return a page of ids, youngest first. Raises `InputError` for a query or page token that Gmail refuses."""
        asked = {**parameters, "maxResults": size} | ({"pageToken": page} if page else {})
        answer = self._execute(self._users.messages().list(userId=self._config.mailbox, **asked), "list")
        return Listed([entry["id"] for entry in answer.get("messages", [])], answer.get("nextPageToken", ""))

    def history(self, start: str, page: str = "") -> Listed:
        """Return a page of records after a history id; `NotFoundError` for one that is too old."""
        asked = {"startHistoryId": start, "maxResults": PAGE} | ({"pageToken": page} if page else {})
        answer = self._execute(self._users.history().list(userId=self._config.mailbox, **asked), "history")
        return Listed(answer.get("history", []), answer.get("nextPageToken", ""), str(answer.get("historyId", "")))

    def raw(self, ids: Iterable[str]) -> Iterator[tuple[str, Message | ItemFault]]:
        """Yield each message with its raw bytes, or why it cannot be read."""
        yield from self._each(list(ids), _RAW)

    def minimal(self, ids: Iterable[str]) -> Iterator[tuple[str, Message | ItemFault]]:
        """Yield labels and time of each message, or why it cannot be read."""
        yield from self._each(list(ids), _MINIMAL)

    def watch(self, topic: str) -> datetime:
        """Have changes told to a topic, and return when that ends."""
        answer = self._execute(self._users.watch(userId=self._config.mailbox, body={"topicName": topic}), "watch")
        try:
            return datetime.fromtimestamp(int(answer["expiration"]) / 1000, UTC)
        except (KeyError, ValueError, TypeError, OverflowError, OSError):
            raise UnavailableError("Gmail's watch says not when it ends") from None

    def stop(self) -> None:
        """Have no changes told any more."""
        self._sent(self._users.stop(userId=self._config.mailbox), "stop")

    @property
    def _budget(self) -> Budget:
        return Budget("units", UNITS, self._owner)

    def _provider(self, longest_answer: int) -> ProviderClient:
        usual = self._connection.policy
        policy = replace(
            usual,
            max_body_bytes=max(usual.max_body_bytes, longest_answer),
            total_seconds=usual.total_seconds * _LARGE_MAIL_SECONDS,
        )
        return ProviderClient(
            self._connection,
            self._config.base_url,
            lambda credential: {"Authorization": f"Bearer {credential.get('access_token', '')}"},
            title="Gmail",
            exchange=gmail_token(self._connection, self._config),
            is_stale=is_ending,
            is_busy=is_busy,
            policy=policy,
        )

    def _execute(self, request: Any, price: str) -> dict[str, Any]:
        """Return what a request answers; an error within a good status is one too."""
        answer = self._sent(request, price)
        if not isinstance(answer, dict) or "error" in answer:
            raise UnavailableError("Gmail answers with what is no answer")
        return answer

    def _sent(self, request: Any, price: str) -> Any:
        try:
            return request.execute(http=GuardedHttp(self._single, self._budget, _PRICES[price]))
        except HttpError as refused:
            raise translated(refused) from None

    def _each(self, ids: Sequence[str], form: Mapping[str, str]) -> Iterator[tuple[str, Message | ItemFault]]:
        """Yield each message, asked for in batches as large as their answers allow: no more than one is held."""
        place = 0
        while place < len(ids):
            some = ids[place : place + self._batch]
            try:
                answers = self._some(some, form)
            except AnswerError:
                self._batch = max(1, len(some) // 2)
                continue
            except (BatchError, HttpError, LookupError, ValueError, TypeError):
                # Not what a batch is answered with, by a proxy in between perhaps; alone, each says what is wrong.
                self._batch = 1
                continue
            if len(some) == self._batch:
                self._batch = min(BATCH, self._batch + 1)
            place += len(some)
            yield from answers.items()

    def _some(self, ids: Sequence[str], form: Mapping[str, str]) -> dict[str, Message | ItemFault]:
        """Return some messages. Parts that a limit or a passing fault stopped are asked for again, and only those."""
        found: dict[str, Message | ItemFault] = dict.fromkeys(ids, ItemFault("no answer", retryable=True))
        left = list(ids)
        for tried in range(1, TRIES + 1):
            answers = self._one_batch(left, form) if self._batch > 1 else {key: self._alone(key, form) for key in left}
            refused = {key: answer for key, answer in answers.items() if isinstance(answer, HttpError)}
            found |= {key: answer for key, answer in answers.items() if not isinstance(answer, HttpError)}
            found |= {key: _item_fault(answer) for key, answer in refused.items()}
            left = [key for key, answer in refused.items() if _is_passing(answer)]
            limited = [key for key in left if is_limit(int(refused[key].resp.status), refused[key].content)]
            if not left:
                return found
            pause = pause_after(tried)
            if limited and tried == TRIES:
                raise BusyError("Gmail limits its answers", seconds=pause)
            if limited:
                self._connection.hold_back(self._budget, pause)
            elif tried < TRIES:
                self._connection.wait(pause)
        return found

    def _one_batch(self, ids: Sequence[str], form: Mapping[str, str]) -> dict[str, Message | HttpError | ItemFault]:
        found: dict[str, Message | HttpError | ItemFault] = {}

        def take(number: str, answer: Any, refused: HttpError | None) -> None:
            key = ids[int(number)]
            found[key] = refused if refused is not None else answer

        batch = BatchHttpRequest(callback=take, batch_uri=self._batch_uri)
        for number, key in enumerate(ids):
            batch.add(self._get(key, form), request_id=str(number))
        batch.execute(http=GuardedHttp(self._batches, self._budget, _PRICES["get"] * len(ids)))
        # A token that ended between request and part is renewed by a request of its own.
        return {
            key: self._alone(key, form) if _is_of_the_token(answer) or not _is_answer(answer) else answer
            for key, answer in found.items()
        }

    def _alone(self, key: str, form: Mapping[str, str]) -> Message | HttpError | ItemFault:
        try:
            answer = self._get(key, form).execute(http=GuardedHttp(self._single, self._budget, _PRICES["get"]))
        except HttpError as refused:
            return refused
        except AnswerError as error:
            return ItemFault(f"the mail is too large: {error.message}")
        except BusyError:
            raise
        except UnavailableError as error:
            # Where Gmail answers other requests, it is this mail that it cannot give.
            self.profile()
            return ItemFault(error.message, retryable=True)
        return answer if _is_answer(answer) else ItemFault("Gmail answers with what is no message", retryable=True)

    def _get(self, key: str, form: Mapping[str, str]) -> Any:
        return self._users.messages().get(userId=self._config.mailbox, id=key, **form)


@cache
def _document(base_url: str) -> str:
    """Return the description of the API, at another address."""
    document = json.loads(get_static_doc("gmail", "v1"))
    return json.dumps({**document, "rootUrl": base_url.rstrip("/") + "/"})


def _is_answer(answer: object) -> bool:
    return isinstance(answer, HttpError | ItemFault) or (isinstance(answer, dict) and "error" not in answer)


def _is_of_the_token(answer: object) -> bool:
    return isinstance(answer, HttpError) and int(answer.resp.status) == 401


def _is_passing(refused: HttpError) -> bool:
    status = int(refused.resp.status)
    return status >= 500 or is_limit(status, refused.content)


def _item_fault(refused: HttpError) -> ItemFault:
    """Return what a refusal means for one message. Raises what concerns the whole source."""
    error = translated(refused)
    if isinstance(error, NotFoundError):
        return ItemFault("there is no such message", gone=True)
    if isinstance(error, UnavailableError):
        return ItemFault(error.message, retryable=True)
    if isinstance(error, InputError) and error.code == InputError.code:
        return ItemFault(error.message)
    raise error
