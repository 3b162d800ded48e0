"""Any process of `opsintel demo` may be killed at any moment: the rows are the same as without."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from tests.end_to_end.demo_process import COMMAND, POSTMASTER, RUN, VICTIMS, Appearance
from tests.end_to_end.kills import TABLES, Comparison, Kill, kills_of

SEED = os.environ.get("SOAK_SEED", "3")
QUICK = {
    "the command, started again": (COMMAND,),
    "everything it starts": ("worker", "api", "dagster-webserver", "dagster-daemon", "code-server", RUN, POSTMASTER),
}


@pytest.fixture(scope="module")
def running(comparison: Comparison) -> Iterator[dict[str, Future[list[str]]]]:
    """The quick demos, side by side: much of their time they wait for deadlines."""
    comparison.undisturbed()
    with ThreadPoolExecutor(len(QUICK)) as pool:
        yield {
            name: pool.submit(comparison.differences_with, kills_of(f"{SEED} {name}", victims, TABLES[1:5]))
            for name, victims in QUICK.items()
        }


@pytest.mark.stack
@pytest.mark.timeout(600)
class TestADemo:
    @pytest.mark.parametrize("killed", QUICK)
    def test_makes_the_same_rows_without(self, running: dict[str, Future[list[str]]], killed: str) -> None:
        assert running[killed].result() == []


START = (
    "postgres.lock",
    "postgres/PG_VERSION",
    "postgres/postmaster.pid",
    "dagster/workspace.yaml",
    "sample",
    "objects",
)
"""What a first start makes, one after the other."""


@pytest.mark.soak
@pytest.mark.timeout(900)
class TestEveryProcess:
    @pytest.mark.parametrize("table", TABLES)
    @pytest.mark.parametrize("victim", VICTIMS)
    def test_may_be_killed_at_every_stage(self, comparison: Comparison, victim: str, table: str) -> None:
        assert comparison.differences_with(kills_of(f"{SEED} {victim}", (victim,), (table,))) == []

    def test_may_be_killed_again_and_again_while_it_starts(self, comparison: Comparison) -> None:
        assert comparison.differences_with([Kill(COMMAND, Appearance(name)) for name in START]) == []
