"""Gauges from the database: what they say, and that a backlog does not make them dear."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from opsintel.db.engine import Database
from opsintel.ids import new_id
from opsintel.metrics import stored
from opsintel.metrics.stored import GAUGES, MOST, StoredGauges
from opsintel.queue import ledger
from opsintel.queue.outbox import announce_days
from opsintel.tenants import create_tenant

Read = dict[tuple[str, ...], float]


def read(database: Database) -> Read:
    """Return every sample by its name and labels."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for metric in StoredGauges(database).collect()
        for sample in metric.samples
    }


@pytest.fixture
def tenant(database: Database) -> Iterator[UUID]:
    made = create_tenant(database, f"m-{uuid4().hex}", "Measured").id
    yield made
    with database.system_tx() as connection:
        connection.execute("DELETE FROM tenant WHERE id = %s", (made,))


HOUR = 3600
"""Ages of these tests are hours apart: how long a test takes does not matter."""


def add_work(database: Database, tenant: UUID, state: str, hours: int) -> None:
    with database.system_tx() as connection:
        connection.execute(
            "INSERT INTO work (tenant_id, id, partition_day, state, created_at, finished_at)"
            " VALUES (%s, %s, %s, %s, now() - make_interval(hours => %s), now())",
            (tenant, new_id(), date(2026, 11, 1), state, hours),
        )


class TestGauges:
    def test_of_an_idle_installation_are_zero(self, database: Database) -> None:
        found = read(database)
        assert found[("opsintel_database_up",)] == 1
        assert found[("opsintel_oldest_unprocessed_seconds",)] == 0
        assert found[("opsintel_outbox_oldest_seconds",)] == 0
        assert found[("opsintel_quarantine_rows", "poison")] == 0

    def test_say_how_old_the_oldest_is_wherever_it_waits(self, database: Database, tenant: UUID) -> None:
        with database.tenant_tx(tenant) as connection:
            announce_days(connection, tenant, [date(2026, 11, 1), date(2026, 11, 2)], "import")
            connection.execute("UPDATE outbox SET created_at = now() - interval '3 hours'")
        found = read(database)
        assert found[("opsintel_outbox_rows",)] == 2
        assert 3 * HOUR <= found[("opsintel_outbox_oldest_seconds",)] < 4 * HOUR
        assert 3 * HOUR <= found[("opsintel_oldest_unprocessed_seconds",)] < 4 * HOUR
        add_work(database, tenant, "pending", 10)
        assert 10 * HOUR <= read(database)[("opsintel_oldest_unprocessed_seconds",)] < 11 * HOUR
        add_work(database, tenant, "batched", 20)
        assert 20 * HOUR <= read(database)[("opsintel_oldest_unprocessed_seconds",)] < 21 * HOUR

    def test_count_work_by_state_and_not_what_is_done(self, database: Database, tenant: UUID) -> None:
        for state in ("pending", "pending", "batched", "failed", "done"):
            add_work(database, tenant, state, 1)
        found = {key[1]: value for key, value in read(database).items() if key[0] == "opsintel_work_rows"}
        assert found == {"pending": 2, "batched": 1, "failed": 1}
        assert read(database)[("opsintel_work_failed_recently",)] == 1

    def test_tell_when_the_sensor_last_looked(self, database: Database) -> None:
        assert ("opsintel_sensor_tick_age_seconds",) not in read(database)
        ledger.note_alive(database, "ledger_sensor")
        with database.system_tx() as connection:
            connection.execute("UPDATE sign_of_life SET seen_at = now() - interval '9 hours'")
        assert 9 * HOUR <= read(database)[("opsintel_sensor_tick_age_seconds",)] < 10 * HOUR
        ledger.note_alive(database, "ledger_sensor")
        assert read(database)[("opsintel_sensor_tick_age_seconds",)] < HOUR

    def test_tell_how_long_an_export_lags_behind_newer_figures(self, database: Database, tenant: UUID) -> None:
        with database.tenant_tx(tenant) as connection:
            connection.execute(
                "INSERT INTO export_target (tenant_id, id, kind, name, config, exported_at)"
                " VALUES (%s, %s, 'google_sheet', 's', '{}', now() - interval '2 hours')",
                (tenant, new_id()),
            )
            connection.execute(
                "INSERT INTO data_version (tenant_id, version, updated_at) VALUES (%s, 1, now() - interval '3 hours')",
                (tenant,),
            )
        assert read(database)[("opsintel_export_lag_seconds",)] == 0
        with database.tenant_tx(tenant) as connection:
            connection.execute("UPDATE data_version SET updated_at = now()")
        assert 2 * HOUR <= read(database)[("opsintel_export_lag_seconds",)] < 3 * HOUR

    def test_of_a_database_that_is_away_say_so_and_nothing_else(self) -> None:
        class Away:
            def system_tx(self) -> Any:
                raise psycopg.OperationalError("gone")

        assert read(Away()) == {("opsintel_database_up",): 0}  # type: ignore[arg-type]

    def test_are_kept_for_a_while(self, database: Database, tenant: UUID, monkeypatch: pytest.MonkeyPatch) -> None:
        gauges = StoredGauges(database)
        first = list(gauges.collect())
        add_work(database, tenant, "pending", 1)
        assert list(gauges.collect()) == first
        monkeypatch.setattr(stored, "KEPT_SECONDS", 0.0)
        assert list(gauges.collect()) != first

    def test_have_no_label_of_a_tenant_and_few_values(self) -> None:
        assert {label for gauge in GAUGES for label in gauge.labels} == {"state", "reason", "source_kind", "kind"}


def rows_read(plan: dict[str, Any]) -> float:
    """Return the most rows that any part of a plan gave or left out, over all its loops."""
    own = (plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)) * plan["Actual Loops"]
    return max([own, *(rows_read(part) for part in plan.get("Plans", []))])


class TestABacklog:
    def test_costs_no_more_than_its_cap(self, database: Database, tenant: UUID, admin_url: str) -> None:
        with psycopg.connect(admin_url, autocommit=True) as connection:
            for statement in (
                "INSERT INTO work (tenant_id, id, partition_day, state, finished_at) SELECT %(t)s, gen_random_uuid(),"
                " '2026-11-01', CASE WHEN n %% 2 = 0 THEN 'pending' ELSE 'failed' END,"
                " now() - interval '2 days' FROM generate_series(1, %(n)s) AS n",
                "INSERT INTO outbox (tenant_id, id, topic, payload) SELECT %(t)s, gen_random_uuid(), 'x', '{}'"
                " FROM generate_series(1, %(n)s)",
                "INSERT INTO queue_message (tenant_id, id, topic, payload) SELECT %(t)s, gen_random_uuid(), 'x', '{}'"
                " FROM generate_series(1, %(n)s)",
            ):
                connection.execute(statement, {"t": tenant, "n": 3 * MOST})
            connection.execute("ANALYZE work, outbox, queue_message")
        with database.system_tx() as connection:
            for gauge in GAUGES:
                parameters = {"most": MOST} if "%(most)s" in gauge.statement else None
                row = connection.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {gauge.statement}", parameters).fetchone()
                assert row is not None
                assert rows_read(row[0][0]["Plan"]) <= 2 * MOST, gauge.name
