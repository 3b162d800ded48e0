"""A process that is killed with a new token in hand: the next one goes on where it may, else it says so."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from opsintel.access.audit import SYSTEM
from opsintel.context import Context
from opsintel.db.engine import Database
from opsintel.objects.store import open_objects
from opsintel.settings import Settings
from opsintel.sources.control import Change, change_source
from opsintel.tenants import create_tenant
from tests.connectors.gmail.mailbox import Mailbox
from tests.connectors.zendesk.account import running_account
from tests.peers.zendesk import CLIENT_ID, CLIENT_SECRET
from tests.providers.account import Account
from tests.providers.product import Product, with_servers
from tests.providers.test_kills import KILLED, Killer, killer, readers

__all__ = ["killer", "readers"]


@pytest.mark.parametrize("account", ["gmail"], indirect=True)
def test_a_provider_that_rotates_no_token_is_asked_again(product: Product, killer: Killer) -> None:
    remote = product.account.remote
    assert isinstance(remote, Mailbox)
    remote.add(range(6))
    remote.peer.access.token = "token-2"
    assert killer.read(product, "token") == KILLED
    product.read()
    assert product.state == ("active", "")
    assert product.stored() == product.held()


class TestRotation:
    @pytest.fixture
    def account(self) -> Iterator[Account]:
        with running_account("oauth") as remote:
            yield Account("zendesk", remote, str, changes_text=True)

    @pytest.fixture
    def product(self, settings: Settings, database: Database, admin_url: str, account: Account) -> Iterator[Product]:
        with database.system_tx() as connection:
            connection.execute("DELETE FROM tenant")
        context = with_servers(Context(database, open_objects(settings), settings), account)
        yield Product(context, admin_url, create_tenant(database, "acme", "Acme"), account)
        context.close()

    def test_takes_a_person_and_loses_nothing(self, product: Product, killer: Killer, account: Account) -> None:
        account.remote.add(range(6))
        peer = account.remote.peer  # type: ignore[attr-defined]
        peer.access_token = "another"
        assert killer.read(product, "token") == KILLED
        assert peer.refreshes == 1
        product.work()
        state, detail = product.state
        assert state == "disabled"
        assert "Authorise" in detail
        given = {"access_token": peer.access_token, "refresh_token": peer.refresh_token,
                 "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}  # fmt: skip
        change_source(product.context, product.tenant.id, product.source.id, Change(credential=given), SYSTEM)
        product.work()
        assert product.state == ("active", "")
        assert len(product.stored()) == 6
