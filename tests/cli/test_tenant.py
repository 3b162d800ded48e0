"""`opsintel tenant` as a person runs it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable

import pytest
from typer.testing import CliRunner, Result

from opsintel.cli.main import app
from opsintel.db.engine import Database
from opsintel.errors import InputError, NotFoundError
from opsintel.settings import Settings
from opsintel.tenants import create_tenant, find_tenant

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
    return lambda *arguments: CliRunner().invoke(app, ["tenant", *arguments])


def paused(database: Database) -> bool:
    with database.system_tx() as connection:
        row = connection.execute("SELECT paused_at IS NOT NULL FROM tenant WHERE slug = 'acme'").fetchone()
    return row == (True,)


class TestPause:
    def test_holds_and_resume_lets_go_however_often(self, run: Run, database: Database) -> None:
        for _ in range(2):
            assert json.loads(run("pause", "acme", "--json").stdout) == {"tenant": "acme", "paused": True}
            assert paused(database)
        for _ in range(2):
            assert run("resume", "acme").stdout == "acme is not paused: its work flows\n"
            assert not paused(database)

    def test_of_nobody_is_refused(self, run: Run) -> None:
        assert isinstance(run("pause", "ghost").exception, NotFoundError)


class TestMargin:
    def test_is_shown_and_set(self, run: Run, database: Database) -> None:
        assert json.loads(run("margin", "acme", "--json").stdout) == {"tenant": "acme", "margin": 0.01}
        assert (
            run("margin", "acme", "0.05").stdout
            == "A version of acme may lose 0.05 of a field's accuracy and be promoted\n"
        )
        assert json.loads(run("margin", "acme", "--json").stdout)["margin"] == 0.05
        with database.tenant_tx(find_tenant(database, "acme").id) as connection:
            latest = connection.execute("SELECT action, details FROM audit_log ORDER BY seq DESC LIMIT 1").fetchone()
        assert latest == ("policy.promotion_changed", {"margin": 0.05})

    @pytest.mark.parametrize("share", ["1.5", "nan"])
    def test_nonsense_is_refused(self, run: Run, share: str) -> None:
        assert isinstance(run("margin", "acme", share).exception, InputError)


class TestRetention:
    def test_is_set_and_ended(self, run: Run, database: Database) -> None:
        assert run("retention", "acme", "--days", "730").stdout == "Messages of acme are kept for 730 days\n"
        assert find_tenant(database, "acme").retention_days == 730
        run("retention", "acme", "--for-ever")
        assert find_tenant(database, "acme").retention_days is None

    @pytest.mark.parametrize("options", [(), ("--days", "0"), ("--days", "-5"), ("--days", "30", "--for-ever")])
    def test_nonsense_is_refused(self, run: Run, options: tuple[str, ...]) -> None:
        assert isinstance(run("retention", "acme", *options).exception, InputError)
