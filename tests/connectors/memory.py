"""A source's connection in memory: tests see what was spent and waited for, and no test waits."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field

from opsintel.connectors.connection import Budget, Credential, PushAddress
from opsintel.errors import CredentialError, UnavailableError
from opsintel.net.policy import Policy


@dataclass
class MemoryConnection:
    """Holds one credential; `waits` are the seconds that were waited, `spent` the units by the name of their budget."""

    policy: Policy
    held: Credential | None = None
    trust: ssl.SSLContext | None = None
    push: PushAddress | None = None
    waits: list[float] = field(default_factory=list)
    spent: dict[str, int] = field(default_factory=dict)
    held_back: list[tuple[str, float]] = field(default_factory=list)
    renewals: int = 0
    longest_wait: float = float("inf")

    def credential(self) -> Credential:
        if self.held is None:
            raise CredentialError("The source has no credential", remedy="Authorise it")
        return self.held

    def renewed(self, stale: Credential, exchange: Callable[[Credential], Credential]) -> Credential:
        if self.held is not None and dict(self.held) != dict(stale):
            return self.held
        self.held = exchange(stale)
        self.renewals += 1
        return self.held

    def spend(self, budget: Budget, units: int = 1) -> None:
        budget.limit.cost(units)
        self.spent[budget.name] = self.spent.get(budget.name, 0) + units

    def hold_back(self, budget: Budget, seconds: float) -> None:
        self.held_back.append((budget.name, seconds))
        self.wait(seconds)

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        if sum(self.waits) > self.longest_wait:
            raise UnavailableError("The process is to stop")


def local_connection(port: int, **fields: object) -> MemoryConnection:
    """Return a connection that may speak with a server of a test on 127.0.0.1, and nothing else here."""
    policy = Policy(local_servers=frozenset({("127.0.0.1", port)}))
    return MemoryConnection(policy, **fields)  # type: ignore[arg-type]
