"""Every column that can hold something of a person has a decision; one without it is found."""

from __future__ import annotations

import pytest
from sqlalchemy import MetaData, Table

from opsintel.db.tables import metadata
from opsintel.db.tables.declaration import BYTES, JSON_, TEXT, TEXTS, UUID_, Declaration, column
from opsintel_pipeline.erasure.coverage import DECIDED, decisions, searched_columns, undecided
from opsintel_pipeline.erasure.sweep import swept_tables

TABLES = {table.name: table for table in metadata.sorted_tables}


def added(declared: Declaration) -> Table:
    """Return a table as somebody adds it, who thinks of nobody."""
    return Table(
        "added",
        MetaData(),
        column("tenant_id", UUID_, "Tenant"),
        column("note", TEXT, "Text"),
        column("fields", JSON_, "JSON"),
        column("tags", TEXTS, "Texts"),
        column("content", BYTES, "Bytes"),
        info={"declaration": declared},
    )


class TestEveryColumn:
    def test_is_decided(self) -> None:
        assert undecided() == []

    def test_that_is_decided_is_there_and_decided_once(self) -> None:
        for table, by_columns in DECIDED.items():
            names = [name for names in by_columns for name in names.split()]
            assert len(names) == len(set(names)), table
            assert set(names) <= {one.name for one in TABLES[table].columns}, table

    def test_that_is_searched_is_not_excused(self) -> None:
        for table in swept_tables():
            assert not set(searched_columns(table)) & set(decisions(table.name))


class TestATableThatIsAdded:
    @pytest.mark.parametrize("erasure", ["row", "recomputed", "with_tenant"])
    def test_is_searched_but_for_its_bytes(self, erasure: str) -> None:
        table = added(Declaration("tenant_id", "kept", erasure))  # type: ignore[arg-type]
        assert searched_columns(table) == ["note", "fields", "tags"]
        assert undecided([table]) == ["added.content"]

    @pytest.mark.parametrize(
        "declared",
        [
            Declaration("tenant_id", "kept", "none"),
            Declaration(None, "kept", "mapping"),
            Declaration("tenant_id", "kept", "row", tenant_rights=("SELECT", "INSERT")),
        ],
        ids=["of which nothing is erased", "of the installation", "that cannot be changed"],
    )
    def test_needs_a_decision(self, declared: Declaration) -> None:
        assert undecided([added(declared)]) == ["added.note", "added.fields", "added.tags", "added.content"]
