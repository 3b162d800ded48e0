"""Erasure of a tenant: nothing is left but its audit chain, wherever it was killed; others stay byte for byte."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import psycopg
import pytest
from dagster import DagsterInstance, build_sensor_context
from typer.testing import CliRunner

from opsintel.access.analysts import add_analyst
from opsintel.access.audit import INSTALLATION, Actor
from opsintel.access.audit_chain import verify_chain
from opsintel.cli.main import app
from opsintel.clock import today
from opsintel.context import Context
from opsintel.coordination.contract import Key, Limit
from opsintel.crypto.keyring import Keyring
from opsintel.crypto.master import MasterKeys
from opsintel.db.connect import database_urls
from opsintel.db.engine import Database
from opsintel.errors import InputError
from opsintel.objects.collect import collect_of_erased
from opsintel.objects.store import open_objects
from opsintel.people.requests import TENANT, find_erasure, request_erasure
from opsintel.queue.choose import open_queue
from opsintel.queue.consume import consume_once
from opsintel.queue.contract import PARTITION_DIRTY, Announcement
from opsintel.settings import Settings
from opsintel.tenants import Tenant, tenant_by_id
from opsintel_pipeline.act.sheets.run import export_all
from opsintel_pipeline.act.targets import ensure_sheet
from opsintel_pipeline.defs import resources
from opsintel_pipeline.defs.sensors import ledger_sensor
from opsintel_pipeline.erasure.receipt import LEDGER
from opsintel_pipeline.erasure.run import perform
from opsintel_pipeline.erasure.tenant import preview_tenant
from tests.erasure.twelve import dumped
from tests.erasure.world import private_key
from tests.isolation.world import TenantOfWorld, World, build_world
from tests.peers.sheets import Spreadsheet, sheets_server

BOUNDARIES = (2, 4, 6, 8, 12, 20, 30, 45, 60, "_delete_objects", "write_ledger", "close")
"""Where a try is killed: after so many transactions, in and between all steps; and before those after the last row."""

KEPT = {"audit_log", "audit_head", "erasure"}
"""Tables that keep rows of a tenant that is gone: opaque ids, figures and receipts."""

OPERATOR = Actor("operator", "someone")


@pytest.fixture(scope="module")
def spreadsheet() -> Spreadsheet:
    return Spreadsheet()


@pytest.fixture(scope="module")
def context(database: Database, settings: Settings, spreadsheet: Spreadsheet, world: World) -> Iterator[Context]:
    with sheets_server(spreadsheet) as address:
        pointed = settings.model_copy(update={"google_sheets_endpoint": address})
        made = Context(database, open_objects(pointed), pointed)
        for tenant in world.tenants:
            _fill(made, tenant)
        yield made


@pytest.fixture(scope="module")
def world(database: Database, admin_url: str, settings: Settings) -> World:
    """Tenants with rows in every table, by the declarations: one for each kill, one that stays, and others."""
    made = build_world(database, admin_url, settings, tenants=len(BOUNDARIES) + 3)
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute("DELETE FROM export_target")
        connection.execute("DELETE FROM erasure")
        connection.execute("UPDATE data_key SET retired_at = now()")
        connection.execute("UPDATE issue SET messages = 1, merged_into = NULL")
    with database_urls(settings.model_copy(update={"migration_url": admin_url})) as urls:
        for tenant in made.tenants:
            add_analyst(urls, tenant_by_id(database, tenant.id), "sql")
    return made


def _fill(context: Context, tenant: TenantOfWorld) -> None:
    """Give a tenant objects, a credential, a sheet that is written, limits and a lock."""
    for number in range(3):
        context.objects.put(tenant.id, "raw", f"{tenant.canary} {number}".encode())
    Keyring(context.database, MasterKeys.of(context.settings)).store(tenant.id, "test", b"value")
    account = {
        "type": "service_account", "client_email": f"robot{tenant.number}@project.example",
        "private_key": _PRIVATE_KEY, "token_uri": f"{context.settings.google_sheets_endpoint}/token",
    }  # fmt: skip
    ensure_sheet(context, tenant.id, "spreadsheet-1", tenant.canary, json.dumps(account).encode())
    assert export_all(context, tenant.id).rows > 0
    context.coordinator.acquire(Key(tenant.id, "api:read"), Limit(0.001, 5))


_PRIVATE_KEY = private_key()


def of_tenant(admin_url: str, tenant: TenantOfWorld) -> dict[str, list[bytes]]:
    """Return the rows that hold the tenant's id or its canary, by table."""
    found: dict[str, list[bytes]] = {}
    for table, line in dumped(admin_url):
        if str(tenant.id).encode() in line or tenant.canary.encode() in line:
            found.setdefault(table, []).append(line)
    return found


def objects_of(context: Context, tenant: TenantOfWorld) -> list[str]:
    return [one.key.split("/")[2] for page in context.objects.pages(tenant.id) for one in page]


def request(context: Context, tenant: TenantOfWorld) -> UUID:
    return request_erasure(context.database, tenant.id, TENANT, {}, OPERATOR)


def assert_gone(context: Context, admin_url: str, spreadsheet: Spreadsheet, tenant: TenantOfWorld) -> None:
    """Look through every store for the tenant."""
    left = of_tenant(admin_url, tenant)
    assert set(left) <= KEPT, {table: lines[:2] for table, lines in left.items() if table not in KEPT}
    assert set(objects_of(context, tenant)) == {LEDGER}
    assert all(tenant.canary not in str(value) for row in spreadsheet.rows(tenant.canary)[1:] for value in row)
    with psycopg.connect(admin_url) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_roles WHERE rolname LIKE %s", (f"analyst_{tenant.canary}%",)
        ).fetchone()
        assert row == (0,), "the analyst's login"
        row = connection.execute("SELECT count(*) FROM audit_subject WHERE tenant_id = %s", (tenant.id,)).fetchone()
        assert row == (0,), "who is behind the chain"
    assert verify_chain(context.database, tenant.id, {}).is_whole


class TestAnErasure:
    def test_leaves_nothing_but_the_chain_and_is_what_the_dry_run_told(
        self, context: Context, world: World, admin_url: str, spreadsheet: Spreadsheet
    ) -> None:
        tenant, other = world.tenants[-1], world.tenants[-2]
        before = of_tenant(admin_url, other), objects_of(context, other), spreadsheet.rows(other.canary)
        assert set(of_tenant(admin_url, tenant)) > {"message", "data_key", "refresh_token", "analyst", "rate_limit"}
        assert any(tenant.canary in str(row) for row in spreadsheet.rows(tenant.canary))
        told = preview_tenant(context, tenant.id)
        receipt = perform(context, tenant.id, request(context, tenant))
        assert receipt is not None
        assert dict(told) == receipt["counts"]
        assert receipt["sheets_left"] == []
        assert_gone(context, admin_url, spreadsheet, tenant)
        assert (of_tenant(admin_url, other), objects_of(context, other), spreadsheet.rows(other.canary)) == before
        for chain in (other.id, INSTALLATION):
            assert verify_chain(context.database, chain, {}).is_whole

    def test_names_the_sheets_that_refuse(self, context: Context, world: World, spreadsheet: Spreadsheet) -> None:
        tenant = world.tenants[-3]
        with context.database.tenant_tx(tenant.id) as connection:
            connection.execute('UPDATE export_target SET config = config || \'{"spreadsheet_id": "gone"}\'')
        spreadsheet.fail_next = [404]
        receipt: Any = perform(context, tenant.id, request(context, tenant))
        assert [one["spreadsheet"] for one in receipt["sheets_left"]] == ["gone"]
        assert "sheet_row" not in receipt["counts"]


@pytest.fixture(scope="module")
def killed(context: Context, world: World, admin_url: str) -> dict[int, tuple[UUID, dict[str, int]]]:
    """Let an erasure die at each boundary; returns the erasures, and what dry runs had told, by tenant."""
    chosen = world.tenants[: len(BOUNDARIES)]
    told = {tenant.number: (request(context, tenant), dict(preview_tenant(context, tenant.id))) for tenant in chosen}
    settings = context.settings
    environment = {
        "DB_URL": settings.db_url, "OPSINTEL_DATA_DIR": str(settings.data_dir),
        "OPSINTEL_MIGRATION_URL": admin_url,
        "MASTER_ENCRYPTION_KEY": base64.b64encode(settings.master_key()).decode(),
        "OPSINTEL_GOOGLE_SHEETS_ENDPOINT": settings.google_sheets_endpoint, "OPSINTEL_EMBEDDING_DOWNLOAD": "false",
    }  # fmt: skip
    erasures = [
        [str(tenant.id), str(told[tenant.number][0]), boundary]
        for tenant, boundary in zip(chosen, BOUNDARIES, strict=True)
    ]
    done = subprocess.run(
        [sys.executable, "-m", "tests.erasure.dying"],
        input=json.dumps({"environment": environment, "erasures": erasures}),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [-9] * len(BOUNDARIES), done.stderr
    with psycopg.connect(admin_url) as connection:
        connection.execute("UPDATE erasure SET lease_until = NULL")
        connection.execute("UPDATE named_lock SET expires_at = now()")  # of sheets; the next try would wait it out
    return told


@pytest.mark.complete
class TestAnErasureThatIsKilled:
    @pytest.mark.parametrize("boundary", BOUNDARIES)
    def test_goes_on_to_the_same_end(
        self,
        context: Context,
        world: World,
        admin_url: str,
        spreadsheet: Spreadsheet,
        killed: dict[int, tuple[UUID, dict[str, int]]],
        boundary: int | str,
    ) -> None:
        tenant = world.tenants[BOUNDARIES.index(boundary)]
        erasure_id, told = killed[tenant.number]
        assert find_erasure(context.database, tenant.id, erasure_id).state == "running"
        receipt = perform(context, tenant.id, erasure_id)
        assert receipt is not None
        assert receipt["counts"] == told
        assert_gone(context, admin_url, spreadsheet, tenant)


@contextmanager
def small_tenant(context: Context, slug: str) -> Iterator[Tenant]:
    from opsintel.tenants import create_tenant

    yield create_tenant(context.database, slug, slug)


class TestWhatComesLater:
    def test_is_set_aside_as_of_a_tenant_that_is_not_there(self, context: Context, admin_url: str) -> None:
        with small_tenant(context, "late") as tenant:
            receipt = perform(context, tenant.id, request_erasure(context.database, tenant.id, TENANT, {}, OPERATOR))
            assert receipt is not None
            announcement = Announcement(
                tenant.id, tenant.id, PARTITION_DIRTY, {"version": 1, "day": str(today()), "reason": "edit"}
            )
            with open_queue(context.settings, context.database) as queue:
                try:
                    queue.publish([announcement])
                except psycopg.errors.ForeignKeyViolation:
                    return  # the queue in the database takes nothing of a tenant that is not there
                consume_once(context.database, queue)
            with psycopg.connect(admin_url) as connection:
                row = connection.execute("SELECT count(*) FROM work WHERE tenant_id = %s", (tenant.id,)).fetchone()
            assert row == (0,)

    def test_of_a_page_that_was_being_stored_is_collected(self, context: Context) -> None:
        with small_tenant(context, "page") as tenant:
            perform(context, tenant.id, request_erasure(context.database, tenant.id, TENANT, {}, OPERATOR))
            context.objects.put(tenant.id, "raw", b"late")
            assert collect_of_erased(context.database, context.objects) == 1
            left = [one.key.split("/")[2] for page in context.objects.pages(tenant.id) for one in page]
            assert left == [LEDGER]

    def test_dagster_forgets_its_partitions(self, context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(resources, "_open", lambda: context)
        with small_tenant(context, "parted") as tenant, DagsterInstance.ephemeral() as instance:
            instance.add_dynamic_partitions("tenants", ["parted", "gone-long-ago"])
            with context.database.system_tx() as connection:
                connection.execute("UPDATE tenant SET suspended_at = now() WHERE id = %s", (tenant.id,))
            with build_sensor_context(instance=instance, resources={"installation": resources.Installation()}) as asked:
                result: Any = ledger_sensor(asked)
            deleted = [
                key
                for one in result.dynamic_partitions_requests
                if type(one).__name__.startswith("Delete")
                for key in one.partition_keys
            ]
            assert deleted == ["gone-long-ago"], "a suspended tenant keeps its partitions"


class TestTheCommand:
    @pytest.fixture
    def environment(self, context: Context, admin_url: str) -> dict[str, str]:
        settings = context.settings
        return {
            "DB_URL": settings.db_url or "", "OPSINTEL_MIGRATION_URL": admin_url,
            "OPSINTEL_DATA_DIR": str(settings.data_dir),
            "MASTER_ENCRYPTION_KEY": base64.b64encode(settings.master_key()).decode(),
        }  # fmt: skip

    def test_asks_for_the_name_once_more(self, context: Context, environment: dict[str, str]) -> None:
        with small_tenant(context, "typed") as tenant:
            wrong = CliRunner().invoke(app, ["erase", "tenant", "typed"], input="other\n", env=environment)
            assert isinstance(wrong.exception, InputError)
            nothing = CliRunner().invoke(app, ["erase", "tenant", "typed"], env=environment)
            assert nothing.exit_code == 1
            assert tenant_by_id(context.database, tenant.id).slug == "typed"
            right = CliRunner().invoke(app, ["erase", "tenant", "typed"], input="typed\n", env=environment)
            assert "accounts: 1 removed" in right.output

    def test_does_without_in_scripts_and_tells_before(self, context: Context, environment: dict[str, str]) -> None:
        with small_tenant(context, "scripted"):
            told = CliRunner().invoke(app, ["erase", "tenant", "scripted", "--dry-run", "--json"], env=environment)
            done = CliRunner().invoke(app, ["erase", "tenant", "scripted", "--yes", "--json"], env=environment)
            assert json.loads(told.stdout)["counts"] == json.loads(done.stdout)["counts"] == {"tenant": 1}

    def test_goes_on_with_what_was_interrupted(self, context: Context, environment: dict[str, str]) -> None:
        with small_tenant(context, "halted") as tenant:
            erasure_id = request_erasure(context.database, tenant.id, TENANT, {}, OPERATOR)
            with context.database.system_tx() as connection:
                connection.execute("DELETE FROM tenant WHERE id = %s", (tenant.id,))
            done = CliRunner().invoke(app, ["erase", "resume", "--json"], env=environment)
            assert [one["erasure"] for one in json.loads(done.stdout)["erasures"]] == [str(erasure_id)]
