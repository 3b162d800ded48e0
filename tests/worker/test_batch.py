"""A batch whose work went away while it waited for its run."""

from __future__ import annotations

from datetime import date

from opsintel.clock import now
from opsintel.context import Context
from opsintel.db.engine import Database
from opsintel.objects.store import open_objects
from opsintel.queue import ledger
from opsintel.queue.outbox import announce_days
from opsintel.settings import Settings
from opsintel.tenants import create_tenant
from opsintel_pipeline.worker.batch import run_batch
from opsintel_pipeline.worker.inline import move_announcements


class TestATenantDeletedWithWorkInABatch:
    def test_leaves_no_batch_open(self, settings: Settings, database: Database) -> None:
        context = Context(database, open_objects(settings), settings)
        tenant = create_tenant(database, "gone", "Gone").id
        with database.tenant_tx(tenant) as connection:
            announce_days(connection, tenant, [date(2026, 11, 1)], "import")
        move_announcements(context)
        (batch,) = ledger.build_batches(database, now=now())
        with database.system_tx() as connection:
            connection.execute("DELETE FROM tenant WHERE id = %s", (tenant,))
        assert run_batch(context, batch, "run", lambda *_: None).done == 0
        assert ledger.open_batches(database) == []
        assert ledger.pending_count(database) == 0
