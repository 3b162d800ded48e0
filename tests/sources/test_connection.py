"""A source's limits and waits: shared by processes, of its tenant alone, ended with the process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from uuid import uuid4

import pytest

from opsintel.connectors.connection import Budget
from opsintel.context import Context
from opsintel.coordination.contract import Limit
from opsintel.errors import BusyError, UnavailableError
from opsintel.settings import Settings
from opsintel.sources.connection import SourceConnection
from opsintel.sources.source import Source

SLOW = Limit(per_second=0.001, burst=2)
FIELDS = ("tenant_id", "id", "kind", "secret_id")


@pytest.fixture
def workspace() -> str:
    return uuid4().hex


def connection_of(context: Context, source: Source, stop: threading.Event | None = None) -> SourceConnection:
    return SourceConnection(context, *(getattr(source, name) for name in FIELDS), stop)


@pytest.fixture
def other_process(context: Context) -> Iterator[Context]:
    opened = Context(context.database, context.objects, context.settings)
    yield opened
    opened.close()


class TestBudgets:
    def test_are_shared_by_the_processes_and_sources_of_one_workspace(
        self, context: Context, other_process: Context, source: Source, workspace: str
    ) -> None:
        budget = Budget("history", SLOW, workspace)
        connection_of(context, source).spend(budget)
        connection_of(other_process, source).spend(budget)
        with pytest.raises(BusyError, match="takes no more requests") as caught:
            connection_of(context, source).spend(budget)
        assert caught.value.seconds > 100

    def test_of_nobody_in_particular_are_the_sources_own(self, context: Context, source: Source) -> None:
        twin = Source(uuid4(), source.tenant_id, source.kind, "twin", {})
        connection_of(context, source).spend(Budget("own", SLOW), 2)
        connection_of(context, twin).spend(Budget("own", SLOW), 2)

    def test_of_another_tenant_are_others_whatever_it_says_of_whom(
        self, context: Context, source: Source, workspace: str
    ) -> None:
        stranger = Source(uuid4(), uuid4(), source.kind, "stranger", {})
        connection_of(context, stranger).hold_back(Budget("history", SLOW, workspace), 500)
        connection_of(context, source).spend(Budget("history", SLOW, workspace))

    def test_hold_back_every_process_as_long_as_the_provider_asked_and_an_hour_at_most(
        self, context: Context, other_process: Context, source: Source, workspace: str
    ) -> None:
        budget = Budget("history", SLOW, workspace)
        connection_of(context, source).hold_back(budget, 10**9)
        with pytest.raises(BusyError) as caught:
            connection_of(other_process, source).spend(budget)
        assert 3500 < caught.value.seconds <= 3600

    def test_keys_name_nobody(self, context: Context, source: Source) -> None:
        connection_of(context, source).spend(Budget("mail", SLOW, "person@customer.example"))
        with context.database.system_tx() as connection:
            keys = [row[0] for row in connection.execute("SELECT key FROM rate_limit").fetchall()]
        assert any(f"source:{source.kind}:mail:" in key for key in keys)
        assert not any("person" in key for key in keys)


class TestWaits:
    def test_end_when_the_process_is_to_stop(self, context: Context, source: Source, workspace: str) -> None:
        stop = threading.Event()
        stop.set()
        ending = connection_of(context, source, stop)
        with pytest.raises(UnavailableError, match="is to stop"):
            ending.wait(3600)
        budget = Budget("history", Limit(per_second=0.02, burst=1), workspace)
        ending.spend(budget)
        with pytest.raises(UnavailableError, match="is to stop"):
            ending.spend(budget)


class TestPolicy:
    def test_reaches_the_local_servers_that_the_operator_allows_and_no_others(
        self, context: Context, settings: Settings, source: Source
    ) -> None:
        allowing = Context(
            context.database, context.objects, settings.model_copy(update={"local_servers": ("127.0.0.1:9009",)})
        )
        assert connection_of(allowing, source).policy.is_local_server("127.0.0.1", 9009)
        assert not connection_of(context, source).policy.is_local_server("127.0.0.1", 9009)
        assert connection_of(context, source).policy.schemes == {"https"}
