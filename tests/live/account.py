"""A real account, by a file of whoever owns it: configuration and credential of one source, as JSON.

    {"config": {…}, "credential": {…}}

as `opsintel source add` takes them. A token that is renewed is written back to the file, as most providers take a
refresh token once. `local_servers` (host:port) and `certificate` (a file) are for servers in an inner network.
"""

from __future__ import annotations

import json
import os
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from opsintel.connectors.connection import Budget, Credential, PushAddress
from opsintel.connectors.contract import Checkpoint, Connector, ReadItem, Upsert
from opsintel.connectors.registry import connector_class
from opsintel.net.policy import Policy

MOST_ITEMS, MOST_PAGES = 200, 3


class LiveConnection:
    """A source's connection whose credential is in a file, and which keeps the provider's limits by itself."""

    push: PushAddress | None = None

    def __init__(self, path: Path, given: Mapping[str, Any]) -> None:
        servers = [place.rpartition(":") for place in given.get("local_servers", ())]
        self.policy = Policy(local_servers=frozenset((host, int(port)) for host, _, port in servers))
        certificate = given.get("certificate")
        self.trust = ssl.create_default_context(cafile=certificate) if certificate else None
        self._path = path
        self._full_at: dict[tuple[str, str], float] = {}

    def credential(self) -> Credential:
        held: dict[str, str] = json.loads(self._path.read_text())["credential"]
        return held

    def renewed(self, stale: Credential, exchange: Callable[[Credential], Credential]) -> Credential:
        fresh = {**self.credential(), **exchange(stale)}
        written = self._path.with_name(f"{self._path.name}.new")
        with os.fdopen(os.open(written, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(json.loads(self._path.read_text()) | {"credential": fresh}, file, indent=1)
        written.replace(self._path)
        return fresh

    def spend(self, budget: Budget, units: int = 1) -> None:
        key, limit = (budget.name, budget.of), budget.limit
        full_at = max(self._full_at.get(key, 0.0), time.monotonic()) + limit.cost(units).total_seconds()
        self._full_at[key] = full_at
        self.wait(max(0.0, full_at - limit.capacity.total_seconds() - time.monotonic()))

    def hold_back(self, budget: Budget, seconds: float) -> None:
        self._full_at[budget.name, budget.of] = time.monotonic() + seconds + budget.limit.capacity.total_seconds()

    def wait(self, seconds: float) -> None:
        time.sleep(seconds)


class LiveAccount:
    """An account of a kind; each connector has a connection of its own. What is read first is read once."""

    def __init__(self, kind: str, path: Path) -> None:
        self.kind, self._path = kind, path

    def connector(self) -> Connector:
        given = json.loads(self._path.read_text())
        found = connector_class(self.kind)
        config = found.manifest.config_model.model_validate(given["config"])
        assert found.manifest.credential_model is not None, f"{self.kind} has no account"
        found.manifest.credential_model.model_validate(given["credential"])
        return found(config, LiveConnection(self._path, given))

    @cached_property
    def items(self) -> list[ReadItem]:
        """Return the first items that it gives."""
        return self.first_of(self.connector().read("messages", None))

    @property
    def upserts(self) -> list[Upsert]:
        return [item for item in self.items if isinstance(item, Upsert)]

    @property
    def latest(self) -> dict[str, Upsert]:
        return {item.native_id: item for item in self.upserts}

    def first_of(self, items: Iterator[ReadItem]) -> list[ReadItem]:
        """Return some pages, and end a reading there."""
        found: list[ReadItem] = []
        pages = 0
        for item in items:
            found.append(item)
            pages += isinstance(item, Checkpoint)
            if pages >= MOST_PAGES and len(found) >= MOST_ITEMS:
                break
        return found
