"""Every route of the OpenAPI document and every ordered pair of twenty tenants."""

from __future__ import annotations

from functools import partial

import psycopg
import pytest
from fastapi import FastAPI

from tests.isolation.attacks import operations, table_of
from tests.isolation.canaries import Scanner
from tests.isolation.routes import Trial, at_once
from tests.isolation.rows import TABLES
from tests.isolation.shapes import PARAMETERS, WITHOUT_TEXT
from tests.isolation.world import TENANTS, World

PROTECTED = [operation for operation in operations() if operation.is_protected]
READING = [operation for operation in PROTECTED if operation.reads and operation.roles()]
PAIRS = pytest.mark.parametrize(
    "share", [pytest.param(19, id="one_of_each"), pytest.param(1, marks=pytest.mark.complete, id="every")]
)


@pytest.fixture
def trial(world: World, app: FastAPI, scanner: Scanner) -> Trial:
    return Trial(world, app, scanner)


class TestEveryRoute:
    def test_names_rows_of_known_tables(self) -> None:
        unknown = {
            place.name
            for operation in operations()
            for place in operation.places
            if place.name not in PARAMETERS and place.name != "user_id" and table_of(place.name) is None
        }
        assert unknown == set(), "say in shapes.py what these parameters name"

    @PAIRS
    async def test_answers_each_tenant_with_its_own_alone(self, trial: Trial, share: int) -> None:
        asking = {one.number: one for one, _ in trial.world.pairs_in(share * 5)}.values()
        await at_once(partial(trial.ask_for_own, tenant, operation) for tenant in asking for operation in READING)
        assert trial.scanner.foreign == []
        assert trial.told == []

    @pytest.mark.parametrize("operation", READING, ids=lambda operation: operation.path)
    async def test_shows_the_canary_of_whoever_asks(self, trial: Trial, operation) -> None:
        await trial.ask_for_own(trial.world.tenants[0], operation)
        holds_text = operation.route not in WITHOUT_TEXT
        assert (trial.scanner.own == {0}) is holds_text, "the scan of this route proves nothing"

    @PAIRS
    async def test_tells_nobody_of_anothers(self, trial: Trial, share: int) -> None:
        before = _rows(trial.world)
        await at_once(
            partial(trial.ask_for_others, one, other, operation)
            for one, other in trial.world.pairs_in(share)
            for operation in PROTECTED
            if operation.reads or operation.places
        )
        assert trial.scanner.foreign == []
        assert trial.told == []
        assert _rows(trial.world) == before

    async def test_goes_on_with_nobody_elses_cursor(self, trial: Trial) -> None:
        tenants = trial.world.tenants
        await at_once(
            partial(trial.use_cursors_of, other, operation, [one for one in tenants if one is not other])
            for other in tenants[:2]
            for operation in READING
        )
        assert trial.scanner.foreign == []
        assert trial.told == []
        assert trial.scanner.answers > TENANTS


def _rows(world: World) -> dict[str, list[str]]:
    """Return the digest of each tenant's rows by table: what requests about others must leave as it is."""
    with psycopg.connect(world.admin_url) as connection:
        return {
            table.name: [
                row[0]
                for row in connection.execute(
                    f"SELECT md5(string_agg(row::text, '' ORDER BY row::text)) FROM {table.name} AS row"
                    " GROUP BY tenant_id ORDER BY tenant_id"
                )
            ]
            for table in TABLES
        }
