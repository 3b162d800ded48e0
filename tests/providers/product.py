"""The product on a real database, connected to one account: what the worker does, and what then stands."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import replace
from functools import partial
from typing import Any

import psycopg
from psycopg import sql

from opsintel.access.audit import SYSTEM
from opsintel.connectors.contract import Window
from opsintel.context import Context
from opsintel.coordination.contract import Key, Limit
from opsintel.coordination.postgres import PostgresCoordinator
from opsintel.ids import new_id
from opsintel.partitions import Partition
from opsintel.sources.connect import Connected, connect_source
from opsintel.tenants import Tenant, create_tenant
from opsintel_pipeline.normalize.run import run as normalize
from opsintel_pipeline.worker import polling
from opsintel_pipeline.worker.inline import process_waiting
from tests.providers.account import Account

MOST_STEPS = 100
"""More than any test needs: a worker that never has done fails rather than loops."""


class NoLimits(PostgresCoordinator):
    """Locks as they are; what a provider's limits would have us wait for is not waited for."""

    def acquire(self, key: Key, limit: Limit, tokens: int = 1) -> float:
        limit.cost(tokens)
        return 0.0

    def penalise(self, key: Key, seconds: float) -> None:
        assert seconds >= 0


class Product:
    """A tenant with one source."""

    def __init__(self, context: Context, admin_url: str, tenant: Tenant, account: Account) -> None:
        self.context, self.admin_url, self.tenant, self.account = context, admin_url, tenant, account
        self.connected: Connected = connect_source(context, tenant.id, account.wanted(), SYSTEM)
        self.source = self.connected.source

    def twin(self) -> Product:
        """Return another tenant's product, connected to the same account."""
        slug = f"twin-{new_id().hex}"
        return Product(self.context, self.admin_url, create_tenant(self.context.database, slug, slug), self.account)

    def rows(self, statement: str) -> list[Any]:
        """Return the rows of a statement about the source `%(source)s`; of one column its values."""
        with self.context.database.tenant_tx(self.tenant.id) as connection:
            found = connection.execute(statement.encode(), {"source": self.source.id}).fetchall()
        return [row[0] if len(row) == 1 else row for row in found]

    def change(self, statement: str) -> None:
        with self.context.database.tenant_tx(self.tenant.id) as connection:
            connection.execute(statement.encode(), {"source": self.source.id})

    def work(self) -> None:
        """Do what is due, as a worker does, until nothing is."""
        for _ in range(MOST_STEPS):
            if not polling.do_next(self.context):
                return
        raise AssertionError("there is always something due")

    def read(self) -> None:
        """Read this source alone, as a worker that took it does, and again after each fault that passes."""
        for _ in range(MOST_STEPS):
            never = threading.Event()
            read = partial(polling.read_source, self.context, self.source, never)
            polling.attempt(self.context, self.source, "read", read, never)
            if self.state == ("active", ""):
                return
        raise AssertionError(f"it is never read: {self.state}")

    def poll(self) -> None:
        """Have the source read again, as its time had come."""
        self.change("UPDATE source SET next_poll_at = now(), lease_until = NULL WHERE id = %(source)s")
        self.work()

    def count(self) -> None:
        """Have the source counted, as its time had come."""
        self.change("UPDATE source SET next_census_at = now() - interval '1 s' WHERE id = %(source)s")
        self.work()

    def process(self) -> None:
        """Run the stages over what was announced, and again over what they announced."""
        process_waiting(self.context)

    def normalise(self) -> None:
        """Make messages of what is stored, and nothing more."""
        for day in self.rows("SELECT DISTINCT partition_day FROM raw_payload"):
            normalize(self.context, Partition(day, self.tenant.id, self.tenant.slug))

    @property
    def state(self) -> Any:
        return self.rows("SELECT state, detail FROM source WHERE id = %(source)s")[0]

    def versions(self) -> list[tuple[str, str]]:
        """Return (native id, version) of all that was ever stored."""
        return self.rows("SELECT native_id, version FROM raw_payload WHERE source_id = %(source)s ORDER BY 1, 2")

    def stored(self) -> set[str]:
        """Return the native ids of what is stored and lives."""
        return set(self.rows(
            "SELECT native_id FROM (SELECT DISTINCT ON (native_id) native_id, deleted FROM raw_payload"
            " WHERE source_id = %(source)s ORDER BY native_id, fetched_at DESC, id DESC) AS latest WHERE NOT deleted"
        ))  # fmt: skip

    def held(self) -> set[str]:
        """Return the native ids of what the provider holds, by its own count; each is there once."""
        listed = [native_id for native_id, _ in self.account.connector().census(Window())]
        assert len(listed) == len(set(listed))
        return set(listed)

    def require_complete(self) -> None:
        """Assert that what the provider holds is stored, is a message, is analysed, each once, and nothing else is."""
        held = self.require_messages()
        assert self.rows("SELECT count(DISTINCT message_id) FROM analysis WHERE current") == [len(held)]
        assert self.rows("SELECT count(*) FROM analysis WHERE current") == [len(held)]
        assert self.rows("SELECT key FROM ingest_failure WHERE resolved_at IS NULL") == []
        assert self.state == ("active", "")

    def require_messages(self) -> set[str]:
        """Assert that what the provider holds is stored and is a message, each once, and nothing else; return it."""
        held = self.held()
        assert self.stored() == held
        live = self.rows("SELECT native_id FROM message_occurrence WHERE source_id = %(source)s"
                         " AND deleted_at IS NULL")  # fmt: skip
        assert sorted(live) == sorted(held)
        messages = "SELECT count(*) FROM message WHERE deleted_at IS NULL"
        assert self.rows(messages) == [len(held)]
        return held

    def require_no_gap(self) -> None:
        """Assert that on every day as much is stored and analysed as the provider counted, on the days of its items."""
        days = Counter(moment.date() for _, moment in self.account.connector().census(Window()) if moment is not None)
        shown = {day: figures for day, *figures in self._completeness() if any(figures)}
        assert shown == {day: [count, count, count, count, 0] for day, count in days.items()}
        assert len(shown) > 1

    def _completeness(self) -> list[Any]:
        """Return what an analyst of the tenant sees of the source: a day, and its figures."""
        name = f"analyst_{new_id().hex}"
        role = sql.Identifier(name)
        with psycopg.connect(self.admin_url) as connection:
            connection.execute(sql.SQL("CREATE ROLE {} IN ROLE opsintel_analyst").format(role))
            connection.execute(
                "INSERT INTO analyst (role_name, tenant_id, name, sees_text) VALUES (%s, %s, 'ann', true)",
                (name, self.tenant.id),
            )
            connection.execute(sql.SQL("SET LOCAL SESSION AUTHORIZATION {}").format(role))
            found = connection.execute(
                "SELECT day, counted, stored, normalized, analysed, failed FROM mart.v_source_completeness"
                " WHERE source_id = %s",
                (self.source.id,),
            ).fetchall()
            connection.rollback()
        return found


def with_servers(context: Context, account: Account) -> Context:
    """Return the installation whose operator allows an account's server, and that waits for no limit."""
    allowed = context.settings.model_copy(update={"local_servers": account.local_servers})
    opened = replace(context, settings=allowed)
    opened.__dict__["coordinator"] = NoLimits(context.database)
    return opened
