"""What views show to analysts and to members limited to some sources: their tenant's rows alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from fastapi import FastAPI
from psycopg import sql

from opsintel.db.marts import VIEWS
from opsintel.ids import new_id
from tests.isolation.canaries import Scanner
from tests.isolation.world import Channel, TenantOfWorld, World


async def analysts_see_their_tenants_rows(world: World, app: FastAPI, scanner: Scanner) -> None:
    """Read every view as an analyst of each of two tenants, with and without the word of the other in the question."""
    one, other = world.tenants[:2]
    with (
        psycopg.connect(world.admin_url, autocommit=True) as connection,
        _analyst_of(connection, one) as mine,
        _analyst_of(connection, other) as theirs,
    ):
        for role, tenant, stranger in ((mine, one, other), (theirs, other, one)):
            connection.execute(sql.SQL("SET SESSION AUTHORIZATION {}").format(sql.Identifier(role)))
            try:
                _read_views(connection, scanner, tenant, stranger)
            finally:
                connection.execute("RESET SESSION AUTHORIZATION")


def _read_views(connection: psycopg.Connection, scanner: Scanner, one: TenantOfWorld, other: TenantOfWorld) -> None:
    for view in VIEWS:
        rows = connection.execute(f"SELECT row_to_json(seen)::text FROM mart.{view.name} AS seen").fetchall()
        scanner.scan(f"mart.{view.name}", "\n".join(row[0] for row in rows).encode(), [one.number])
        asked = f"SELECT count(*) FROM mart.{view.name} AS seen WHERE seen::text LIKE %s"
        found = connection.execute(asked, (f"%{other.canary}%",)).fetchone()
        assert found == (0,), f"mart.{view.name} is searched in another tenant"
    seen = connection.execute("SELECT count(*) FROM mart.v_message").fetchone()
    assert seen == (len(one.rows.ids("message")),), "an analyst lacks rows of the tenant"


@contextmanager
def _analyst_of(connection: psycopg.Connection, tenant: TenantOfWorld) -> Iterator[str]:
    """Yield the role of a new analyst of a tenant, who may read texts."""
    role = f"analyst_{new_id().hex}"
    connection.execute(sql.SQL("CREATE ROLE {} IN ROLE opsintel_analyst").format(sql.Identifier(role)))
    try:
        connection.execute(
            "INSERT INTO analyst (role_name, tenant_id, name, sees_text) VALUES (%s, %s, %s, true)",
            (role, tenant.id, role[-20:]),
        )
        yield role
    finally:
        connection.execute("SET session_replication_role = replica")  # no trigger drops the login before we do
        connection.execute("DELETE FROM analyst WHERE role_name = %s", (role,))
        connection.execute("RESET session_replication_role")
        connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))


async def limited_members_see_their_tenants_rows(world: World, app: FastAPI, scanner: Scanner) -> None:
    """Read the views that count anew for members limited to some sources, though sources of another are named too."""
    one, other = world.tenants[:2]
    named = [str(id_) for tenant in (one, other) for id_ in tenant.rows.ids("source")]
    with psycopg.connect(world.admin_url) as connection:
        views = connection.execute("SELECT viewname FROM pg_views WHERE schemaname = 'limited' ORDER BY 1").fetchall()
        connection.execute("SELECT set_config('app.tenant_id', %s, true)", (str(one.id),))
        connection.execute("SELECT set_config('app.source_ids', %s, true)", (f"{{{','.join(named)}}}",))
        connection.execute("SET LOCAL ROLE opsintel_limited")
        for (view,) in views:
            rows = connection.execute(f"SELECT seen::text FROM limited.{view} AS seen").fetchall()
            scanner.scan(f"limited.{view}", "\n".join(row[0] for row in rows).encode(), [one.number])
        connection.rollback()
    assert views
    assert scanner.own == {one.number}, "a limited member lacks the rows of the tenant"


CHANNELS: tuple[Channel, ...] = (analysts_see_their_tenants_rows, limited_members_see_their_tenants_rows)

__all__ = ["CHANNELS"]
