"""`opsintel alert` as a person runs it."""

from __future__ import annotations

import base64
import json

import pytest
from typer.testing import CliRunner, Result

from opsintel.alerts.store import Condition, open_alert, resolve_alerts
from opsintel.cli.main import app
from opsintel.context import Context
from opsintel.tenants import Tenant
from tests.alerts.conftest import a_key, a_source, alerts, staffed


@pytest.fixture(autouse=True)
def _settings(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = context.settings
    monkeypatch.setenv("DB_URL", settings.db_url or "")
    monkeypatch.setenv("OPSINTEL_DATA_DIR", str(settings.data_dir))
    monkeypatch.setenv("MASTER_ENCRYPTION_KEY", base64.b64encode(settings.master_key()).decode())
    monkeypatch.setenv("JWT_SECRET", settings.jwt_key().decode())


def run(*arguments: str, tenant: str = "acme") -> Result:
    return CliRunner().invoke(app, ["alert", *arguments, "--tenant", tenant])


def test_lists_what_is_open_acknowledges_it_and_lists_what_was(context: Context, tenant: Tenant) -> None:
    staffed(context.database, "other")
    key, source = a_key(context, tenant).key_id, a_source(context, tenant, "Support\x1b[31m")
    with context.database.tenant_tx(tenant.id) as connection:
        open_alert(connection, tenant.id, Condition("key.invalid", key, "Refused: rotate it"))
        open_alert(connection, tenant.id, Condition("source.unhealthy", source, "Ill: heal it", source_id=source))
        resolve_alerts(connection, source)
    shown = run("list").stdout
    assert "open  key.invalid our ollama: Refused: rotate it" in shown
    assert "heal it" not in shown
    assert run("acknowledge", str(alerts(context, tenant)[0]["id"])).exit_code == 0
    shown = run("list", "--all").stdout
    assert "known  key.invalid" in shown
    assert "resolved  source.unhealthy Support" in shown
    assert "\x1b" not in shown
    listed = json.loads(run("list", "--all", "--json").stdout)
    assert [(one["kind"], one["resolved_at"] is None) for one in listed] == [
        ("key.invalid", True), ("source.unhealthy", False),
    ]  # fmt: skip
    assert run("list", tenant="other").stdout == "Nothing is open\n"
