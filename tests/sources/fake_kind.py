"""A kind of source for tests, found as those of the product are: a help desk in memory, with pushes and a watch."""

from __future__ import annotations

import hashlib
import hmac
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel, ConfigDict, Field

from opsintel.connectors import registry
from opsintel.connectors.contract import (
    Check,
    Checkpoint,
    Connector,
    Cursor,
    Delivery,
    Failure,
    Live,
    Manifest,
    OAuth,
    PayloadFormat,
    Pushed,
    ReadItem,
    Tombstone,
    Upsert,
    Verdict,
    Window,
)
from opsintel.errors import CredentialError, InputError, SignatureError
from opsintel.events.message import CanonicalMessage
from opsintel.filters.plan import Plan, local_plan
from opsintel.filters.syntax import Node
from opsintel_pipeline.normalize.parse import NormalizeContext, parse_payload

KIND = "fake"
PAGE = 2


class FakeConfig(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    desk: str = Field("main", description="Which desk", max_length=50)
    base_url: str = Field("https://desk.example", description="Address of the desk")


class FakeCredential(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    token: str = Field("none", description="API token", min_length=3, json_schema_extra={"secret": True})
    access_token: str | None = Field(None, description="Token of OAuth", json_schema_extra={"secret": True})
    refresh_token: str | None = Field(None, description="Renews it", json_schema_extra={"secret": True})
    expires_at: str | None = Field(None, description="When the token ends")
    client_id: str | None = Field(None, description="App that was authorised")
    client_secret: str | None = Field(None, description="Its secret", json_schema_extra={"secret": True})


def record(
    number: int, *, version: int = 1, at: datetime | None = None, text: str | None = None, **fields: object
) -> Upsert:
    """Return an item as the desk holds it: a canonical record; `fields` are further ones, or others."""
    moment = at or datetime.now(UTC) - timedelta(minutes=60 - number % 60)
    body = {
        "id": f"t{number}", "thread": f"t{number}", "occurred_at": moment.isoformat(),
        "author_email": "cara@customer.example",
        "subject": f"Ticket {number}", "text": text or f"The export of report {number} fails, version {version}.",
    } | fields  # fmt: skip
    return Upsert(f"t{number}", str(version), json.dumps(body).encode(), PayloadFormat.RECORD, moment)


def message_of(item: Upsert) -> CanonicalMessage:
    """Return an item as the product reads it."""
    context = NormalizeContext(channel=item.channel)
    return parse_payload(item.payload, item.format, item.native_id, context=context)


def local_plan_at(tree: Node, now: datetime) -> Plan:
    """Return the plan of a desk that evaluates nothing."""
    del now
    return local_plan(tree)


@dataclass
class Desk:
    """What the provider holds, and how it misbehaves."""

    items: dict[str, Upsert] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    broken: dict[str, Failure] = field(default_factory=dict)
    """Items that cannot be read for now."""
    fault: Exception | None = None
    check_fault: Exception | None = None
    checks: int = 0
    fetched: list[str] = field(default_factory=list)
    counted: list[Window] = field(default_factory=list)
    told: list[tuple[str, ...]] = field(default_factory=list)
    """What it tells on a connection that stays open."""
    push: Callable[[Node, datetime], Plan] = local_plan_at
    """What it evaluates of a filter."""
    finds: Callable[[Mapping[str, Any], CanonicalMessage], bool] = lambda _pushed, _message: True
    """Whether its search finds a message."""

    def put(self, *items: Upsert) -> None:
        for item in items:
            self.items[item.native_id] = item


class FakeConnector(Connector, Pushed, Live):
    """Reads the desk in pages; the cursor is how many changes were seen."""

    manifest: ClassVar[Manifest] = Manifest(
        KIND, "Fake desk", "A help desk of the tests", FakeConfig, credential_model=FakeCredential,
        oauth=OAuth("slack", "{base_url}/authorize", "{base_url}/token", ("read", "history"), {"prompt": "consent"}),
        push_title="Webhooks", poll_seconds=60,
    )  # fmt: skip
    desk: ClassVar[Desk] = Desk()

    def check(self) -> Sequence[Check]:
        assert self.connection is not None
        self.desk.checks += 1
        if isinstance(self.desk.check_fault, CredentialError):
            fault = self.desk.check_fault
            return [Check("token", Verdict.FAILED, True, fault.message, fault.remedy)]
        if self.desk.check_fault is not None:
            raise self.desk.check_fault
        is_good = self.connection.credential()["token"] != "revoked"
        return [
            Check("token", Verdict.PASSED if is_good else Verdict.FAILED, True, "The token is read", "Make another"),
            Check("clock", Verdict.UNKNOWN, False, "The clock was not asked for"),
        ]

    def read(self, stream: str, cursor: Cursor | None, until: datetime | None = None) -> Iterator[ReadItem]:
        if self.desk.fault is not None:
            raise self.desk.fault
        place, items = (cursor or {}).get("place", 0), list(self.desk.items.values())
        while place < len(items):
            for item in items[place : place + PAGE]:
                if self._has(item):
                    yield self.desk.broken.get(item.native_id, item)
            place = min(place + PAGE, len(items))
            yield Checkpoint({"place": place})

    def census(self, window: Window) -> Iterator[tuple[str, datetime | None]]:
        self.desk.counted.append(window)
        for item in self.desk.items.values():
            at = item.occurred_at
            assert at is not None
            is_there = item.native_id not in self.desk.gone and self._has(item)
            if is_there and (window.start is None or at >= window.start):
                yield item.native_id, at

    def fetch(self, keys: Iterable[str]) -> Iterator[ReadItem]:
        if self.desk.fault is not None:
            raise self.desk.fault
        for key in keys:
            self.desk.fetched.append(key)
            if key in self.desk.broken:
                yield self.desk.broken[key]
            elif key in self.desk.items and key not in self.desk.gone and self._has(self.desk.items[key]):
                yield self.desk.items[key]
            else:
                yield Tombstone(key, datetime.now(UTC))

    def plan(self, tree: Node, now: datetime) -> Plan:
        return self.desk.push(tree, now)

    def _has(self, item: Upsert) -> bool:
        """Tell whether an item is selected; what is not is as if it were gone, as with real providers."""
        return not self.selection or self.desk.finds(self.selection, message_of(item))

    def listen(self, stop: Callable[[], bool]) -> Iterator[tuple[str, ...]]:
        while self.desk.told and not stop():
            yield self.desk.told[0]
            self.desk.told.pop(0)  # the desk hears that it arrived when the next is asked for
        if self.desk.fault is not None:
            raise self.desk.fault

    @classmethod
    def receive(cls, headers: Mapping[str, str], body: bytes, secret: bytes, received_at: datetime) -> Delivery:
        stamp = headers.get("x-desk-timestamp", "")
        if not stamp.isdecimal() or abs(received_at.timestamp() - int(stamp)) > 300:
            raise SignatureError("The push is not of now")
        expected = hmac.digest(secret, stamp.encode() + b"." + body, hashlib.sha256).hex()
        if not hmac.compare_digest(expected, headers.get("x-desk-signature", "")):
            raise SignatureError("The push is not signed by the desk")
        try:
            event = json.loads(body)
        except ValueError:
            raise InputError("It is no push") from None
        if "challenge" in event:
            return Delivery(str(event["challenge"]), answer=event["challenge"].encode())
        return Delivery(event["id"], tuple(event["keys"]))


def signed(secret: str, event: Any, *, at: datetime | None = None) -> tuple[bytes, dict[str, str]]:
    """Return body and headers of a push of the desk."""
    body, stamp = json.dumps(event).encode(), str(int((at or datetime.now(UTC)).timestamp()))
    signature = hmac.digest(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hex()
    return body, {"X-Desk-Timestamp": stamp, "X-Desk-Signature": signature, "Content-Type": "application/json"}


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """A desk behind the kind `fake`, which the product knows meanwhile."""
    package = f"opsintel.connectors.{KIND}"
    manifest, connector = ModuleType(f"{package}.manifest"), ModuleType(f"{package}.connector")
    manifest.MANIFEST = FakeConnector.manifest  # type: ignore[attr-defined]
    connector.FakeConnector = FakeConnector  # type: ignore[attr-defined]
    monkeypatch.setattr(FakeConnector, "__module__", connector.__name__)
    monkeypatch.setattr(FakeConnector, "desk", Desk())
    for module in (manifest, connector):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    real = registry.kinds()
    monkeypatch.setattr(registry, "kinds", lambda: (*real, KIND))
    for cached in (registry.all_manifests, registry.connector_class):
        cached.cache_clear()
    yield FakeConnector.desk
    for cached in (registry.all_manifests, registry.connector_class):
        cached.cache_clear()
