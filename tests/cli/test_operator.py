"""`opsintel operator`, `tenant` and `account` as the operator runs them."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable

import pytest
from typer.testing import CliRunner, Result

from opsintel.access.accounts import create_user
from opsintel.cli.main import app
from opsintel.db.engine import Database
from opsintel.errors import InputError, NotFoundError
from opsintel.ids import new_id
from opsintel.settings import Settings
from opsintel.tenants import create_tenant

PASSWORD = "a long enough password"
Run = Callable[..., Result]


@pytest.fixture
def run(settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch, admin_url: str) -> Run:
    """Call the command on the module's database, which has the tenant acme."""
    create_tenant(database, "acme", "Acme")
    monkeypatch.setenv("DB_URL", settings.db_url or "")
    monkeypatch.setenv("OPSINTEL_MIGRATION_URL", admin_url)
    monkeypatch.setenv("OPSINTEL_DATA_DIR", str(settings.data_dir))
    monkeypatch.setenv("MASTER_ENCRYPTION_KEY", base64.b64encode(settings.master_key()).decode())
    monkeypatch.setenv("JWT_SECRET", settings.jwt_key().decode())
    monkeypatch.setenv("OPSINTEL_PUBLIC_URL", "https://ops.example.com")
    return lambda *arguments: CliRunner().invoke(app, list(arguments))


def actions(database: Database) -> list[str]:
    with database.system_tx() as connection:
        return [row[0] for row in connection.execute("SELECT action FROM audit_log ORDER BY at").fetchall()]


class TestOperator:
    def test_is_made_listed_and_revoked(self, run: Run, database: Database) -> None:
        made = json.loads(run("operator", "add", "on-call", "--days", "7", "--json").stdout)
        assert made["token"].startswith("opo_")
        assert isinstance(run("operator", "add", "on-call").exception, InputError)
        listed = run("operator", "list").stdout
        assert "on-call" in listed
        assert made["token"] not in listed
        assert run("operator", "revoke", "on-call").exit_code == 0
        assert run("operator", "list").stdout == ""
        assert isinstance(run("operator", "revoke", "on-call").exception, NotFoundError)
        assert actions(database)[-2:] == ["operator.added", "operator.revoked"]

    @pytest.mark.parametrize(
        "arguments", [("On Call",), ("",), ("a;b",), ("ok", "--days", "0"), ("ok", "--days", "999")]
    )
    def test_with_a_name_or_a_time_that_is_none_is_refused(self, run: Run, arguments: list[str]) -> None:
        assert isinstance(run("operator", "add", *arguments).exception, InputError)


class TestTenant:
    def test_is_made_suspended_and_activated(self, run: Run, database: Database) -> None:
        assert run("tenant", "create", "fresh", "--name", "Fresh").stdout == "fresh is made\n"
        assert isinstance(run("tenant", "create", "fresh").exception, InputError)
        assert run("tenant", "suspend", "fresh").stdout == "fresh is suspended: nobody gets in\n"
        assert "fresh  suspended  0 members" in run("tenant", "list").stdout
        assert run("tenant", "activate", "fresh").stdout == "fresh is active\n"
        assert "fresh  active" in run("tenant", "list").stdout
        assert isinstance(run("tenant", "suspend", "ghost").exception, NotFoundError)
        assert actions(database)[-3:] == ["tenant.created", "tenant.suspended", "tenant.activated"]


class TestLinks:
    def test_of_invitations_are_printed_and_renewed(self, run: Run, database: Database) -> None:
        made = json.loads(run("account", "invite", "ana@new.example", "--tenant", "acme", "--json").stdout)
        assert made["link"].startswith("https://ops.example.com/invitation/#token=opl_")
        with database.system_tx() as connection:
            (invitation,) = connection.execute("SELECT id FROM invitation").fetchone()
        again = run("account", "link", str(invitation), "--tenant", "acme").stdout
        assert "https://ops.example.com/invitation/#token=opl_" in again
        assert made["link"] not in again
        create_tenant(database, "another", "Another")
        for wanted, tenant in ((new_id(), "acme"), (invitation, "another")):
            assert isinstance(run("account", "link", str(wanted), "--tenant", tenant).exception, NotFoundError)

    def test_of_single_sign_on_are_cut(self, run: Run, database: Database) -> None:
        tenant = create_tenant(database, "acme", "Acme")
        user_id = create_user(database, "eve@new.example", "Eve", PASSWORD, tenant.id, "viewer")
        assert isinstance(run("account", "unlink", "eve@new.example").exception, NotFoundError)
        with database.system_tx() as connection:
            connection.execute("INSERT INTO identity VALUES ('https://id.example', 's', %s)", (user_id,))
        assert run("account", "unlink", "Eve@New.example").exit_code == 0
        assert isinstance(run("account", "unlink", "eve@new.example").exception, NotFoundError)
        assert actions(database)[-1] == "identity.unlinked"

    def test_of_resets_are_printed_for_an_address_or_an_id(self, run: Run, database: Database) -> None:
        tenant = create_tenant(database, "acme", "Acme")
        user_id = create_user(database, "bob@new.example", "Bob", PASSWORD, tenant.id, "viewer")
        for account in ("Bob@new.example", str(user_id)):
            assert "https://ops.example.com/reset/#token=opl_" in run("account", "reset", account).stdout
        assert isinstance(run("account", "reset", "nobody@new.example").exception, NotFoundError)
