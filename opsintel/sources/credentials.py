"""Credentials of sources: each is one row of `secret`, a JSON object of texts that is sealed as a whole.

A renewal is an exchange with the provider under a lock on the row, so that two processes make one. What the provider
gave is stored before anything else happens; where the database goes away just then, the process keeps it and stores it
as soon as it can: most providers take a refresh token once.
"""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from uuid import UUID

import psycopg

from opsintel.connectors.connection import Credential
from opsintel.connectors.ingest.signature import PREFIX
from opsintel.crypto.keyring import Keyring, LockedSecret
from opsintel.crypto.secrets import Secret
from opsintel.db.engine import Database
from opsintel.errors import CredentialError, DatabaseError, NotFoundError

PURPOSE = "source.credential"

PUSH_PURPOSE = "source.push"
PUSH_SECRET_BYTES = 32

LONGEST_IDLE = "90s"
"""How long the transaction of a renewal waits for the provider. A request of the guarded client ends after 30 s."""

_PAUSES = (0.2, 1.0, 3.0, 5.0)
"""Seconds between tries to store what the database did not take."""


class Credentials:
    """Opens and renews credentials; one for a process, as it holds what could not be stored yet."""

    def __init__(self, database: Database, keyring: Keyring, sleep: Callable[[float], None] = time.sleep) -> None:
        self._database = database
        self._keyring = keyring
        self._sleep = sleep
        self._unsaved: dict[UUID, tuple[Credential, Credential]] = {}

    def store(self, connection: psycopg.Connection, tenant_id: UUID, credential: Credential) -> UUID:
        """Store a new credential in the caller's transaction of the tenant and return the id of its row."""
        return self._keyring.store_in(connection, tenant_id, PURPOSE, _encoded(credential))

    def store_push_secret(self, connection: psycopg.Connection, tenant_id: UUID) -> tuple[UUID, str]:
        """Make the secret that a source's pushes are proved with, in the caller's transaction; its row's id, and it."""
        secret = PREFIX + base64.b64encode(os.urandom(PUSH_SECRET_BYTES)).decode()
        return self._keyring.store_in(connection, tenant_id, PUSH_PURPOSE, secret.encode()), secret

    def push_secret(self, tenant_id: UUID, secret_id: UUID) -> str:
        """Return the secret that a source's pushes are proved with; `NotFoundError` where it is gone."""
        return self._keyring.open(tenant_id, secret_id).reveal().decode()

    def replace(self, connection: psycopg.Connection, tenant_id: UUID, secret_id: UUID, credential: Credential) -> None:
        """Store another credential in the caller's transaction in place of the present one: a person gave it."""
        self._keyring.lock(connection, tenant_id, secret_id).replace(_encoded(credential))

    def open(self, tenant_id: UUID, secret_id: UUID) -> Credential:
        """Return a credential as it is now; `CredentialError` where it is gone."""
        if secret_id in self._unsaved:
            return self._save(tenant_id, secret_id)
        try:
            return _decoded(self._keyring.open(tenant_id, secret_id))
        except NotFoundError:
            raise missing() from None

    def renewed(
        self, tenant_id: UUID, secret_id: UUID, stale: Credential, exchange: Callable[[Credential], Credential]
    ) -> Credential:
        """Return a credential newer than `stale`; see `Connection.renewed`.

        Fields that `exchange` does not return keep their values: a provider that rotates no refresh token sends none.
        """
        if secret_id in self._unsaved:
            return self._save(tenant_id, secret_id)
        try:
            with self._locked(tenant_id, secret_id) as row:
                held = _decoded(row.value)
                if held != dict(stale):
                    return held
                fresh = {**held, **exchange(held)}
                self._unsaved[secret_id] = held, fresh
                row.replace(_encoded(fresh))
        except (DatabaseError, psycopg.Error):
            if secret_id not in self._unsaved:
                raise
            return self._save(tenant_id, secret_id)
        self._unsaved.pop(secret_id, None)
        return fresh

    def _save(self, tenant_id: UUID, secret_id: UUID) -> Credential:
        """Store what the database did not take, and return it; what another process stored meanwhile is newer."""
        for pause in (*_PAUSES, None):
            replaced, fresh = self._unsaved[secret_id]
            try:
                with self._locked(tenant_id, secret_id) as row:
                    held = _decoded(row.value)
                    if held == replaced:
                        row.replace(_encoded(fresh))
                        held = dict(fresh)
            except (DatabaseError, psycopg.Error):
                if pause is None:
                    raise
                self._sleep(pause)
            else:
                self._unsaved.pop(secret_id, None)
                return held
        raise AssertionError("The last try returns or raises")

    @contextmanager
    def _locked(self, tenant_id: UUID, secret_id: UUID) -> Iterator[LockedSecret]:
        with self._database.tenant_tx(tenant_id) as connection:
            connection.execute(f"SET LOCAL idle_in_transaction_session_timeout = '{LONGEST_IDLE}'".encode())
            try:
                row = self._keyring.lock(connection, tenant_id, secret_id)
            except NotFoundError:
                raise missing() from None
            yield row


def missing() -> CredentialError:
    """Return the error of a source that has no credential."""
    return CredentialError("The source has no credential", remedy="Authorise it")


def _encoded(credential: Mapping[str, str]) -> bytes:
    return json.dumps(dict(credential), ensure_ascii=False, sort_keys=True).encode()


def _decoded(value: Secret) -> dict[str, str]:
    held: dict[str, str] = json.loads(value.reveal())
    return held
