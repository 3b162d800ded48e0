"""What a connector uses of the world: its credential, a guarded way out, and its share of a provider's limits.

A connector is given one and makes no connection, wait or secret by any other means, so that tests can give it their own
clock and the product can share limits between processes.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from opsintel.coordination.contract import Limit
from opsintel.net.policy import Policy

Credential = Mapping[str, str]
"""The fields of a credential, as the credential model of the kind names them."""


@dataclass(frozen=True, slots=True)
class Budget:
    """A limit of a provider: what it counts, and of whom: one workspace, mailbox or app, whose sources share it."""

    name: str
    limit: Limit
    of: str = ""
    """Whom the provider counts by, e.g. the id of a workspace; '' is the source. Only a hash of it is kept."""


@dataclass(frozen=True, slots=True)
class PushAddress:
    """Where a source's pushes reach us, and a secret for providers that prove them with one of our choice."""

    url: str
    secret: str = field(repr=False)


class Connection(Protocol):
    """A source's connection. It is for one thread."""

    @property
    def policy(self) -> Policy:
        """What may be connected to: the public internet, and local servers that the operator allows."""
        ...

    @property
    def trust(self) -> ssl.SSLContext | None:
        """Certificate authorities that are trusted; None: the public ones."""
        ...

    @property
    def push(self) -> PushAddress | None:
        """Where its provider's pushes reach us; None where the installation has no public address."""
        ...

    def credential(self) -> Credential:
        """Return the credential as it is now. Raises `CredentialError` where the source has none."""
        ...

    def renewed(self, stale: Credential, exchange: Callable[[Credential], Credential]) -> Credential:
        """Return a credential newer than `stale`, under a lock on its row.

        Where another process has renewed it, that one is returned. Else `exchange` is called with the present one, and
        what it returns is kept before anything else happens: providers take a refresh token once. What `exchange`
        raises is raised, and the credential stays.
        """
        ...

    def spend(self, budget: Budget, units: int = 1) -> None:
        """Return once so much of a budget is ours. Raises `UnavailableError` where that takes too long to wait for."""
        ...

    def hold_back(self, budget: Budget, seconds: float) -> None:
        """Let no process spend of a budget for so long, as its provider asked (Retry-After)."""
        ...

    def wait(self, seconds: float) -> None:
        """Wait before the same request is tried again. Raises `UnavailableError` where the process is to stop."""
        ...
