"""Sources of a tenant, and their connectors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from opsintel.connectors.contract import Connector, Watched
from opsintel.connectors.registry import connector_class
from opsintel.db.engine import Database
from opsintel.errors import NotFoundError
from opsintel.ids import new_id


@dataclass(frozen=True, slots=True)
class Source:
    """A connected source as the pipeline needs it."""

    id: UUID
    tenant_id: UUID
    kind: str
    name: str
    config: dict[str, Any]

    def connector(self) -> Connector:
        """Return the connector of this source."""
        found = connector_class(self.kind)
        return found(found.manifest.config_model.model_validate(self.config))


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
            "SELECT id, tenant_id, kind, name, config FROM source WHERE kind = %s AND config_key = %s",
            (kind, config_key),
        ).fetchone()
    assert row is not None
    return Source(*row)


def sources_of(database: Database, tenant_id: UUID) -> list[Source]:
    """Return the sources of a tenant that are not disabled, oldest first."""
    with database.tenant_tx(tenant_id) as connection:
        rows = connection.execute(
            "SELECT id, tenant_id, kind, name, config FROM source WHERE state <> 'disabled' ORDER BY created_at, id"
        ).fetchall()
    return [Source(*row) for row in rows]


def find_source(database: Database, tenant_id: UUID, source_id: UUID) -> Source:
    """Return one source; `NotFoundError` when the tenant has none of this id."""
    with database.tenant_tx(tenant_id) as connection:
        row = connection.execute(
            "SELECT id, tenant_id, kind, name, config FROM source WHERE id = %s", (source_id,)
        ).fetchone()
    if row is None:
        raise NotFoundError("There is no such source")
    return Source(*row)


def set_state(database: Database, source: Source, state: str, detail: str = "") -> None:
    """Record how a source is; `active` also records that a read ended well."""
    with database.tenant_tx(source.tenant_id) as connection:
        connection.execute(
            "UPDATE source SET state = %(state)s, detail = %(detail)s,"
            " last_sync_at = CASE WHEN %(state)s = 'active' THEN now() ELSE last_sync_at END WHERE id = %(id)s",
            {"state": state, "detail": detail, "id": source.id},
        )
