"""What the tests of all providers share: an account at one, and the product that is connected to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta

import pytest

from opsintel.connectors.imap import reading
from opsintel.context import Context
from opsintel.db.engine import Database
from opsintel.objects.store import open_objects
from opsintel.settings import Settings
from opsintel.sources.connection import SourceConnection
from opsintel.tenants import create_tenant
from tests.connectors import sources
from tests.providers.account import KINDS, PAGE, Account, Dovecots, account_at, before_midnight
from tests.providers.product import Product, with_servers


@pytest.fixture(scope="session")
def dovecots() -> Iterator[Dovecots]:
    with ExitStack() as stack:
        yield Dovecots(stack)


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Items are of these days, pages are small, and nobody waits for a provider."""
    monkeypatch.setattr(sources, "START", before_midnight(timedelta(minutes=3)))
    monkeypatch.setattr(reading, "PAGE_ITEMS", PAGE)
    monkeypatch.setattr(SourceConnection, "wait", lambda *_: None)


@pytest.fixture(
    params=[pytest.param(kind, marks=[pytest.mark.dovecot] if kind == "imap" else []) for kind in KINDS], ids=str
)
def account(
    request: pytest.FixtureRequest, dovecots: Dovecots, surroundings: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Account]:
    del surroundings
    with account_at(request.param, dovecots) as opened:
        if request.param == "imap":
            monkeypatch.setattr(SourceConnection, "trust", dovecots().trust)
        yield opened


@pytest.fixture
def product(settings: Settings, database: Database, admin_url: str, account: Account) -> Iterator[Product]:
    with database.system_tx() as connection:
        connection.execute("DELETE FROM tenant")
    context = with_servers(Context(database, open_objects(settings), settings), account)
    yield Product(context, admin_url, create_tenant(database, "acme", "Acme"), account)
    context.close()
