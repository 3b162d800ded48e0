"""Which models analyse is changed through the gate: measured on the gold set, or by a person's reason."""

from __future__ import annotations

import base64
from collections.abc import Callable
from uuid import UUID

import psycopg
import pytest
from psycopg.types.json import Jsonb
from typer.testing import CliRunner

from opsintel.cli.main import app
from opsintel.db.engine import Database
from opsintel.errors import ConflictError, InputError
from opsintel.ids import new_id
from opsintel.learning.chains import UNMEASURED, set_chain
from opsintel.learning.correcting import correct
from opsintel.learning.gold import freeze
from opsintel.llm.chain import chain_of
from opsintel.settings import Settings
from opsintel.tenants import Tenant
from tests.learn.queue import LONG, PERSON, analysed, write
from tests.seeding import insert

Set = Callable[..., str]


def key(connection: psycopg.Connection, tenant: Tenant, name: str) -> UUID:
    key_id = new_id()
    insert(
        connection, "model_key", tenant_id=tenant.id, id=key_id, name=name, provider="ollama",
        base_url="http://localhost:11434",
    )  # fmt: skip
    return key_id


@pytest.fixture
def own(connection: psycopg.Connection, tenant: Tenant) -> UUID:
    """A key whose model is in force."""
    key_id = key(connection, tenant, "own")
    set_chain(connection, tenant.id, "analyse", [(key_id, "old")], PERSON)
    return key_id


@pytest.fixture
def gold(connection: psycopg.Connection, tenant: Tenant, own: UUID) -> None:
    (message_id,) = write(connection, tenant, [LONG])
    analysed(connection, tenant, message_id)
    correct(connection, tenant.id, PERSON, message_id, "severity", 1)
    assert freeze(connection, tenant.id) == 1


@pytest.fixture
def change(connection: psycopg.Connection, tenant: Tenant) -> Set:
    return lambda *models, override="", purpose="analyse": set_chain(
        connection, tenant.id, purpose, models, PERSON, override
    )


def tried(connection: psycopg.Connection, tenant: Tenant, key_id: UUID, model: str, loss: float) -> UUID:
    run_id = new_id()
    insert(
        connection, "shadow_run", tenant_id=tenant.id, id=run_id, state="measured", gold_version=1, loss=loss,
        chain=Jsonb([{"key_id": str(key_id), "model": model}]), actor_kind="person", actor_id="x",
        figures=Jsonb({"severity": {"examples": 9, "present": 1.0, "tried": 1.0 - loss}}),
    )  # fmt: skip
    return run_id


def in_force(connection: psycopg.Connection) -> list[str]:
    return [link.model for link in chain_of(connection, "analyse")]


class TestWithoutAGoldSet:
    def test_a_chain_is_changed_and_that_is_said(self, connection: psycopg.Connection, own: UUID, change: Set):
        assert change((own, "new")) == UNMEASURED
        assert in_force(connection) == ["new"]


@pytest.mark.usefixtures("gold")
class TestWithAGoldSet:
    def test_what_was_not_tried_is_held(self, own: UUID, change: Set):
        for models in ([(own, "new")], [(own, "old"), (own, "new")], []):
            with pytest.raises(ConflictError, match="not tried on the gold set"):
                change(*models)

    def test_what_loses_too_much_is_held_with_its_figures(
        self, connection: psycopg.Connection, tenant: Tenant, own: UUID, change: Set
    ):
        tried(connection, tenant, own, "new", loss=0.25)
        with pytest.raises(ConflictError, match=r"severity 1\.000 → 0\.750 on 9 examples"):
            change((own, "new"))

    def test_what_loses_little_is_let_through(
        self, connection: psycopg.Connection, tenant: Tenant, own: UUID, change: Set
    ):
        tried(connection, tenant, own, "new", loss=0.25)
        tried(connection, tenant, own, "new", loss=0.01)
        assert change((own, "new")) == ""
        assert in_force(connection) == ["new"]

    def test_what_was_tried_on_another_taxonomy_is_held(
        self, connection: psycopg.Connection, tenant: Tenant, own: UUID, change: Set
    ):
        tried(connection, tenant, own, "new", loss=0)
        connection.execute("UPDATE shadow_run SET created_at = now() - interval '1 hour'")
        insert(
            connection, "taxonomy", tenant_id=tenant.id, id=new_id(), version=99, name="x", categories=Jsonb([]),
            actor_kind="person", actor_id="x", promoted_at="now()",
        )  # fmt: skip
        with pytest.raises(ConflictError):
            change((own, "new"))

    def test_the_same_models_by_another_key_are_no_change(
        self, connection: psycopg.Connection, tenant: Tenant, change: Set
    ):
        other = key(connection, tenant, "other")
        assert change((other, "old")) == ""
        assert [link.key_id for link in chain_of(connection, "analyse")] == [other]

    def test_another_purpose_is_not_held(self, own: UUID, change: Set):
        assert change((own, "new"), purpose="name_issue") == ""

    def test_a_reason_overrides_which_is_kept(self, connection: psycopg.Connection, own: UUID, change: Set):
        assert "reason" in change((own, "new"), override="The old one is gone")
        assert in_force(connection) == ["new"]
        runs = connection.execute("SELECT state, is_overridden, reason FROM shadow_run").fetchall()
        assert runs == [("promoted", True, "The old one is gone")]
        actions = connection.execute("SELECT action, actor_kind FROM audit_log ORDER BY seq DESC LIMIT 2").fetchall()
        assert actions == [("shadow_run.overridden", "person"), ("model_chain.set", "person")]
        with pytest.raises(ConflictError):
            change((own, "old"))

    def test_what_is_no_chain_is_said_first(self, change: Set):
        with pytest.raises(InputError):
            change((new_id(), "new"))


class TestCommand:
    def test_is_held_and_overridden(
        self, settings: Settings, database: Database, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setenv("DB_URL", settings.db_url or "")
        monkeypatch.setenv("OPSINTEL_DATA_DIR", str(settings.data_dir))
        monkeypatch.setenv("MASTER_ENCRYPTION_KEY", base64.b64encode(settings.master_key()).decode())
        monkeypatch.setenv("JWT_SECRET", settings.jwt_key().decode())
        with database.tenant_tx(tenant.id) as connection:
            key(connection, tenant, "own")
        chain = ["key", "chain", "--tenant", "acme"]
        first = CliRunner().invoke(app, [*chain, "own=old"])
        assert (first.stdout, first.stderr) == ("own=old\n", f"{UNMEASURED}\n")
        with database.tenant_tx(tenant.id) as connection:
            (message_id,) = write(connection, tenant, [LONG])
            analysed(connection, tenant, message_id)
            correct(connection, tenant.id, PERSON, message_id, "severity", 1)
            freeze(connection, tenant.id)
        assert isinstance(CliRunner().invoke(app, [*chain, "own=new"]).exception, ConflictError)
        assert CliRunner().invoke(app, chain).stdout == "own=old\n"
        assert CliRunner().invoke(app, [*chain, "own=new", "--override", "It is cheaper"]).stdout == "own=new\n"
