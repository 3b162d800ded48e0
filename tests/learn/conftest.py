"""What tests of learning share: one tenant, and a transaction of it."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from opsintel.db.engine import Database
from opsintel.tenants import Tenant, create_tenant


@pytest.fixture
def tenant(database: Database) -> Tenant:
    with database.system_tx() as connection:
        connection.execute("DELETE FROM tenant")
    return create_tenant(database, "acme", "Acme")


@pytest.fixture
def connection(database: Database, tenant: Tenant) -> Iterator[psycopg.Connection]:
    with database.tenant_tx(tenant.id) as opened:
        yield opened
