"""What tests of alerts share: an installation with a mail server, a tenant with a member of each role."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from opsintel.access.roles import ROLES
from opsintel.context import Context
from opsintel.db.engine import Database
from opsintel.ids import new_id
from opsintel.llm.chain import Link
from opsintel.objects.store import open_objects
from opsintel.settings import Settings, load_settings
from opsintel.tenants import Tenant, create_tenant
from opsintel_pipeline.worker.alerts import ALERTS
from tests.peers.smtp import SmtpPeer, running_smtp
from tests.seeding import insert, seed_user


@pytest.fixture
def smtp() -> Iterator[SmtpPeer]:
    with running_smtp() as peer:
        yield peer


@pytest.fixture
def context(settings: Settings, database: Database, smtp: SmtpPeer) -> Iterator[Context]:
    with database.system_tx() as connection:
        connection.execute("DELETE FROM tenant")
        connection.execute("DELETE FROM app_user")
    opened = Context(database, open_objects(settings), with_mail(settings, smtp))
    yield opened
    opened.close()


@pytest.fixture
def tenant(context: Context) -> Tenant:
    return staffed(context.database, "acme")


def with_mail(settings: Settings, smtp: SmtpPeer) -> Settings:
    """Return settings with the mail server of the tests."""
    mail = load_settings(smtp.environment)
    return settings.model_copy(update={"smtp_url": mail.smtp_url, "mail_from": mail.mail_from})


def staffed(database: Database, slug: str) -> Tenant:
    """Return a new tenant with a member of each role, `owner@acme.example` for one."""
    tenant = create_tenant(database, slug, slug.title())
    for role in ROLES:
        seed_user(database, f"{role}@{slug}.example", role, tenant.id, role)
    return tenant


def a_key(context: Context, tenant: Tenant) -> Link:
    """Return a model of a new key that needs no secret; nothing answers there."""
    key_id = new_id()
    with context.database.tenant_tx(tenant.id) as connection:
        insert(
            connection, "model_key", tenant_id=tenant.id, id=key_id, name="our ollama", provider="ollama",
            base_url="http://localhost:11434",
        )  # fmt: skip
    return Link(key_id, "ollama", "http://localhost:11434", None, None, "untested", None, "m", None)


def a_source(context: Context, tenant: Tenant, name: str = "support@acme.example") -> UUID:
    """Return a new source, whose name is an address."""
    source_id = new_id()
    with context.database.tenant_tx(tenant.id) as connection:
        connection.execute(
            "INSERT INTO source (tenant_id, id, kind, name, config, config_key) VALUES (%s, %s, 'mbox', %s, '{}', %s)",
            (tenant.id, source_id, name, str(source_id)),
        )
    return source_id


def alerts(context: Context, tenant: Tenant) -> list[dict[str, Any]]:
    """Return the tenant's alerts, in the order they were opened."""
    with context.database.tenant_tx(tenant.id) as connection:
        cursor = connection.execute(
            "SELECT id, kind, subject_id, line, resolved_at IS NULL AS is_open, told_at IS NOT NULL AS is_told,"
            " source_id, attempts FROM alert ORDER BY opened_at, id"
        )
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor]


def stands(context: Context, tenant: Tenant) -> list[tuple[str, bool]]:
    """Return the kinds of the tenant's alerts, and whether each is open."""
    return [(row["kind"], row["is_open"]) for row in alerts(context, tenant)]


def pass_time(context: Context, tenant: Tenant, interval: str) -> None:
    """Have everything about alerts lie so long ago."""
    columns = ("opened_at", "ends_at", "resolved_at", "quiet_until", "tell_at", "told_at")
    earlier = ", ".join(f"{column} = {column} - %(by)s::interval" for column in columns)
    with context.database.tenant_tx(tenant.id) as connection:
        connection.execute(f"UPDATE alert SET {earlier}".encode(), {"by": interval})


def tell(context: Context) -> None:
    """Do what the worker does about alerts each time it looks."""
    ALERTS.work(context)


def letters(smtp: SmtpPeer) -> dict[str, str]:
    """Return the text of the letters that came, by who they went to."""
    found: dict[str, str] = {}
    while not smtp.is_empty():
        (to,), message = smtp.received()
        assert to not in found
        found[to] = f"{message['Subject']}\n{message.get_content()}"
    return found
