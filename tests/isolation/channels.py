"""The other ways by which something of a tenant could come to another: sessions, objects, limits, seals, exports.

Each function tries one of them on the first two tenants and fails with an AssertionError. They are the tests of
test_channels.py, and what a mutant has to get past (tests/isolation/mutants).
"""

from __future__ import annotations

import tempfile
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from fastapi import FastAPI

from opsintel.access import tokens
from opsintel.coordination.contract import AsyncLimits, Key, Limit
from opsintel.coordination.postgres import PostgresCoordinator
from opsintel.crypto.envelope import seal
from opsintel.crypto.keyring import Keyring
from opsintel.crypto.master import MasterKeys
from opsintel.errors import OpsintelError, SealError
from opsintel.ids import new_id
from opsintel.objects.store import open_objects
from opsintel_api.limits import TenantLimits
from opsintel_pipeline.act.files import write_file
from opsintel_pipeline.act.rows import issue_rows
from opsintel_pipeline.act.sheets.plan import plan_sheet
from tests.isolation.asgi import Asked, send
from tests.isolation.canaries import Scanner
from tests.isolation.rows import TABLES
from tests.isolation.world import Channel, World

ME = Asked("GET", "/v1/me")


async def sessions_hold_in_their_tenant_only(world: World, app: FastAPI, scanner: Scanner) -> None:
    """Sign tokens that mix person, tenant and session of two tenants: none of them is a session."""
    one, other = (tenant.people["owner"] for tenant in world.tenants[:2])
    ids = [tenant.id for tenant in world.tenants[:2]]
    for user_id, tenant_id, session_id in (
        (one.user_id, ids[1], one.session_id), (one.user_id, ids[1], other.session_id),
        (other.user_id, ids[0], other.session_id), (one.user_id, ids[0], other.session_id),
    ):  # fmt: skip
        mixed = tokens.issue(tokens.AccessToken(user_id, tenant_id, session_id), world.settings.jwt_key())
        answer = await send(app, ME, mixed)
        scanner.scan("/v1/me with a mixed token", answer.everything, [])
        assert answer.status == 401, f"a mixed token is answered with {answer.status}"
    for person, tenant in ((one, world.tenants[0]), (other, world.tenants[1])):
        answer = await send(app, ME, person.token)
        scanner.scan("/v1/me", answer.everything, [tenant.number])
        assert (answer.status, answer.json()["tenant"]["id"]) == (200, str(tenant.id))
        assert [listed["id"] for listed in answer.json()["tenants"]] == [str(tenant.id)], "memberships of others"


async def a_former_member_is_no_member(world: World, app: FastAPI, scanner: Scanner) -> None:
    """Take a person's membership away while others of the tenant, and of other tenants, keep theirs."""
    tenant = world.tenants[0]
    person = tenant.people["analyst"]
    with psycopg.connect(world.admin_url, autocommit=True) as connection:
        row = connection.execute(
            "DELETE FROM membership WHERE user_id = %s AND tenant_id = %s RETURNING role", (person.user_id, tenant.id)
        ).fetchone()
        assert row is not None
        # A member of another tenant is nobody here.
        connection.execute(
            "INSERT INTO membership (tenant_id, user_id, role) VALUES (%s, %s, 'owner')",
            (world.tenants[1].id, person.user_id),
        )
        try:
            answer = await send(app, Asked("GET", "/v1/issues"), person.token)
            scanner.scan("/v1/issues of a former member", answer.everything, [])
            assert answer.status == 403, f"a former member is answered with {answer.status}"
        finally:
            connection.execute("DELETE FROM membership WHERE user_id = %s", (person.user_id,))
            connection.execute(
                "INSERT INTO membership (tenant_id, user_id, role) VALUES (%s, %s, %s)",
                (tenant.id, person.user_id, row[0]),
            )


async def answers_are_tagged_for_their_tenant(world: World, app: FastAPI, scanner: Scanner) -> None:
    """Compare entity tags: one tenant's figures never stand for another's in a cache."""
    asked = Asked("GET", "/v1/overview")
    tags = []
    for tenant in world.tenants[:2]:
        answer = await send(app, asked, tenant.people["owner"].token)
        scanner.scan("/v1/overview", answer.everything, [tenant.number])
        tags.append(dict(answer.headers)[b"etag"])
    assert tags[0] != tags[1], "two tenants share an entity tag"
    for tag, tenant in zip(tags, world.tenants[1::-1], strict=True):
        held = Asked("GET", "/v1/overview", headers=(("if-none-match", tag.decode()),))
        answer = await send(app, held, tenant.people["owner"].token)
        assert answer.status == 200, "another tenant's entity tag stands for one's own answer"


class _Counted:
    """Implements `AsyncLimits` in memory: each key has `burst` tokens, and gets no more."""

    def __init__(self) -> None:
        self.taken: dict[str, int] = {}

    async def acquire(self, key: Key, limit: Limit, tokens: int = 1) -> float:
        """Take tokens while there are any."""
        if self.taken.get(str(key), 0) + tokens > limit.burst:
            return 1.0
        self.taken[str(key)] = self.taken.get(str(key), 0) + tokens
        return 0

    async def refund(self, key: Key, limit: Limit, tokens: int = 1) -> None:
        """Put tokens back."""


async def one_tenants_requests_use_up_no_others(world: World, app: FastAPI, scanner: Scanner) -> None:
    """Let one tenant ask until it is refused: another is not, and what a process holds of lots is each one's own."""
    settings = world.settings.model_copy(update={"api_reads_per_minute": 60})
    shared: AsyncLimits = _Counted()
    limits = TenantLimits(shared, settings)
    one, other = (tenant.id for tenant in world.tenants[:2])
    for _ in range(60):
        assert await limits.take(one, "read") is None
    assert await limits.take(one, "read") is not None
    for _ in range(60):
        assert await limits.take(other, "read") is None, "one tenant's requests use up another's"


async def locks_and_limits_are_each_tenants_own(world: World, app: FastAPI, scanner: Scanner) -> None:
    """Take a lock and all tokens in the name of one tenant: another has its own of the same names."""
    coordinator = PostgresCoordinator(world.database)
    limit, name = Limit(0.001, 1), new_id().hex
    for tenant in world.tenants[:2]:
        key = Key(tenant.id, name)
        assert coordinator.acquire(key, limit) == 0, "another tenant's bucket"
        assert coordinator.lock(key, timedelta(minutes=1)) is not None, "another tenant's lock"
        assert coordinator.acquire(key, limit) > 0


async def objects_lie_with_their_tenant(world: World, app: FastAPI, scanner: Scanner) -> None:
    """Store the same bytes for two tenants, and canaries of each: keys and listings keep them apart."""
    store = open_objects(world.settings)
    keys = [store.put(tenant.id, "raw", b"the same for both") for tenant in world.tenants[:2]]
    assert keys[0] != keys[1], "one object of two tenants"
    for tenant in world.tenants[:2]:
        assert str(tenant.id) in store.put(tenant.id, "raw", f"{tenant.canary} page".encode())
    for tenant in world.tenants[:2]:
        listed = [stored for page in store.pages(tenant.id) for stored in page]
        assert len(listed) == 2, "a listing of others' objects"
        for stored in listed:
            content = store.get_range(stored.key, 0, stored.size)
            scanner.scan(f"object {stored.key}", stored.key.encode() + b"\n" + content, [tenant.number])
        store.delete([stored.key for stored in listed])


async def seals_open_for_their_tenant_only(world: World, app: FastAPI, scanner: Scanner) -> None:
    """Move sealed rows to another tenant: as they are, with their data key, and under one and the same key."""
    keyring = Keyring(world.database, MasterKeys.of(world.settings))
    one, other = (tenant.id for tenant in world.tenants[:2])
    with psycopg.connect(world.admin_url, autocommit=True) as connection:
        connection.execute("DELETE FROM secret WHERE NOT EXISTS (SELECT FROM source WHERE secret_id = secret.id)"
                           " AND NOT EXISTS (SELECT FROM export_target WHERE secret_id = secret.id)")  # fmt: skip
        connection.execute("UPDATE data_key SET retired_at = now() WHERE tenant_id IN (%s, %s)", (one, other))
        secret_id = keyring.store(one, "test", world.tenants[0].canary.encode())
        assert keyring.open(one, secret_id).reveal() == world.tenants[0].canary.encode()
        row = connection.execute("SELECT data_key_id FROM secret WHERE id = %s", (secret_id,)).fetchone()
        assert row is not None
        try:
            for table, id_ in (("data_key", row[0]), ("secret", secret_id)):
                names = [column.name for column in next(t for t in TABLES if t.name == table).columns]
                listed = ", ".join(names[1:])
                connection.execute(
                    f"INSERT INTO {table} (tenant_id, {listed}) SELECT %s, {listed} FROM {table} WHERE id = %s",
                    (other, id_),
                )
            with pytest.raises(SealError):
                keyring.open(other, secret_id)
        finally:
            connection.execute("DELETE FROM secret WHERE id = %s", (secret_id,))
            connection.execute("DELETE FROM data_key WHERE id = %s", (row[0],))
            connection.execute("UPDATE data_key SET retired_at = NULL WHERE tenant_id IN (%s, %s)", (one, other))
    _contexts_differ(one, other)


def _contexts_differ(one: UUID, other: UUID) -> None:
    from opsintel.crypto import keyring, master
    from opsintel.crypto.envelope import open_sealed

    key, key_id, row_id = b"k" * 32, new_id(), new_id()
    for context in (keyring._context("test", one, row_id, 1), master._wrapping(one, row_id)):
        mine = seal(key, key_id, b"value", context)
        twin = (
            keyring._context("test", other, row_id, 1) if context.purpose == "test" else master._wrapping(other, row_id)
        )
        with pytest.raises(SealError):
            open_sealed(key, mine, twin)


async def exports_hold_their_tenants_rows(world: World, app: FastAPI, scanner: Scanner) -> None:
    """Write each tenant's export: the plan of its sheet, and its file."""
    with tempfile.TemporaryDirectory() as folder:
        for tenant in world.tenants[:2]:
            with world.database.tenant_tx(tenant.id) as connection:
                rows = issue_rows(connection, "https://insights.example")
            assert rows
            assert {row.key for row in rows} <= set(map(str, tenant.rows.ids("issue"))), "rows of others"
            plan = plan_sheet(rows, [], [], {}, "stay")
            scanner.scan("plan of a sheet", repr(plan).encode(), [tenant.number])
            path = Path(folder) / f"{tenant.number}.csv"
            write_file(rows, path)
            scanner.scan("CSV", path.read_bytes(), [tenant.number])
            assert tenant.canary.encode() in path.read_bytes()


async def references_stay_within_a_tenant(world: World, app: FastAPI, scanner: Scanner) -> None:
    """Point each foreign key of a tenant's row at another tenant's row: none can be stored.

    Where both have a row of that key, as both have a first version, the reference is to the tenant's own.
    """
    one, other = world.tenants[:2]
    with psycopg.connect(world.admin_url) as connection:
        for table in TABLES:
            for key in table.foreign_key_constraints:
                parents = other.rows.rows.get(key.referred_table.name)
                targets = {element.parent.name: element.column.name for element in key.elements}
                if targets.pop("tenant_id", None) is None or not targets or not parents:
                    continue
                values = {name: parents[0][target] for name, target in targets.items()}
                own = one.rows.rows.get(key.referred_table.name, [])
                if any(all(row[target] == values[name] for name, target in targets.items()) for row in own):
                    continue
                outcome = _pointed(connection, table.name, one.id, values)
                assert outcome in ("ForeignKeyViolation", "InsufficientPrivilege"), f"{table.name} {values}: {outcome}"


def _pointed(connection: psycopg.Connection, table: str, tenant_id: UUID, values: dict[str, object]) -> str:
    """Return what the database says when a row of a tenant is made to refer to another's; it stays as it is."""
    assignments = ", ".join(f"{name} = %({name})s" for name in values)
    statement = (
        f"UPDATE {table} SET {assignments} WHERE ctid = (SELECT ctid FROM {table} WHERE tenant_id = %(tenant)s LIMIT 1)"
    )
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(statement, {**values, "tenant": tenant_id})
            connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
    except psycopg.Error as error:
        return type(error).__name__
    return "stored"


async def a_transaction_needs_a_tenant(world: World, app: FastAPI, scanner: Scanner) -> None:
    """Open transactions without a tenant, and leave one to the next user of the connection: nothing is seen."""
    for wrong in (None, "", str(world.tenants[0].id)):
        with pytest.raises(OpsintelError), world.database.tenant_tx(wrong):  # type: ignore[arg-type]
            pass
    with world.database.tenant_tx(world.tenants[0].id) as connection:
        assert connection.execute("SELECT current_user, session_user <> current_user").fetchone() == (
            "opsintel_app",
            True,
        )
        assert connection.execute("SELECT count(DISTINCT tenant_id) FROM message").fetchone() == (1,)
    with world.database.system_tx() as connection:
        assert connection.execute("SELECT current_user").fetchone() == ("opsintel_system",)
        assert connection.execute("SELECT current_setting('app.tenant_id', true)").fetchone() in ((None,), ("",))
    database = app.state.services.database
    async with database.tenant_tx(world.tenants[0].id) as pooled:
        assert await pooled.fetchval("SELECT current_user") == "opsintel_app"
    async with database.system_tx() as pooled:
        assert await pooled.fetchval("SELECT current_user") == "opsintel_system"
        assert not await pooled.fetchval("SELECT current_setting('app.tenant_id', true)")


CHANNELS: tuple[Channel, ...] = (
    sessions_hold_in_their_tenant_only,
    a_former_member_is_no_member,
    answers_are_tagged_for_their_tenant,
    one_tenants_requests_use_up_no_others,
    locks_and_limits_are_each_tenants_own,
    objects_lie_with_their_tenant,
    seals_open_for_their_tenant_only,
    exports_hold_their_tenants_rows,
    references_stay_within_a_tenant,
    a_transaction_needs_a_tenant,
)

__all__ = ["CHANNELS"]
