"""A source's connection for real: sealed credentials, limits that processes share, waits that end with the process."""

from __future__ import annotations

import hashlib
import ssl
import threading
from collections.abc import Callable
from uuid import UUID

from opsintel.connectors.connection import Budget, Credential, PushAddress
from opsintel.context import Context
from opsintel.coordination.contract import Key
from opsintel.coordination.pace import Pace
from opsintel.errors import UnavailableError
from opsintel.net.policy import Policy, local_servers_of
from opsintel.sources.credentials import missing

KEY_CHARACTERS = 32
"""Of the hash that names whom a provider counts by."""


def push_url(public_url: str, source_id: UUID) -> str:
    """Return the address that a source's pushes are sent to."""
    return f"{public_url.rstrip('/')}/v1/push/{source_id}"


class SourceConnection:
    """Implements `opsintel.connectors.connection.Connection` for one source."""

    trust: ssl.SSLContext | None = None

    def __init__(
        self,
        context: Context,
        tenant_id: UUID,
        source_id: UUID,
        kind: str,
        secret_id: UUID | None,
        stop: threading.Event | None = None,
    ) -> None:
        """`stop` ends waits: the process is to end."""
        self.policy = Policy(local_servers=local_servers_of(context.settings))
        self._context = context
        self._tenant_id, self._source_id, self._kind, self._secret_id = tenant_id, source_id, kind, secret_id
        self._stop = stop or threading.Event()
        self._pace = Pace(context.coordinator, self.wait)

    @property
    def push(self) -> PushAddress | None:
        """Where its provider's pushes reach us; None where the installation has no public address."""
        public = self._context.settings.public_url
        if public is None:
            return None
        with self._context.database.tenant_tx(self._tenant_id) as connection:
            row = connection.execute("SELECT push_secret_id FROM source WHERE id = %s", (self._source_id,)).fetchone()
        if row is None or row[0] is None:
            return None
        secret = self._context.credentials.push_secret(self._tenant_id, row[0])
        return PushAddress(push_url(public, self._source_id), secret)

    def credential(self) -> Credential:
        """Return the credential as it is now. Raises `CredentialError` where the source has none."""
        return self._context.credentials.open(self._tenant_id, self._secret())

    def renewed(self, stale: Credential, exchange: Callable[[Credential], Credential]) -> Credential:
        """Return a credential newer than `stale`, exchanged once by all processes together."""
        return self._context.credentials.renewed(self._tenant_id, self._secret(), stale, exchange)

    def spend(self, budget: Budget, units: int = 1) -> None:
        """Return once so much of a budget is ours. Raises `BusyError` where that takes too long to wait for."""
        self._pace.spend(self._key(budget), budget.limit, units, of="The provider")

    def hold_back(self, budget: Budget, seconds: float) -> None:
        """Let no process spend of a budget for so long, as its provider asked."""
        self._pace.hold_back(self._key(budget), seconds)

    def wait(self, seconds: float) -> None:
        """Wait. Raises `UnavailableError` where the process is to stop."""
        if self._stop.wait(seconds):
            raise UnavailableError("The process is to stop", remedy="The next one goes on where it stopped")

    def _secret(self) -> UUID:
        if self._secret_id is None:
            raise missing()
        return self._secret_id

    def _key(self, budget: Budget) -> Key:
        # Of the tenant: what a source says of whom it is counted by is its owner's word, and holds up nobody else.
        counted = budget.of or str(self._source_id)
        digest = hashlib.sha256(counted.encode()).hexdigest()[:KEY_CHARACTERS]
        return Key(self._tenant_id, f"source:{self._kind}:{budget.name}:{digest}")
