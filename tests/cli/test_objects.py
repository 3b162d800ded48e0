"""`opsintel objects` as a person runs it."""

from __future__ import annotations

import json
from uuid import UUID

import pytest

from opsintel.db.engine import Database
from opsintel.objects.store import open_objects
from opsintel.settings import Settings
from opsintel.tenants import create_tenant
from tests.cli.test_quarantine import Run, run

__all__ = ["run"]


@pytest.fixture
def orphan(database: Database, settings: Settings) -> str:
    """The key of an object that nothing has referred to for eight days."""
    tenant_id = create_tenant(database, "acme", "Acme").id
    key = open_objects(settings).put(tenant_id, "raw", b"orphan")
    with database.tenant_tx(tenant_id) as connection:
        connection.execute("DELETE FROM orphan_object")
        connection.execute(
            "INSERT INTO orphan_object (tenant_id, object_key, found_at) VALUES (%s, %s, now() - interval '8 days')",
            (tenant_id, key),
        )
    return key


class TestCollect:
    def test_says_what_it_would_remove_and_then_removes_it(self, run: Run, settings: Settings, orphan: str) -> None:
        folder = settings.data_dir / "objects"
        dry = run("objects", "collect", "--dry-run")
        assert "acme: 1 objects, 1 would be removed (6 bytes)" in dry.stdout
        assert (folder / orphan).exists()
        done = run("objects", "collect", "--tenant", "acme", "--json")
        assert json.loads(done.stdout) == {"acme": {"objects": 1, "waiting": 0, "removed": 1, "removed_bytes": 6}}
        assert not (folder / orphan).exists()

    def test_of_an_unknown_tenant_is_an_error(self, run: Run, orphan: str) -> None:
        assert run("objects", "collect", "--tenant", str(UUID(int=0))).exit_code == 1
