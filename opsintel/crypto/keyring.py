"""The keyring: the master key wraps one data key for each tenant; data keys seal the tenant's credentials."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, LiteralString
from uuid import UUID

import psycopg

from opsintel.crypto.envelope import KEY_BYTES, SealContext, open_sealed, seal
from opsintel.crypto.master import MasterKeys
from opsintel.crypto.secrets import Secret
from opsintel.db.engine import Database
from opsintel.errors import NotFoundError
from opsintel.ids import new_id

STORED: LiteralString = "secret.purpose, secret.sealed, secret.version, secret.data_key_id, data_key.wrapped"
"""What of a secret and the data key that seals it `opened` takes."""

DESTROYED = "destroyed"
"""What stands for the master key of a data key that was destroyed."""


@dataclass(frozen=True, slots=True, repr=False)
class LockedSecret:
    """A credential whose row is locked by a transaction."""

    connection: psycopg.Connection
    tenant_id: UUID
    id: UUID
    value: Secret
    purpose: str
    version: int
    key: tuple[UUID, bytes]

    def replace(self, value: bytes) -> None:
        """Seal a new value into the row, by the data key that sealed the old one: a rotation waits for the lock."""
        sealed_as = (self.purpose, self.version + 1, value)
        _update(self.connection, self.tenant_id, self.id, sealed_as, self.key)


class Keyring:
    """Seals and opens credentials of tenants."""

    def __init__(self, database: Database, masters: MasterKeys) -> None:
        self._database = database
        self._masters = masters

    def store(self, tenant_id: UUID, purpose: str, value: bytes) -> UUID:
        """Seal a credential, store it and return the id of its row."""
        with self._database.tenant_tx(tenant_id) as connection:
            return self.store_in(connection, tenant_id, purpose, value)

    def store_in(self, connection: psycopg.Connection, tenant_id: UUID, purpose: str, value: bytes) -> UUID:
        """Seal a credential, store it in the caller's transaction of that tenant and return the id of its row."""
        secret_id = new_id()
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
            key_id, key = self._current_key(connection, tenant_id)
            row = connection.execute(
                "SELECT purpose, version FROM secret WHERE id = %s FOR UPDATE", (secret_id,)
            ).fetchone()
            if row is None:
                raise NotFoundError("There is no such credential")
            _update(connection, tenant_id, secret_id, (row[0], row[1] + 1, value), (key_id, key))

    def open(self, tenant_id: UUID, secret_id: UUID) -> Secret:
        """Return a credential; `NotFoundError` when absent, `SealError` when it does not open."""
        with self._database.tenant_tx(tenant_id) as connection:
            row = connection.execute(
                f"SELECT {STORED} FROM secret JOIN data_key ON data_key.id = secret.data_key_id WHERE secret.id = %s",
                (secret_id,),
            ).fetchone()
        if row is None:
            raise NotFoundError("There is no such credential")
        return opened(self._masters, tenant_id, secret_id, row)

    def lock(self, connection: psycopg.Connection, tenant_id: UUID, secret_id: UUID) -> LockedSecret:
        """Return a credential whose row nobody else changes until the caller's transaction of that tenant ends.

        Raises as `open` does.
        """
        row = connection.execute(
            f"SELECT {STORED} FROM secret JOIN data_key ON data_key.id = secret.data_key_id WHERE secret.id = %s"
            " FOR UPDATE OF secret",
            (secret_id,),
        ).fetchone()
        if row is None:
            raise NotFoundError("There is no such credential")
        value = opened(self._masters, tenant_id, secret_id, row)
        purpose, _, version, key_id, wrapped = row
        key = self._masters.unwrap(tenant_id, key_id, wrapped)
        return LockedSecret(connection, tenant_id, secret_id, value, purpose, version, (key_id, key))

    def rotate_data_key(self, connection: psycopg.Connection, tenant_id: UUID) -> int:
        """Give a tenant a new data key in the caller's transaction of that tenant; returns how many secrets it seals.

        Every credential is sealed anew under a higher version, and keys that seal nothing any more are removed, so that
        a copy of the old rows opens nothing here.
        """
        _lock_keys(connection, tenant_id)
        connection.execute("UPDATE data_key SET retired_at = now() WHERE retired_at IS NULL")
        fresh = self._new_key(connection, tenant_id)
        rows = connection.execute(
            "SELECT s.id, s.purpose, s.sealed, s.version, k.id, k.wrapped FROM secret s"
            " JOIN data_key k ON k.id = s.data_key_id WHERE octet_length(k.wrapped) > 0 ORDER BY s.id FOR UPDATE OF s"
        ).fetchall()
        for secret_id, purpose, sealed, version, key_id, wrapped in rows:
            old_key = self._masters.unwrap(tenant_id, key_id, wrapped)
            value = open_sealed(old_key, sealed, _context(purpose, tenant_id, secret_id, version))
            _update(connection, tenant_id, secret_id, (purpose, version + 1, value), fresh)
        connection.execute(
            "DELETE FROM data_key k WHERE retired_at IS NOT NULL"
            " AND NOT EXISTS (SELECT FROM secret s WHERE s.data_key_id = k.id)"
        )
        return len(rows)

    def _current_key(self, connection: psycopg.Connection, tenant_id: UUID) -> tuple[UUID, bytes]:
        _lock_keys(connection, tenant_id)
        row = connection.execute("SELECT id, wrapped FROM data_key WHERE retired_at IS NULL").fetchone()
        if row is not None:
            return row[0], self._masters.unwrap(tenant_id, row[0], row[1])
        return self._new_key(connection, tenant_id)

    def _new_key(self, connection: psycopg.Connection, tenant_id: UUID) -> tuple[UUID, bytes]:
        key_id, key = new_id(), os.urandom(KEY_BYTES)
        connection.execute(
            "INSERT INTO data_key (tenant_id, id, master_key_id, wrapped) VALUES (%s, %s, %s, %s)",
            (tenant_id, key_id, str(self._masters.current_id), self._masters.wrap(tenant_id, key_id, key)),
        )
        return key_id, key


def opened(masters: MasterKeys, tenant_id: UUID, secret_id: UUID, row: Sequence[Any]) -> Secret:
    """Return the credential of a row of the columns `STORED`; `SealError` when it does not open."""
    purpose, sealed, version, key_id, wrapped = row
    key = masters.unwrap(tenant_id, key_id, wrapped)
    return Secret(open_sealed(key, sealed, _context(purpose, tenant_id, secret_id, version)))


def destroy_data_keys(connection: psycopg.Connection, tenant_id: UUID) -> int:
    """Destroy a tenant's data keys in the caller's transaction of that tenant; returns how many there were.

    What they sealed opens nowhere any more (NIST SP 800-88 calls it cryptographic erase); the rows stay, as receipts.
    """
    _lock_keys(connection, tenant_id)
    destroyed = connection.execute(
        "UPDATE data_key SET wrapped = '', master_key_id = %s, retired_at = coalesce(retired_at, now())"
        " WHERE master_key_id <> %s",
        (DESTROYED, DESTROYED),
    )
    return destroyed.rowcount


def _lock_keys(connection: psycopg.Connection, tenant_id: UUID) -> None:
    connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('data_key ' || %s, 0))", (str(tenant_id),))


def _update(
    connection: psycopg.Connection,
    tenant_id: UUID,
    secret_id: UUID,
    sealed_as: tuple[str, int, bytes],
    key: tuple[UUID, bytes],
) -> None:
    """Seal a value (purpose, version, bytes) into its row."""
    (purpose, version, value), (key_id, data_key) = sealed_as, key
    sealed = seal(data_key, key_id, value, _context(purpose, tenant_id, secret_id, version))
    connection.execute(
        "UPDATE secret SET sealed = %s, data_key_id = %s, version = %s, updated_at = now() WHERE id = %s",
        (sealed, key_id, version, secret_id),
    )


def _context(purpose: str, tenant_id: UUID, secret_id: UUID, version: int) -> SealContext:
    return SealContext(purpose, tenant_id, "secret", secret_id, version)
