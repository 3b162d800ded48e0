"""The suite of remote connectors, with an API token and with OAuth."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.connectors.remote import Push, PushContract, RemoteContract
from tests.connectors.zendesk.account import Account, event, running_account, signed


class TestContract(RemoteContract):
    kind = "zendesk"

    @pytest.fixture(params=["token", "oauth"])
    def peer(self, request: pytest.FixtureRequest) -> Iterator[Account]:
        with running_account(request.param) as account:
            yield account


class TestPushes(PushContract):
    kind = "zendesk"

    @pytest.fixture
    def push(self) -> Push:
        return signed(event(35436))
