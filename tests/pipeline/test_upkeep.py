"""Retention and roll-ups: exactly what is past its time goes, and what differs is built again."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from dagster import DagsterInstance

from opsintel.clock import today
from opsintel.context import Context
from opsintel.db.embedded import ADMIN, Access
from opsintel.ids import new_id
from opsintel.partitions import Partition
from opsintel.queue import quarantine
from opsintel.queue.wire import RefusedError
from opsintel.sources.source import sources_of
from opsintel.tenants import Tenant, create_tenant, find_tenant, set_retention
from opsintel_pipeline.definitions import definitions
from opsintel_pipeline.ingest.census import take_census
from opsintel_pipeline.ingest.feed import run_feed
from opsintel_pipeline.marts.compare import repair, stale_days
from opsintel_pipeline.marts.run import run as run_marts
from opsintel_pipeline.upkeep import retention
from opsintel_pipeline.worker.inline import process_waiting
from tests.canonical import Dump, dump
from tests.pipeline.mailbox import import_mailbox, write_mailbox

DAYS_AGO = (40, 20, 2, 1)


@pytest.fixture
def tenant(context: Context, tmp_path: Path) -> Tenant:
    """A tenant whose mail of four days is all processed."""
    write_mailbox(tmp_path / "mails.mbox", DAYS_AGO)
    found = import_mailbox(context, tmp_path / "mails.mbox", "acme")
    process_waiting(context)
    return found


def processed_again(context: Context, tenant: Tenant) -> Dump:
    process_waiting(context)
    return dump(context.database, tenant)


class TestRetention:
    def test_deletes_what_is_older_with_all_that_hangs_on_it_and_builds_its_roll_ups_again(
        self, context: Context, tenant: Tenant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(retention, "PAGE", 3)
        neighbour = import_mailbox(context, tmp_path / "mails.mbox", "zebra")
        neighbours = processed_again(context, neighbour)
        before = dump(context.database, tenant)
        set_retention(context.database, tenant.id, 30)
        deleted = retention.run(context)
        assert (deleted["message"], deleted["raw_payload"]) == (4, 4)
        after = processed_again(context, tenant)
        old = today() - timedelta(days=40)
        for table in ("raw_payload", "message", "analysis", "embedding", "issue_member"):
            assert len(after[table]) == len(before[table]) * 3 // 4, table
        for table in ("fact_message_day", "fact_participant_day", "fact_issue_day", "fact_source_day"):
            assert after[table] == [row for row in before[table] if row[0] != old], table
        assert stale_days(context, tenant) == []
        assert dump(context.database, neighbour) == neighbours
        assert retention.run(context)["message"] == 0

    def test_drops_months_of_facts_that_no_tenant_keeps(
        self, context: Context, tenant: Tenant, server: Access, caplog: pytest.LogCaptureFixture
    ) -> None:
        admin_url = server.url(ADMIN, str(context.settings.db_url).rpartition("/")[2])
        other = create_tenant(context.database, "keeps-all", "Keeps all")
        months = "SELECT count(*) FROM pg_inherits WHERE inhrelid::regclass::text LIKE 'fact_%_2020_01'"
        with psycopg.connect(admin_url, autocommit=True) as connection:
            for table in retention.FACTS:
                connection.execute(
                    f"CREATE TABLE {table}_2020_01 PARTITION OF {table} FOR VALUES FROM ('2020-01-01')"
                    f" TO ('2020-02-01'); ALTER TABLE {table}_2020_01 OWNER TO opsintel_owner".encode()
                )
            set_retention(context.database, tenant.id, 30)
            assert retention.run(context)["months of facts"] == 0
            assert connection.execute(months).fetchone() == (4,)
            set_retention(context.database, other.id, 365)
            keep(context, other, fact_days=20_000)
            assert retention.run(context)["months of facts"] == 0
            keep(context, other, fact_days=365)
            with psycopg.connect(admin_url) as working:
                working.execute("SELECT count(*) FROM fact_message_day")
                assert retention.run(context)["months of facts"] == 3
            assert "left to the next night" in caplog.text
            before = dump(context.database, tenant)
            assert retention.run(context)["months of facts"] == 1
            assert connection.execute(months).fetchone() == (0,)
        assert dump(context.database, tenant) == before

    def test_keeps_everything_of_a_tenant_that_says_nothing(self, context: Context, tenant: Tenant) -> None:
        before = dump(context.database, tenant)
        assert not any(retention.run(context).values())
        assert dump(context.database, tenant) == before

    def test_what_it_deleted_is_neither_read_nor_counted_again(self, context: Context, tenant: Tenant) -> None:
        set_retention(context.database, tenant.id, 30)
        retention.run(context)
        after = processed_again(context, tenant)
        (source,) = sources_of(context.database, tenant.id)
        keeping = find_tenant(context.database, "acme")
        assert take_census(context, keeping, source).added == 0
        with context.database.tenant_tx(tenant.id) as connection:
            connection.execute("DELETE FROM source_state")
        assert run_feed(context, keeping, source).added == 0
        assert processed_again(context, tenant) == after

    def test_of_the_ledger_deletes_what_ended_long_ago_only(self, context: Context, tenant: Tenant) -> None:
        with context.database.system_tx() as connection:
            connection.execute(
                "UPDATE work SET finished_at = now() - interval '31 days' WHERE partition_day < %s",
                (today() - timedelta(days=10),),
            )
            connection.execute("UPDATE batch SET finished_at = now() - interval '31 days'")
            for body, age in ((b"a", "31 days"), (b"b", "1 day"), (b"c", None)):
                quarantine.store(connection, [(RefusedError("malformed", "It is not JSON"), body)])
                connection.execute(
                    "UPDATE quarantine SET replayed_at = now() - %s::interval WHERE payload = %s", (age, body)
                )
        for age, state in (("91 days", "done"), ("89 days", "failed"), ("91 days", "running")):
            insert_job(context, tenant.id, age, state)
        deleted = retention.run(context)
        assert (deleted["work"], deleted["batch"], deleted["quarantine"], deleted["job"]) == (2, 0, 1, 1)
        with context.database.system_tx() as connection:
            connection.execute("UPDATE work SET finished_at = now() - interval '31 days'")
            connection.execute("UPDATE work SET state = 'pending' WHERE partition_day = %s", (today() - timedelta(1),))
        assert retention.run(context)["work"] == 1

    def test_runs_as_a_job(self, context: Context, instance: DagsterInstance, tenant: Tenant) -> None:
        set_retention(context.database, tenant.id, 30)
        assert definitions.resolve_job_def("retain").execute_in_process(instance=instance).success
        assert len(dump(context.database, tenant)["message"]) == 12


def keep(context: Context, tenant: Tenant, **days: int) -> None:
    with context.database.system_tx() as connection:
        for column, value in days.items():
            connection.execute(f"UPDATE tenant SET {column} = %s WHERE id = %s".encode(), (value, tenant.id))


class TestAPolicy:
    def test_lets_go_of_what_providers_sent_and_keeps_the_messages(
        self, context: Context, tenant: Tenant, tmp_path: Path
    ) -> None:
        neighbour = import_mailbox(context, tmp_path / "mails.mbox", "zebra")
        neighbours = processed_again(context, neighbour)
        before = dump(context.database, tenant)
        keep(context, tenant, payload_days=10)
        deleted = retention.run(context)
        assert (deleted["payload_content"], deleted["message"]) == (8, 0)
        with context.database.tenant_tx(tenant.id) as connection:
            held = connection.execute(
                "SELECT count(*), count(*) FILTER (WHERE object_key IS NOT NULL) FROM raw_payload"
            ).fetchone()
        assert held == (16, 8)
        assert processed_again(context, tenant)["message"] == before["message"]
        (source,) = sources_of(context.database, tenant.id)
        assert take_census(context, find_tenant(context.database, "acme"), source).added == 0
        assert dump(context.database, neighbour) == neighbours
        assert retention.run(context)["payload_content"] == 0

    def test_keeps_counts_for_longer_than_their_messages(self, context: Context, tenant: Tenant) -> None:
        before = dump(context.database, tenant)
        keep(context, tenant, retention_days=30, fact_days=60)
        assert retention.run(context)["message"] == 4
        assert stale_days(context, tenant) == []
        old = today() - timedelta(days=40)
        run_marts(context, Partition(old, tenant.id, tenant.slug))
        after = processed_again(context, tenant)
        for table in retention.COUNTS:
            assert after[table] == before[table], table
        keep(context, tenant, fact_days=35)
        assert retention.run(context)["fact"] == sum(
            row[0] == old for table in retention.COUNTS for row in before[table]
        )
        after = processed_again(context, tenant)
        for table in retention.COUNTS:
            assert after[table] == [row for row in before[table] if row[0] != old], table

    def test_for_jobs_is_the_tenants_own(self, context: Context, tenant: Tenant, tmp_path: Path) -> None:
        neighbour = import_mailbox(context, tmp_path / "mails.mbox", "zebra")
        keep(context, tenant, job_days=10)
        for one in (tenant, neighbour):
            insert_job(context, one.id, "11 days", "done")
        assert retention.run(context)["job"] == 1
        with context.database.tenant_tx(neighbour.id) as connection:
            assert connection.execute("SELECT count(*) FROM job").fetchone() == (1,)


class TestRollUps:
    @pytest.mark.parametrize(
        "change",
        [
            "UPDATE fact_message_day SET messages = messages + 1 WHERE day = %s",
            "DELETE FROM fact_issue_day WHERE day = %s",
            "UPDATE analysis SET severity = severity % 5 + 1 WHERE partition_day = %s",
            "DELETE FROM message WHERE partition_day = %s",
        ],
    )
    def test_days_that_differ_from_their_rows_are_found_and_built_again(
        self, context: Context, tenant: Tenant, change: str
    ) -> None:
        day = today() - timedelta(days=20)
        assert stale_days(context, tenant) == []
        with context.database.tenant_tx(tenant.id) as connection:
            connection.execute("UPDATE issue SET example_message_id = NULL")
            connection.execute(change.replace("% 5", "%% 5").encode(), (day,))
        assert stale_days(context, tenant) == [day]
        assert repair(context) == {"acme": 1}
        process_waiting(context)
        assert stale_days(context, tenant) == []
        assert repair(context) == {}
        assert stages_of_repair(context) == ["marts"]

    def test_a_day_under_way_is_left_alone(self, context: Context, tenant: Tenant, tmp_path: Path) -> None:
        with context.database.tenant_tx(tenant.id) as connection:
            connection.execute("DELETE FROM fact_issue_day")
        with context.database.system_tx() as connection:
            connection.execute("UPDATE work SET state = 'pending' WHERE partition_day = %s", (today() - timedelta(1),))
        assert stale_days(context, tenant) == []

    def test_runs_as_a_job(self, context: Context, instance: DagsterInstance, tenant: Tenant) -> None:
        with context.database.tenant_tx(tenant.id) as connection:
            connection.execute("DELETE FROM fact_issue_day")
        assert definitions.resolve_job_def("roll_ups").execute_in_process(instance=instance).success
        process_waiting(context)
        assert stale_days(context, tenant) == []


def stages_of_repair(context: Context) -> list[str]:
    with context.database.system_tx() as connection:
        rows = connection.execute("SELECT DISTINCT first_stage FROM work WHERE reason = 'roll-ups differ'")
        return [row[0] for row in rows]


def insert_job(context: Context, tenant_id: UUID, age: str, state: str) -> None:
    with context.database.tenant_tx(tenant_id) as connection:
        connection.execute(
            "INSERT INTO job (tenant_id, id, kind, state, parameters, finished_at)"
            " VALUES (%s, %s, 'backfill', %s, '{}', CASE WHEN %s <> 'running' THEN now() - %s::interval END)",
            (tenant_id, new_id(), state, state, age),
        )
