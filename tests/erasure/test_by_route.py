"""What the worker makes of erasures that were asked for by route: dry runs, and what keeps to them."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from psycopg.types.json import Jsonb

from opsintel.access.audit import Actor
from opsintel.context import Context
from opsintel.errors import InputError
from opsintel.ids import new_id
from opsintel.people.requests import Erasure, find_erasure
from opsintel.queue import jobs
from opsintel.tenants import Tenant
from opsintel_pipeline.erasure.receipt import by_store
from opsintel_pipeline.erasure.run import ERASURES, perform
from opsintel_pipeline.worker.inline import process_waiting
from tests.erasure.people import ADDRESS, mail, write
from tests.pipeline.mailbox import import_mailbox

OPERATOR = Actor("operator", "someone")


def asked(context: Context, tenant: Tenant, dry_run_id: UUID | None = None, address: str = ADDRESS) -> UUID:
    """Write what the API writes; a dry run unless it names one."""
    made = new_id()
    with context.database.tenant_tx(tenant.id) as connection:
        connection.execute(
            "INSERT INTO erasure (tenant_id, id, kind, wanted, dry_run, dry_run_id, actor_kind, actor_id)"
            " VALUES (%s, %s, 'person', %s, %s, %s, %s, %s)",
            (tenant.id, made, Jsonb({"address": address}), dry_run_id is None, dry_run_id, OPERATOR.kind, OPERATOR.id),
        )
        connection.execute(
            "INSERT INTO job (tenant_id, id, kind, parameters) VALUES (%s, %s, 'erasure', '{}')", (tenant.id, made)
        )
    return made


def found(context: Context, tenant: Tenant, erasure_id: UUID) -> tuple[Erasure, jobs.Job, Any]:
    with context.database.tenant_tx(tenant.id) as connection:
        row = connection.execute("SELECT figures FROM job WHERE id = %s", (erasure_id,)).fetchone()
    assert row is not None
    erasure = find_erasure(context.database, tenant.id, erasure_id)
    return erasure, jobs.find_job(context.database, tenant.id, erasure_id), row[0]


class TestADryRun:
    def test_ends_with_the_figures_of_the_erasure_and_forgets_who_was_meant(
        self, context: Context, tenant: Tenant
    ) -> None:
        dry = asked(context, tenant)
        ERASURES.attempt(context, tenant.id, dry)
        foreseen, job, figures = found(context, tenant, dry)
        assert (foreseen.state, foreseen.wanted, job.state, job.done) == ("done", None, "done", 1)
        real = asked(context, tenant, dry)
        ERASURES.attempt(context, tenant.id, real)
        erased, job, done = found(context, tenant, real)
        assert (erased.state, job.state) == ("done", "done")
        assert erased.counts == foreseen.counts
        assert figures == done == by_store(erased.counts)
        assert figures["events"] > 0

    def test_is_no_work_of_the_ledger(self, context: Context, tenant: Tenant) -> None:
        asked(context, tenant)
        assert jobs.start_jobs(context.database) == 0

    def test_of_the_only_owner_fails_with_the_reason(self, context: Context, tenant: Tenant) -> None:
        from opsintel.access.accounts import create_user

        create_user(context.database, ADDRESS, "Ana Silva", "a long enough password", tenant.id, "owner")
        dry = asked(context, tenant)
        ERASURES.attempt(context, tenant.id, dry)
        foreseen, job, _ = found(context, tenant, dry)
        assert (foreseen.state, foreseen.wanted, job.state) == ("failed", None, "failed")
        assert "only owner" in foreseen.error
        assert job.error == foreseen.error


class TestAnErasure:
    def test_stops_where_somebody_else_has_named_the_person_since_the_dry_run(
        self, context: Context, tenant: Tenant, tmp_path: Path
    ) -> None:
        dry = asked(context, tenant)
        perform(context, tenant.id, dry)
        write(tmp_path / "more.mbox", [mail(70, "dan@client.example", "x@acme.example", "Hello", f"Ask {ADDRESS}.")])
        import_mailbox(context, tmp_path / "more.mbox", "acme")
        process_waiting(context)
        real = asked(context, tenant, dry)
        with pytest.raises(InputError, match="has changed since the dry run"):
            perform(context, tenant.id, real)
        stopped, job, _ = found(context, tenant, real)
        assert (stopped.state, stopped.wanted, stopped.counts, job.state) == ("failed", None, {}, "failed")
        with context.database.tenant_tx(tenant.id) as connection:
            kept = connection.execute("SELECT count(*) FROM participant WHERE display_name = 'Ana Silva'").fetchone()
        assert kept == (1,)

    def test_of_somebody_else_than_the_dry_run_stops(self, context: Context, tenant: Tenant) -> None:
        dry = asked(context, tenant)
        perform(context, tenant.id, dry)
        real = asked(context, tenant, dry, "carol@client.example")
        with pytest.raises(InputError):
            perform(context, tenant.id, real)

    def test_that_was_killed_goes_on_though_less_is_left_than_the_dry_run_said(
        self, context: Context, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        dry = asked(context, tenant)
        perform(context, tenant.id, dry)
        real = asked(context, tenant, dry)

        def dying(*_: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr("opsintel_pipeline.erasure.person.finish", dying)
            with pytest.raises(KeyboardInterrupt):
                perform(context, tenant.id, real)
        with context.database.tenant_tx(tenant.id) as connection:
            connection.execute("UPDATE erasure SET lease_until = NULL")
        assert perform(context, tenant.id, real) is not None
        assert found(context, tenant, real)[0].state == "done"
