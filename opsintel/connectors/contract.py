"""The connector contract: one class in one folder for each provider.

A connector knows its provider and nothing of Dagster, SQL or HTTP routes. The capabilities are small abstract classes;
a connector implements those its provider has. `read` yields data, also for what went wrong with one item: exceptions
are for what concerns the whole source (see opsintel.errors).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from pydantic import BaseModel

from opsintel.connectors.connection import Connection
from opsintel.errors import InputError
from opsintel.filters.plan import Plan, local_plan
from opsintel.filters.syntax import Node

Cursor = dict[str, Any]


class PayloadFormat(StrEnum):
    """How the raw bytes of an item are to be read by the normaliser."""

    MIME = "mime"
    SLACK = "slack"
    RECORD = "record"


@dataclass(frozen=True, slots=True)
class Upsert:
    """An item that exists: its stable id, its version there, its raw bytes and its event time as far as it is cheap.

    `places` are the keys under which it would have been a failure, where they differ from its id: they are mended now.
    """

    native_id: str
    version: str
    payload: bytes
    format: PayloadFormat
    occurred_at: datetime | None
    channel: str = ""
    places: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tombstone:
    """An item that was deleted at the provider."""

    native_id: str
    deleted_at: datetime | None


@dataclass(frozen=True, slots=True)
class Failure:
    """One item (or range) that could not be read; the feed goes on and stores it as a row."""

    kind: str
    key: str
    reason: str
    retryable: bool


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Everything yielded before it is complete; committed in one transaction with those rows."""

    cursor: Cursor


ReadItem = Upsert | Tombstone | Failure | Checkpoint


class Verdict(StrEnum):
    """Outcome of a check; a time-out is `unknown`, never `failed`."""

    PASSED = "passed"
    WARNING = "warning"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Check:
    """One named check of a source, with the remedy in words."""

    name: str
    verdict: Verdict
    required: bool
    detail: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Window:
    """A half-open span of event time, UTC; `None` is open."""

    start: datetime | None = None
    end: datetime | None = None

    def holds(self, moment: datetime | None) -> bool:
        """Tell whether a time lies in it; what has no time is in the open window alone."""
        if moment is None:
            return self.start is None and self.end is None
        return (self.start is None or moment >= self.start) and (self.end is None or moment < self.end)


@dataclass(frozen=True, slots=True)
class OAuth:
    """How a provider lets us in on a person's word (RFC 6749 with PKCE, RFC 7636).

    `authorize_url`, `token_url` and `base` may hold fields of the configuration in braces, e.g. {subdomain}. What the
    token endpoint answers becomes the credential by the connector's `credential_of`.
    """

    app: str
    """Whose app of the operator's settings: google, microsoft, slack, zendesk or atlassian."""
    authorize_url: str
    token_url: str
    scopes: tuple[str, ...]
    parameters: Mapping[str, str] = field(default_factory=dict)
    """Further parameters of the authorization request, e.g. access_type=offline."""
    scope_separator: str = " "


@dataclass(frozen=True, slots=True)
class Delivery:
    """A push that was verified: what it is known by if it comes again, the keys it marks dirty, and what is answered.

    A key is the id of an item, or `news_of` a stream. `answer` is the handshake that some providers expect; a delivery
    with one and without keys is not stored.
    """

    delivery_id: str
    keys: tuple[str, ...] = ()
    answer: bytes | None = None
    answer_type: str = "text/plain"


@dataclass(frozen=True)
class Manifest:
    """What the product needs to know of a provider without importing its client."""

    kind: str
    title: str
    summary: str
    config_model: type[BaseModel]
    streams: tuple[str, ...] = ("messages",)
    credential_model: type[BaseModel] | None = None
    """Fields of its credential, all texts; `json_schema_extra={"secret": True}` marks those never shown again."""
    oauth: OAuth | None = None
    push_title: str = ""
    """What its pushes are called there, e.g. Events API; '' where it has none by HTTP."""
    push_secret: str = ""
    """The field of the credential that its pushes are verified with; '' where it is `Connection.push`'s secret."""
    poll_seconds: int | None = None
    """How often it is read unless a person says otherwise; None: once."""
    has_parts: bool = False
    """Whether what stands below `id/` belongs to the item `id` and goes with it, as comments of a ticket do."""
    labels: Mapping[str, str] = field(default_factory=dict)


_NEWS = "stream:"


def news_of(stream: str) -> str:
    """Return the dirty key of a provider that says only that there is something new: the stream is read on."""
    return f"{_NEWS}{stream}"


def stream_of(key: str) -> str | None:
    """Return the stream that a dirty key asks to read on; None for the key of an item, which is fetched."""
    return key.removeprefix(_NEWS) if key.startswith(_NEWS) else None


class Connector(ABC):
    """A readable source. Subclasses are found by their folder: `connectors/<provider>/connector.py`."""

    manifest: ClassVar[Manifest]

    def __init__(self, config: BaseModel, connection: Connection | None = None) -> None:
        """`connection` is given to every kind that has one; files need none."""
        self.config = config
        self.connection = connection
        self.selection: Mapping[str, Any] = {}
        """What the provider evaluates of the source's filter: `pushed` of its plan. `read` and `census` go by it."""

    @abstractmethod
    def check(self) -> Sequence[Check]:
        """Return the checks of this source, each with verdict and remedy."""

    def check_usable(self) -> None:
        """Raise `InputError` with the first required check that failed."""
        for check in self.check():
            if check.required and check.verdict is Verdict.FAILED:
                raise InputError(check.detail, remedy=check.remedy)

    def require_stream(self, stream: str) -> None:
        """Raise `InputError` for a stream that there is not."""
        if stream not in self.manifest.streams:
            raise InputError(f"There is no stream {stream!r}", remedy=f"Use one of {', '.join(self.manifest.streams)}")

    @abstractmethod
    def read(self, stream: str, cursor: Cursor | None, until: datetime | None = None) -> Iterator[ReadItem]:
        """Yield what is new since `cursor` (None: everything), with checkpoints at pages.

        Raises `InputError` where the whole source cannot be used, `RetriableError` for a passing fault.
        """

    @abstractmethod
    def census(self, window: Window) -> Iterator[tuple[str, datetime | None]]:
        """Yield (native id, event time) of everything the provider holds in the window."""

    @abstractmethod
    def fetch(self, keys: Iterable[str]) -> Iterator[ReadItem]:
        """Re-read the named items: repair, retry, keys that a push marked dirty."""

    def plan(self, tree: Node, now: datetime) -> Plan:
        """Split a filter into pushed-down part and residual; without push-down everything is residual."""
        del now
        return local_plan(tree)


class Watched(ABC):
    """A connector whose provider pushes for as long as a watch lasts: it is renewed before it ends."""

    @abstractmethod
    def renew(self) -> datetime:
        """Renew the watch at the provider, or begin it, and return from when it is to be renewed again (UTC).

        Safe to call again. Raises `CredentialError` where a person has to act, `RetriableError` for a passing fault.
        """


class Pushed(ABC):
    """A connector whose provider tells us by HTTP that something changed."""

    @classmethod
    @abstractmethod
    def receive(cls, headers: Mapping[str, str], body: bytes, secret: bytes, received_at: datetime) -> Delivery:
        """Verify a push on its raw body and return what it marks dirty; it reads nothing and calls nobody.

        Names of headers are in lower case; `:query` is the query of the address as it came. Raises `SignatureError` for
        what the provider did not send, or sent long ago, and `InputError` for what is signed and no push of it.
        """


class Bringing(ABC):
    """A connector whose pushes bring the items themselves: their bodies are kept until they are read."""

    @abstractmethod
    def items(self, delivery_id: str, body: bytes) -> Iterator[ReadItem]:
        """Yield what a verified push holds; one item's trouble is a `Failure`."""


class Live(ABC):
    """A connector that hears of changes on a connection which it opens itself: no public address is needed."""

    @abstractmethod
    def listen(self, stop: Callable[[], bool]) -> Iterator[tuple[str, ...]]:
        """Yield keys that became dirty, () as a sign of life at least every minute, until `stop` or the end.

        The keys are those of a `Delivery`. Ends when the connection does; the caller opens it again. Raises as `read`.
        """
