"""Every table and every ordered pair of twenty tenants: nothing of one is seen or changed by the other."""

from __future__ import annotations

import psycopg
import pytest

from tests.isolation import tables
from tests.isolation.canaries import Scanner
from tests.isolation.rows import TABLES
from tests.isolation.world import TENANTS, World


class TestEveryTable:
    def test_shows_each_tenant_its_own_rows_alone(self, world: World, scanner: Scanner) -> None:
        tables.read_own(world, scanner)
        assert scanner.foreign == []
        assert scanner.own == set(range(TENANTS))

    @pytest.mark.parametrize(
        "share", [pytest.param(19, id="one_of_each"), pytest.param(1, marks=pytest.mark.complete, id="every")]
    )
    def test_gives_no_row_to_any_other_tenant(self, world: World, scanner: Scanner, share: int) -> None:
        tables.read_others(world, scanner, world.pairs_in(share))
        assert scanner.foreign == []
        assert scanner.answers == 2 * len(TABLES) * TENANTS * (TENANTS - 1) // share

    def test_lets_no_other_tenant_write(self, world: World, scanner: Scanner) -> None:
        tables.change_others(world, scanner, world.pairs_in(19))
        assert scanner.foreign == []

    def test_binds_every_role_to_the_tenant_of_its_transaction(self, world: World, scanner: Scanner) -> None:
        tables.act_as_each_role(world, scanner, world.pairs_in(95))
        assert scanner.foreign == []

    @pytest.mark.parametrize("table", tables.HIDDEN, ids=lambda table: table.name)
    def test_of_the_installation_is_closed_to_tenants(self, world: World, table) -> None:
        refused = pytest.raises(psycopg.errors.InsufficientPrivilege)
        with refused, world.database.tenant_tx(world.tenants[0].id) as connection:
            connection.execute(f"SELECT * FROM {table.name}")
