"""People who were erased and must not come back: known by keyed hashes of their addresses, and by nothing else.

The key is a secret of the tenant (sealed by its data key, so a rotation of the master key keeps it), without which a
hash cannot be tried against lists of addresses.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Iterable
from uuid import UUID

import psycopg

from opsintel.context import Context
from opsintel.crypto.keyring import Keyring
from opsintel.crypto.master import MasterKeys

PURPOSE = "erasure.suppression"
_KEY_BYTES = 32


def identity_hash(key: bytes, kind: str, value: str) -> bytes:
    """Return the HMAC-SHA256 by which an address of a kind (`email`, `slack`, ...) is known after its erasure."""
    return hmac.digest(key, f"{kind}\0{value.strip().casefold()}".encode(), hashlib.sha256)


def suppression_key(context: Context, tenant_id: UUID) -> bytes | None:
    """Return the tenant's key; None when nobody was erased yet."""
    with context.database.tenant_tx(tenant_id) as connection:
        row = connection.execute("SELECT id FROM secret WHERE purpose = %s", (PURPOSE,)).fetchone()
    if row is None:
        return None
    return Keyring(context.database, MasterKeys.of(context.settings)).open(tenant_id, row[0]).reveal()


def ensure_suppression_key(context: Context, tenant_id: UUID, key: bytes | None = None) -> bytes:
    """Return the tenant's key, made (or taken over from `key`) when there is none yet."""
    known = suppression_key(context, tenant_id)
    if known is not None:
        return known
    made = key or os.urandom(_KEY_BYTES)
    Keyring(context.database, MasterKeys.of(context.settings)).store(tenant_id, PURPOSE, made)
    return made


class Suppressed:
    """The hashes of a tenant's erased people; empty for nearly all tenants, and then it costs one look-up."""

    def __init__(self, key: bytes, hashes: Iterable[bytes]) -> None:
        self._key = key
        self._hashes = frozenset(hashes)
        self._known: dict[tuple[str, str], bool] = {}

    def __bool__(self) -> bool:
        return bool(self._hashes)

    def holds(self, kind: str, value: str) -> bool:
        """Tell whether an address is that of a person who was erased."""
        found = self._known.get((kind, value))
        if found is None:
            found = self._known[kind, value] = identity_hash(self._key, kind, value) in self._hashes
        return found

    def holds_email(self, address: str) -> bool:
        """Tell whether an e-mail address in lower case is that of a person who was erased."""
        return self.holds("email", address)


NOBODY = Suppressed(b"", ())


def suppressed(context: Context, tenant_id: UUID) -> Suppressed:
    """Return who of a tenant's people must not come back."""
    with context.database.tenant_tx(tenant_id) as connection:
        hashes = _hashes(connection)
    key = suppression_key(context, tenant_id) if hashes else None
    return Suppressed(key, hashes) if key is not None else NOBODY


def _hashes(connection: psycopg.Connection) -> list[bytes]:
    return [bytes(row[0]) for row in connection.execute("SELECT hash FROM erasure_suppression").fetchall()]
