"""Objects that nothing refers to: noted, removed after the grace period, and never one that a put relies on."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from opsintel.clock import now, today
from opsintel.context import Context
from opsintel.db.engine import Database
from opsintel.db.tables import metadata
from opsintel.errors import InputError, StorageError
from opsintel.objects import store as store_module
from opsintel.objects.collect import REFERENCES, Collection, collect
from opsintel.objects.store import ObjectStore, open_objects
from opsintel.settings import Settings
from opsintel.tenants import Tenant, create_tenant
from opsintel_pipeline.ingest import pages
from tests.objects.conftest import with_bucket
from tests.objects.test_store import listed
from tests.peers.s3 import S3Server
from tests.pipeline.mailbox import import_mailbox, write_mailbox

GRACE = timedelta(days=7)


@pytest.fixture
def tenant(database: Database) -> Tenant:
    return create_tenant(database, f"t-{uuid4().hex}", "T")


@pytest.fixture
def put_on(objects: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> Callable[[date, UUID, bytes], str]:
    """Put an object as if it were that day."""

    def put(day: date, tenant_id: UUID, content: bytes) -> str:
        with monkeypatch.context() as then:
            then.setattr(store_module, "today", lambda: day)
            return objects.put(tenant_id, "raw", content)

    return put


def refer_to(database: Database, tenant_id: UUID, key: str) -> None:
    source_id = uuid4()
    with database.tenant_tx(tenant_id) as connection:
        connection.execute(
            "INSERT INTO source (tenant_id, id, kind, name, config, config_key) VALUES (%s, %s, 'mbox', 'm', '{}', %s)",
            (tenant_id, source_id, str(source_id)),
        )
        connection.execute(
            "INSERT INTO raw_payload (tenant_id, id, source_id, native_id, version, partition_day, object_key)"
            " VALUES (%s, %s, %s, 'n', 'v', now(), %s)",
            (tenant_id, uuid4(), source_id, key),
        )


def days_pass(database: Database, tenant_id: UUID, days: int) -> None:
    """Have everything noted be so many days older."""
    with database.tenant_tx(tenant_id) as connection:
        connection.execute("UPDATE orphan_object SET found_at = found_at - make_interval(days => %s)", (days,))


class TestACollection:
    def test_removes_what_nothing_has_referred_to_for_the_grace_period(
        self, database: Database, objects: ObjectStore, tenant: Tenant
    ) -> None:
        kept, orphan = (objects.put(tenant.id, "raw", content) for content in (b"kept", b"orphan"))
        refer_to(database, tenant.id, kept)
        assert collect(database, objects, tenant.id, GRACE) == Collection(2, waiting=1)
        days_pass(database, tenant.id, 6)
        assert collect(database, objects, tenant.id, GRACE) == Collection(2, waiting=1)
        days_pass(database, tenant.id, 1)
        assert collect(database, objects, tenant.id, GRACE) == Collection(2, removed=1, removed_bytes=6)
        assert listed(objects, tenant.id) == [kept]
        assert orphan != kept
        assert collect(database, objects, tenant.id, GRACE) == Collection(1)

    def test_begins_the_period_anew_for_what_was_referred_to_meanwhile(
        self, database: Database, objects: ObjectStore, tenant: Tenant
    ) -> None:
        key = objects.put(tenant.id, "raw", b"late")
        collect(database, objects, tenant.id, GRACE)
        days_pass(database, tenant.id, 6)
        refer_to(database, tenant.id, key)
        assert collect(database, objects, tenant.id, GRACE) == Collection(1)
        days_pass(database, tenant.id, 2)
        with database.tenant_tx(tenant.id) as connection:
            connection.execute("DELETE FROM raw_payload")
        assert collect(database, objects, tenant.id, GRACE) == Collection(1, waiting=1)

    def test_without_effect_says_what_the_next_one_does(
        self, database: Database, objects: ObjectStore, tenant: Tenant
    ) -> None:
        objects.put(tenant.id, "raw", b"orphan")
        assert collect(database, objects, tenant.id, GRACE, dry_run=True) == Collection(1, waiting=1)
        days_pass(database, tenant.id, 8)
        assert collect(database, objects, tenant.id, GRACE) == Collection(1, waiting=1)
        days_pass(database, tenant.id, 8)
        expected = collect(database, objects, tenant.id, GRACE, dry_run=True)
        assert listed(objects, tenant.id)
        assert collect(database, objects, tenant.id, GRACE) == expected == Collection(1, removed=1, removed_bytes=6)

    def test_goes_page_by_page_over_many(
        self, database: Database, objects: ObjectStore, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(store_module, "LISTED_TOGETHER", 10)
        for number in range(35):
            objects.put(tenant.id, "raw", bytes([number]))
        seen: list[int] = []
        collect(database, objects, tenant.id, GRACE, progress=seen.append)
        days_pass(database, tenant.id, 8)
        found = collect(database, objects, tenant.id, GRACE)
        assert (found.removed, sum(seen)) == (35, 35)
        assert len(seen) >= 4
        assert listed(objects, tenant.id) == []

    def test_leaves_other_tenants_alone(self, database: Database, objects: ObjectStore, tenant: Tenant) -> None:
        other, unknown = create_tenant(database, f"t-{uuid4().hex}", "T").id, uuid4()
        for tenant_id in (other, unknown):
            objects.put(tenant_id, "raw", b"content")
        for _ in range(2):
            collect(database, objects, tenant.id, GRACE)
            days_pass(database, tenant.id, 8)
        assert [len(listed(objects, tenant_id)) for tenant_id in (other, unknown)] == [1, 1]

    def test_forgets_what_is_gone_without_it(self, database: Database, objects: ObjectStore, tenant: Tenant) -> None:
        key = objects.put(tenant.id, "raw", b"orphan")
        collect(database, objects, tenant.id, GRACE)
        objects.delete([key])
        days_pass(database, tenant.id, 8)
        collect(database, objects, tenant.id, GRACE)
        with database.tenant_tx(tenant.id) as connection:
            assert connection.execute("SELECT count(*) FROM orphan_object").fetchone() == (0,)

    def test_removes_what_killed_processes_left_half_written_on_disk_and_nothing_newer(
        self, database: Database, settings: Settings, tenant: Tenant
    ) -> None:
        objects = open_objects(settings)
        key = objects.put(tenant.id, "raw", b"content")
        refer_to(database, tenant.id, key)
        whole = settings.data_dir / "objects" / key
        old, new = whole.with_name(f"{whole.name}#1"), whole.with_name(f"{whole.name}#2")
        for path in (old, new):
            path.write_bytes(b"cont")
        long_ago = (now() - timedelta(days=8)).timestamp()
        os.utime(old, (long_ago, long_ago))
        assert collect(database, objects, tenant.id, GRACE, dry_run=True) == Collection(1)
        assert old.exists()
        assert collect(database, objects, tenant.id, GRACE) == Collection(1)
        assert (whole.exists(), old.exists(), new.exists()) == (True, False, True)

    def test_refuses_a_period_in_which_a_put_may_find_an_object(
        self, database: Database, objects: ObjectStore, tenant: Tenant
    ) -> None:
        with pytest.raises(InputError, match="two days"):
            collect(database, objects, tenant.id, timedelta(days=1))


class TestAPutBesideACollection:
    def test_of_the_same_content_never_relies_on_what_is_removed(
        self, database: Database, objects: ObjectStore, tenant: Tenant,
        put_on: Callable[[date, UUID, bytes], str], monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        """The put comes at the worst moment: after the collection found no reference, before it removes."""
        old = put_on(today() - timedelta(days=8), tenant.id, b"the same")
        collect(database, objects, tenant.id, GRACE)
        days_pass(database, tenant.id, 8)
        relied_on = []
        delete = objects.delete

        def put_and_delete(keys: list[str]) -> None:
            assert keys == [old]
            relied_on.append(objects.put(tenant.id, "raw", b"the same"))
            refer_to(database, tenant.id, relied_on[0])
            delete(keys)

        monkeypatch.setattr(objects, "delete", put_and_delete)
        assert collect(database, objects, tenant.id, GRACE).removed == 1
        assert objects.get_range(relied_on[0], 0, 8) == b"the same"


class TestReferences:
    def test_are_every_column_that_holds_a_key(self) -> None:
        holders = {
            (table.name, column.name)
            for table in metadata.sorted_tables
            for column in table.columns
            if column.name.endswith("object_key")
        }
        assert holders - {("orphan_object", "object_key")} == set(REFERENCES) - {("erasure", "ledger_key")}


class TestAServerThatGoesAway:
    def test_between_two_pages_loses_nothing(
        self, database: Database, settings: Settings, rclone: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(store_module, "RETRIES", 1)
        mailbox, slug = tmp_path / "mail.mbox", f"t-{uuid4().hex}"
        write_mailbox(mailbox, (1, 2, 3))
        context = Context(database, open_objects(with_bucket(settings, rclone.environment)), settings)
        dying = replace(context, objects=DiesAfterFirst(context.objects, rclone))
        monkeypatch.setattr("opsintel_pipeline.ingest.feed.PAGE_ITEMS", 2)
        with pytest.raises(StorageError, match="refused a write"):
            import_mailbox(dying, mailbox, slug)
        tenant = create_tenant(database, slug, slug)
        rclone.start()
        assert 0 < len(payloads(context, tenant)) < 12
        import_mailbox(context, mailbox, slug)
        assert len(payloads(context, tenant)) == 12

    def test_in_a_page_leaves_an_object_that_is_collected_and_a_page_that_is_read_again(
        self, database: Database, settings: Settings, rclone: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        mailbox, slug = tmp_path / "mail.mbox", f"t-{uuid4().hex}"
        write_mailbox(mailbox, (1,))
        context = Context(database, open_objects(with_bucket(settings, rclone.environment)), settings)
        with monkeypatch.context() as broken:
            broken.setattr(pages, "_insert_payloads", no_room)
            with pytest.raises(OSError, match="no room"):
                import_mailbox(context, mailbox, slug)
        tenant = create_tenant(database, slug, slug)
        assert payloads(context, tenant) == []
        assert len(listed(context.objects, tenant.id)) == 1
        import_mailbox(context, mailbox, slug)
        assert len(payloads(context, tenant)) == 4


class DiesAfterFirst(ObjectStore):
    """Stores one object; then its server is gone."""

    def __init__(self, objects: ObjectStore, server: S3Server) -> None:
        self._objects = objects
        self._server = server
        self._stored = 0

    def put(self, tenant_id: UUID, kind: str, content: bytes) -> str:
        if self._stored == 1:
            self._server.kill()
        self._stored += 1
        return self._objects.put(tenant_id, kind, content)


def payloads(context: Context, tenant: Tenant) -> list[bytes]:
    """Return every payload of a tenant, read from its object."""
    with context.database.tenant_tx(tenant.id) as connection:
        rows = connection.execute("SELECT object_key, object_offset, size FROM raw_payload").fetchall()
    return [context.objects.get_range(*row) for row in rows]


def no_room(*_: object) -> None:
    raise OSError("no room")
