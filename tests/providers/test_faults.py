"""A provider that limits, fails or breaks off at any request, met by the worker: nothing is lost, nothing is twice."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from tests.connectors.remote import Fault
from tests.providers.product import Product

Chosen = Callable[[str, int], list[int]]
"""Of so many requests: which are spoiled."""


def one(seed: str, requests: int) -> list[int]:
    return [random.Random(seed).randrange(requests)]


def every(seed: str, requests: int) -> list[int]:
    return list(range(requests))


of_requests = pytest.mark.parametrize("chosen", [one, pytest.param(every, marks=pytest.mark.thorough)])
without_imap = pytest.mark.parametrize("account", ["gmail", "graph", "slack", "jira", "zendesk"], indirect=True)


class TestFaults:
    @of_requests
    def test_at_any_request_lose_nothing(self, product: Product, chosen: Chosen) -> None:
        remote = product.account.remote
        remote.add(range(9))
        before = remote.requests
        product.read()
        requests = remote.requests - before
        for fault in Fault:
            for number in chosen(f"{product.account.kind} {fault}", requests):
                other = product.twin()
                remote.fail(fault, after=number)
                other.read()
                remote.fail(fault, times=0)
                assert other.versions() == product.versions(), f"{fault} at request {number} of {requests}"
                assert other.rows("SELECT key FROM ingest_failure") == []
        assert other.stored() == other.held()

    @of_requests
    def test_among_changes_lose_none(self, product: Product, chosen: Chosen) -> None:
        account = product.account
        account.remote.add(range(6))
        others = {fault: product.twin() for fault in Fault}
        for one_of_them in (product, *others.values()):
            one_of_them.read()
        account.remote.edit(1)
        account.remote.delete(2)
        account.reply(0)
        before = account.remote.requests
        product.read()
        requests = account.remote.requests - before
        for fault, other in others.items():
            for number in chosen(f"{account.kind} {fault}", requests):
                account.remote.fail(fault, after=number)
                other.read()
                account.remote.fail(fault, times=0)
            assert other.versions() == product.versions(), str(fault)

    def test_that_last_are_shown_and_pass(self, product: Product) -> None:
        product.account.remote.add(range(6))
        product.account.remote.fail(Fault.BROKEN, times=None)
        product.work()
        state, detail = product.state
        assert state == "failing"
        assert detail
        self.require_recovery(product)

    @without_imap  # whose servers refuse commands, and say nothing of limits that all of them share
    def test_limits_that_last_are_no_failure(self, product: Product) -> None:
        product.account.remote.add(range(6))
        product.account.remote.fail(Fault.LIMITED, times=None)
        product.work()
        assert product.state == ("active", "")
        assert product.rows("SELECT poll_failures, next_poll_at > now() FROM source") == [(0, True)]
        self.require_recovery(product)

    def require_recovery(self, product: Product) -> None:
        assert product.stored() == set()
        product.account.remote.fail(Fault.BROKEN, times=0)
        product.poll()
        assert product.state == ("active", "")
        assert product.stored() == product.held()
