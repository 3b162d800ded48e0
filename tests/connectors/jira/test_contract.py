"""The suite of remote connectors, on a site of Cloud, through the OAuth gateway, and on Data Center."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.connectors.jira.site import Kind, Site, running_site, signed
from tests.connectors.jira.site import moment as push_moment
from tests.connectors.remote import Push, PushContract, RemoteContract


class TestContract(RemoteContract):
    kind = "jira"
    reads_deletions = False

    @pytest.fixture(params=["cloud", "oauth", "data_center"])
    def peer(self, request: pytest.FixtureRequest) -> Iterator[Site]:
        kind: Kind = request.param
        with running_site(kind) as site:
            yield site


class TestPushes(PushContract):
    kind = "jira"

    @pytest.fixture
    def push(self) -> Push:
        issue = {"id": "10001", "key": "SUP-1"}
        return signed({"webhookEvent": "jira:issue_created", "issue": issue, "timestamp": push_moment()})
