"""Sources of a tenant, and their connectors."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from psycopg.types.json import Jsonb

from opsintel.alerts.store import resolve_alerts
from opsintel.connectors.contract import Connector, Watched
from opsintel.connectors.registry import connector_class
from opsintel.context import Context
from opsintel.db.engine import Database
from opsintel.errors import CredentialError, InputError, NotFoundError
from opsintel.filters.document import tree_of
from opsintel.ids import new_id
from opsintel.sources.alerts import alert_of_source
from opsintel.sources.connection import SourceConnection
from opsintel.sources.selection import TREE, Chosen

NEWS: LiteralString = "opsintel_sources"
"""NOTIFY channel that wakes whoever reads sources: a push came, or a person asked for something."""

COLUMNS: LiteralString = f"id, tenant_id, kind, name, config, secret_id, {TREE}, filtered_at"


@dataclass(frozen=True, slots=True)
class Source:
    """A connected source as the pipeline needs it."""

    id: UUID
    tenant_id: UUID
    kind: str
    name: str
    config: dict[str, Any]
    secret_id: UUID | None = None
    filter: dict[str, Any] | None = None
    """The document of the filter that is in force."""
    filtered_at: datetime | None = None

    def connector(self, context: Context, stop: threading.Event | None = None) -> Connector:
        """Return the connector of this source; `stop` ends its waits. Kinds without a credential get no connection.

        It reads and counts what its provider finds of the source's filter. Raises as its `plan` does.
        """
        found = connector_class(self.kind)
        config = found.manifest.config_model.model_validate(self.config)
        if found.manifest.credential_model is None:
            return found(config)
        opened = found(config, SourceConnection(context, self.tenant_id, self.id, self.kind, self.secret_id, stop))
        chosen = self.chosen()
        if chosen is not None:
            opened.selection = opened.plan(chosen.tree, chosen.since).pushed
        return opened

    def chosen(self) -> Chosen | None:
        """Return the filter that is in force; None where all is selected."""
        if self.filter is None or self.filtered_at is None:
            return None
        return Chosen(tree_of(self.filter), self.filtered_at)

    def unfiltered(self) -> Source:
        """Return the source as a whole, as if it had no filter."""
        return replace(self, filter=None, filtered_at=None)

    @property
    def is_remote(self) -> bool:
        """Whether it is read from a provider, rather than from a file."""
        return connector_class(self.kind).manifest.credential_model is not None

    @property
    def has_parts(self) -> bool:
        """Whether what stands below `id/` is gone when the item `id` is."""
        return connector_class(self.kind).manifest.has_parts


def ensure_source(
    database: Database, tenant_id: UUID, kind: str, name: str, config: dict[str, Any], config_key: str
) -> Source:
    """Return the source with this kind and key, making it when it is not there yet."""
    with database.tenant_tx(tenant_id) as connection:
        connection.execute(
            "INSERT INTO source (tenant_id, id, kind, name, config, config_key, renew_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, CASE WHEN %s THEN now() END)"
            " ON CONFLICT (tenant_id, kind, config_key) DO NOTHING",
            (tenant_id, new_id(), kind, name, Jsonb(config), config_key, issubclass(connector_class(kind), Watched)),
        )
        row = connection.execute(
            f"SELECT {COLUMNS} FROM source WHERE kind = %s AND config_key = %s", (kind, config_key)
        ).fetchone()
    assert row is not None
    return Source(*row)


def sources_of(database: Database, tenant_id: UUID) -> list[Source]:
    """Return the sources of a tenant that are not disabled, oldest first."""
    with database.tenant_tx(tenant_id) as connection:
        rows = connection.execute(
            f"SELECT {COLUMNS} FROM source WHERE state <> 'disabled' ORDER BY created_at, id"
        ).fetchall()
    return [Source(*row) for row in rows]


def find_source(database: Database, tenant_id: UUID, source_id: UUID) -> Source:
    """Return one source; `NotFoundError` when the tenant has none of this id."""
    with database.tenant_tx(tenant_id) as connection:
        row = connection.execute(f"SELECT {COLUMNS} FROM source WHERE id = %s", (source_id,)).fetchone()
    if row is None:
        raise NotFoundError("There is no such source")
    return Source(*row)


def source_named(database: Database, tenant_id: UUID, named: str) -> Source:
    """Return the source of a name or id; `NotFoundError` where there is none, `InputError` where several have it."""
    with database.tenant_tx(tenant_id) as connection:
        rows = connection.execute(
            f"SELECT {COLUMNS} FROM source WHERE name = %(named)s OR id::text = %(named)s", {"named": named}
        ).fetchall()
    if not rows:
        raise NotFoundError(f"There is no source {named!r}", remedy="`opsintel source list` names them")
    if len(rows) > 1:
        raise InputError(f"{len(rows)} sources are called {named!r}", remedy="Give the id")
    return Source(*rows[0])


def set_state(database: Database, source: Source, state: str, detail: str = "") -> None:
    """Record how a source is; `active` also records that a read ended well. One that is stopped stays so.

    One that cannot be read has an alert from then on, until it can.
    """
    with database.tenant_tx(source.tenant_id) as connection:
        row = connection.execute(
            "UPDATE source SET state = %(state)s, detail = %(detail)s,"
            " last_sync_at = CASE WHEN %(state)s = 'active' THEN now() ELSE last_sync_at END"
            " FROM (SELECT state FROM source WHERE id = %(id)s FOR UPDATE) AS before"
            " WHERE id = %(id)s AND source.state IN ('active', 'failing') RETURNING before.state",
            {"state": state, "detail": detail, "id": source.id},
        ).fetchone()
        if row is not None and state != "active":
            alert_of_source(connection, source.tenant_id, source.id, state)
        elif row is not None and row[0] != "active":
            resolve_alerts(connection, source.id)


def record_fault(database: Database, source: Source, error: BaseException, line: str) -> None:
    """Record why a source cannot be read. Only a credential that a person has to mend disables it."""
    set_state(database, source, "disabled" if isinstance(error, CredentialError) else "failing", line)
