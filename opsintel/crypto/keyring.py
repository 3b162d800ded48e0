"""The keyring: the master key wraps one data key for each tenant; data keys seal the tenant's credentials."""

from __future__ import annotations

import hashlib
import os
from uuid import UUID

import psycopg

from opsintel.crypto.envelope import KEY_BYTES, SealContext, open_sealed, seal
from opsintel.crypto.secrets import Secret
from opsintel.db.engine import Database
from opsintel.errors import NotFoundError, SealError
from opsintel.ids import derived_id, new_id


def master_key_id(master_key: bytes) -> UUID:
    """Return the id by which a master key is known where it is not: it tells nothing of the key."""
    return derived_id("master-key", hashlib.sha256(b"opsintel master key id" + master_key).hexdigest())


class Keyring:
    """Seals and opens credentials of tenants."""

    def __init__(self, database: Database, master_key: bytes) -> None:
        self._database = database
        self._master_key = master_key
        self._master_id = master_key_id(master_key)

    def store(self, tenant_id: UUID, purpose: str, value: bytes) -> UUID:
        """Seal a credential, store it and return the id of its row."""
        secret_id = new_id()
        with self._database.tenant_tx(tenant_id) as connection:
            key_id, key = self._current_key(connection, tenant_id)
            sealed = seal(key, key_id, value, _context(purpose, tenant_id, secret_id, 1))
            connection.execute(
                "INSERT INTO secret (tenant_id, id, purpose, sealed, data_key_id) VALUES (%s, %s, %s, %s, %s)",
                (tenant_id, secret_id, purpose, sealed, key_id),
            )
        return secret_id

    def replace(self, tenant_id: UUID, secret_id: UUID, value: bytes) -> None:
        """Seal a new value in an existing row under a higher version; the old bytes no longer open."""
        with self._database.tenant_tx(tenant_id) as connection:
            row = connection.execute(
                "SELECT purpose, version FROM secret WHERE id = %s FOR UPDATE", (secret_id,)
            ).fetchone()
            if row is None:
                raise NotFoundError("There is no such credential")
            key_id, key = self._current_key(connection, tenant_id)
            sealed = seal(key, key_id, value, _context(row[0], tenant_id, secret_id, row[1] + 1))
            connection.execute(
                "UPDATE secret SET sealed = %s, data_key_id = %s, version = version + 1, updated_at = now()"
                " WHERE id = %s",
                (sealed, key_id, secret_id),
            )

    def open(self, tenant_id: UUID, secret_id: UUID) -> Secret:
        """Return a credential; `NotFoundError` when absent, `SealError` when it does not open."""
        with self._database.tenant_tx(tenant_id) as connection:
            row = connection.execute(
                "SELECT s.purpose, s.sealed, s.version, s.data_key_id, k.wrapped FROM secret s"
                " JOIN data_key k ON k.id = s.data_key_id WHERE s.id = %s",
                (secret_id,),
            ).fetchone()
        if row is None:
            raise NotFoundError("There is no such credential")
        purpose, sealed, version, key_id, wrapped = row
        key = self._unwrap(tenant_id, key_id, wrapped)
        return Secret(open_sealed(key, sealed, _context(purpose, tenant_id, secret_id, version)))

    def _current_key(self, connection: psycopg.Connection, tenant_id: UUID) -> tuple[UUID, bytes]:
        connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('data_key ' || %s, 0))", (str(tenant_id),))
        row = connection.execute("SELECT id, wrapped FROM data_key WHERE retired_at IS NULL").fetchone()
        if row is not None:
            return row[0], self._unwrap(tenant_id, row[0], row[1])
        key_id, key = new_id(), os.urandom(KEY_BYTES)
        wrapped = seal(self._master_key, self._master_id, key, _wrapping(tenant_id, key_id))
        connection.execute(
            "INSERT INTO data_key (tenant_id, id, master_key_id, wrapped) VALUES (%s, %s, %s, %s)",
            (tenant_id, key_id, str(self._master_id), wrapped),
        )
        return key_id, key

    def _unwrap(self, tenant_id: UUID, key_id: UUID, wrapped: bytes) -> bytes:
        return unwrap(self._master_key, tenant_id, key_id, wrapped)


def unwrap(master_key: bytes, tenant_id: UUID, key_id: UUID, wrapped: bytes) -> bytes:
    """Return a data key; `SealError` when the master key does not open it."""
    try:
        return open_sealed(master_key, wrapped, _wrapping(tenant_id, key_id))
    except SealError:
        raise SealError(
            "The tenant's data key does not open", remedy="Is MASTER_ENCRYPTION_KEY the one it was made with?"
        ) from None


def _context(purpose: str, tenant_id: UUID, secret_id: UUID, version: int) -> SealContext:
    return SealContext(purpose, tenant_id, "secret", secret_id, version)


def _wrapping(tenant_id: UUID, key_id: UUID) -> SealContext:
    return SealContext("data_key", tenant_id, "data_key", key_id, 1)
