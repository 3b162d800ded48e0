"""Which versions of vectors by models a tenant has, which of them is in force, and what it still lacks.

The version in force is that of the first model of the chain which has given all vectors. Until one has, the built-in
embedder is in force; once one is, messages without its vector wait for it. Vectors of two versions never meet.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import numpy as np
import psycopg
from numpy.typing import NDArray
from pgvector import Vector

from opsintel.llm.chain import Link, chain_of
from opsintel.llm.sending import Servers, permitted, sending_of
from opsintel.llm.vectors import version_of

LATE_SHARE = 0.01
"""Share of the messages that may come while the last vectors are made, so that a busy tenant gets to its end."""

SENT = """
    FROM message WHERE deleted_at IS NULL AND automatic IS NULL AND NOT is_bot AND selected
      AND (visibility <> 'internal' OR (SELECT sends_notes FROM tenant
                                          WHERE id = current_setting('app.tenant_id')::uuid))
      AND (btrim(subject) <> '' OR btrim(text) <> '')
"""
"""Messages whose text goes to a model: what people wrote, without internal notes unless the tenant sends them."""

WITHOUT = f"""{SENT} AND NOT EXISTS (
    SELECT FROM embedding WHERE embedding.message_id = message.id AND model_version = %(version)s)"""


@dataclass(frozen=True)
class Version:
    """Vectors by a model. `mean`: what is taken out of each, None before the model was asked for anything."""

    version: str
    name: str
    is_current: bool
    mean: NDArray[np.float32] | None

    built_in = False

    @property
    def dimensions(self) -> int:
        """Length of a vector; 0 before it is known."""
        return 0 if self.mean is None else len(self.mean)


def usable_chain(connection: psycopg.Connection, servers: Servers) -> list[Link]:
    """Return the models that the tenant's texts may go to for their vectors, in the order they are tried."""
    return permitted(chain_of(connection, "embed"), sending_of(connection), servers)


def kept_version(connection: psycopg.Connection, version: str) -> Version | None:
    """Return a version that the tenant has; None for none."""
    row = connection.execute(
        "SELECT name, current, mean FROM embedding_model WHERE version = %s", (version,)
    ).fetchone()
    if row is None:
        return None
    return Version(version, row[0], row[1], None if row[2] is None else as_array(row[2]))


def version_in_force(connection: psycopg.Connection, chain: Sequence[Link]) -> Version | None:
    """Return the version that the chain puts in force; None where that is the built-in one."""
    versions = [kept_version(connection, version_of(link)) for link in chain]
    begun = [one for one in versions if one is not None and one.dimensions]
    for one in begun:
        if _is_complete(connection, one):
            return one
    return next((one for one in begun if one.is_current), None)


def awaited(connection: psycopg.Connection, version: Version, message_ids: Collection[UUID]) -> set[UUID]:
    """Return those of some messages whose vector is still to come."""
    rows = connection.execute(
        f"SELECT id {WITHOUT} AND id = ANY(%(ids)s)", {"version": version.version, "ids": list(message_ids)}
    )
    return {row[0] for row in rows}


def begin(connection: psycopg.Connection, tenant_id: UUID, link: Link) -> None:
    """Note that vectors of a model are being made, in the caller's transaction; again changes nothing."""
    connection.execute(
        "INSERT INTO embedding_model (tenant_id, name, version, dimensions, built_in, current)"
        " VALUES (%s, %s, %s, 0, false, false) ON CONFLICT DO NOTHING",
        (tenant_id, link.model, version_of(link)),
    )


def keep_mean(connection: psycopg.Connection, version: str, mean: NDArray[np.float32]) -> None:
    """Keep the mean of a version, in the caller's transaction; the first that is kept stays."""
    connection.execute(
        "UPDATE embedding_model SET mean = %s, dimensions = %s WHERE version = %s AND mean IS NULL",
        (mean, len(mean), version),
    )


def note_wait(connection: psycopg.Connection, version: str, reason: str, until: datetime | None) -> None:
    """Note why vectors are still to come and when they are asked for again, in the caller's transaction."""
    connection.execute(
        "UPDATE embedding_model SET reason = %s, retry_at = %s WHERE version = %s", (reason, until, version)
    )


def forget_others(connection: psycopg.Connection) -> None:
    """Remove the vectors of models that are in no chain any more and not in force, in the caller's transaction."""
    kept = [version_of(link) for link in chain_of(connection, "embed")]
    connection.execute(
        "DELETE FROM embedding WHERE model_version IN (SELECT version FROM embedding_model"
        " WHERE mean IS NOT NULL AND NOT current AND version <> ALL(%s))",
        (kept,),
    )
    connection.execute(
        "UPDATE embedding_model SET retry_at = NULL WHERE retry_at IS NOT NULL AND version <> ALL(%s)", (kept,)
    )


def as_array(vector: Vector) -> NDArray[np.float32]:
    """Return a stored vector as an array."""
    return np.asarray(vector.to_numpy(), np.float32)


def _is_complete(connection: psycopg.Connection, version: Version) -> bool:
    """Tell whether a version has its vectors; of the one in force, which days ask for, nothing is counted."""
    asked = {"version": version.version}
    if version.is_current:
        return connection.execute(f"SELECT {WITHOUT} LIMIT 1", asked).fetchone() is None
    row = connection.execute(f"SELECT (SELECT count(*) {WITHOUT}), (SELECT count(*) {SENT})", asked).fetchone()
    assert row is not None
    return bool(row[0] <= LATE_SHARE * row[1])
