"""What tests of sources share: an installation, a tenant, and a kind of source of the tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from opsintel.access.audit import SYSTEM
from opsintel.context import Context
from opsintel.db.engine import Database
from opsintel.objects.store import open_objects
from opsintel.settings import Settings
from opsintel.sources.connect import Wanted, connect_source
from opsintel.sources.source import Source
from opsintel.tenants import Tenant, create_tenant
from tests.sources.fake_kind import KIND, Desk, desk

__all__ = ["desk"]

TOKEN = "desk-token-canary"


@pytest.fixture
def context(settings: Settings, database: Database) -> Iterator[Context]:
    with database.system_tx() as connection:
        connection.execute("DELETE FROM tenant")
    opened = Context(database, open_objects(settings), settings)
    yield opened
    opened.close()


@pytest.fixture
def tenant(context: Context) -> Tenant:
    return create_tenant(context.database, "acme", "Acme")


@pytest.fixture
def source(context: Context, tenant: Tenant, desk: Desk) -> Source:
    """A desk that was connected just now."""
    del desk
    return connect(context, tenant)


def connect(context: Context, tenant: Tenant, **fields: object) -> Source:
    wanted = Wanted(KIND, "Desk", {}, {"token": TOKEN, "refresh_token": "first"})
    given = {name: getattr(wanted, name) for name in Wanted.__dataclass_fields__} | fields
    return connect_source(context, tenant.id, Wanted(**given), SYSTEM).source
