"""What providers push to the API is fetched, gives the row that a pull gives, and is not needed: one may be lost."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from opsintel_api.app import create_app
from opsintel_pipeline.worker import polling
from tests.connectors.remote import Push
from tests.providers.product import Product

pushing = pytest.mark.parametrize("account", ["graph", "slack", "jira", "zendesk"], indirect=True)


def deliver(product: Product, *pushes: Push) -> list[int]:
    """Send pushes to the API and return with what status each was answered."""
    settings = product.context.settings
    assert settings.db_url is not None

    async def send() -> list[int]:
        app = create_app(settings, settings.db_url)
        async with app.router.lifespan_context(app):
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=60) as client:
                address = f"/v1/push/{product.source.id}"
                return [(await client.post(address, content=push.body, headers=dict(push.headers))).status_code
                        for push in pushes]  # fmt: skip

    return asyncio.run(send())


@pushing
class TestPushes:
    def test_give_what_a_pull_gives_and_a_lost_one_is_made_good(self, product: Product) -> None:
        account = product.account
        account.remote.add(range(6))
        product.work()
        secret = product.connected.push_secret
        assert account.push is not None
        assert secret is not None
        first = product.versions()
        account.remote.edit(2)
        push = account.push(2, secret)
        account.remote.edit(4)  # its push is lost
        assert deliver(product, push, push) == [202, 202]
        assert polling.read_pushes(product.context)
        assert not polling.read_pushes(product.context)
        pushed = set(product.versions()) - set(first)
        assert {native_id for native_id, _ in pushed} == {account.remote.native_id(2)}
        product.poll()
        product.count()
        assert len(product.versions()) == len(first) + 2
        assert pushed < set(product.versions())
        product.process()
        product.require_complete()
