"""Categories of the built-in analyser in the stage: by the tenant's words and corrections, kept, and the same again."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.types.json import Jsonb

from opsintel.access.audit import SYSTEM
from opsintel.context import Context
from opsintel.ids import new_id
from opsintel.llm import reruns
from opsintel.taxonomy.kept import promote, propose, taxonomy_in_force
from opsintel.taxonomy.taxonomy import categories_of
from opsintel.tenants import Tenant, create_tenant
from opsintel_pipeline.analyze import learnt as learning
from opsintel_pipeline.analyze import rerun
from opsintel_pipeline.analyze.learnt import LEAST_MESSAGES, learnt_in_force
from opsintel_pipeline.analyze.run import run
from tests.analyze.conftest import DAY, analyses, partition, write
from tests.seeding import insert

OURS = [
    {"path": ["Kitchen"], "description": "oven, stove, fridge, dishwasher"},
    {"path": ["Garden"], "description": "lawn, mower, hedge, sprinkler"},
]
KITCHEN = [f"The oven in flat {number} does not get warm and the stove smells" for number in range(LEAST_MESSAGES // 2)]
GARDEN = [f"The mower left the lawn of house {number} half done, hedge too" for number in range(LEAST_MESSAGES // 2)]


@pytest.fixture
def ours(context: Context, tenant: Tenant) -> Tenant:
    """The tenant, with categories of its own."""
    with context.database.tenant_tx(tenant.id) as connection:
        promote(connection, tenant.id, propose(connection, tenant.id, "Ours", categories_of(OURS), SYSTEM)[0], SYSTEM)
    return tenant


def correct(context: Context, tenant: Tenant, message_id: UUID, value: str, field: str = "category") -> UUID:
    """Correct a message as a person does."""
    correction_id = new_id()
    with context.database.tenant_tx(tenant.id) as connection:
        insert(
            connection, "correction", tenant_id=tenant.id, id=correction_id, message_id=message_id, field=field,
            new_value=Jsonb(value), actor_kind="person", actor_id=str(new_id()),
        )  # fmt: skip
    return correction_id


def fits(context: Context, tenant: Tenant) -> list[dict[str, Any]]:
    """Return the fits of a tenant, in the order they were made."""
    with context.database.tenant_tx(tenant.id) as connection:
        rows = connection.execute(
            "SELECT version, corrections, messages, state IS NOT NULL, current FROM category_model ORDER BY created_at"
        ).fetchall()
    return [dict(zip(("version", "corrections", "messages", "kept", "current"), row, strict=True)) for row in rows]


def in_force(connection: psycopg.Connection, tenant: Tenant) -> str:
    return learnt_in_force(connection, tenant.id, taxonomy_in_force(connection)).version


class TestACategory:
    def test_is_found_by_the_words_of_the_tenants_own(self, context: Context, ours: Tenant) -> None:
        write(context, ours, [KITCHEN[0], GARDEN[0]])
        run(context, partition(ours))
        assert [row["category"] for row in analyses(context, ours)] == ["Kitchen", "Garden"]
        assert fits(context, ours) == [], "few messages need no fit of their own"

    def test_has_a_confidence_and_a_version(self, context: Context, ours: Tenant) -> None:
        write(context, ours, [*KITCHEN, *GARDEN])
        run(context, partition(ours))
        (fit,) = fits(context, ours)
        for row in analyses(context, ours):
            assert 0.5 < row["output"]["confidence"]["category"] <= 1
            assert row["provenance"] == {"categories": fit["version"]}
            said = row["confidence"]["category"]
            assert said["given"] == said["left"] == said["calibrated"] == row["output"]["confidence"]["category"]
            assert "calibrated" not in row["confidence"]["kind"], "rules are not measured"

    def test_is_other_where_there_is_no_word(self, context: Context, ours: Tenant) -> None:
        write(context, ours, ["… ?! …"])
        run(context, partition(ours))
        assert analyses(context, ours)[0]["category"] == "Other"

    def test_is_none_of_what_needs_no_action(self, context: Context, ours: Tenant) -> None:
        write(context, ours, ["Thank you so much, the oven is fixed!"])
        run(context, partition(ours))
        assert analyses(context, ours)[0]["category"] == ""

    def test_follows_what_people_corrected(self, context: Context, ours: Tenant) -> None:
        ids = write(
            context, ours, [*KITCHEN, *GARDEN, *(f"My hob {word} again" for word in ("clicks", "hums", "ticks"))]
        )
        for message_id in ids[-3:]:
            correct(context, ours, message_id, "Kitchen")
        run(context, partition(ours))
        (asked,) = write(context, ours, ["Another hob clicks"])
        run(context, partition(ours))
        (row,) = [row for row in analyses(context, ours) if row["text"] == "Another hob clicks"]
        assert (row["category"], asked is not None) == ("Kitchen", True)


class TestAFit:
    def test_is_made_once_for_many_partitions(
        self, context: Context, ours: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write(context, ours, [*KITCHEN, *GARDEN])
        run(context, partition(ours))
        monkeypatch.setattr(learning, "_fitted", None)
        write(context, ours, KITCHEN[:3])
        run(context, partition(ours))
        assert len(fits(context, ours)) == 1

    def test_is_read_again_as_it_was(self, context: Context, ours: Tenant) -> None:
        write(context, ours, [*KITCHEN, *GARDEN])
        with context.database.tenant_tx(ours.id) as connection:
            fresh = learnt_in_force(connection, ours.id, taxonomy_in_force(connection))
        learning._last_read.clear()
        with context.database.tenant_tx(ours.id) as connection:
            stored = learnt_in_force(connection, ours.id, taxonomy_in_force(connection))
        assert fresh.version == stored.version
        assert fresh.learnt.guess(GARDEN) == stored.learnt.guess(GARDEN)

    def test_is_made_anew_when_enough_was_corrected_or_taken_back(self, context: Context, ours: Tenant) -> None:
        ids = write(context, ours, [*KITCHEN, *GARDEN])
        run(context, partition(ours))
        corrected = [correct(context, ours, message_id, "Garden") for message_id in ids[:20]]
        run(context, partition(ours))
        assert [fit["corrections"] for fit in fits(context, ours)] == [0, 20]
        correct(context, ours, ids[20], "Garden")
        run(context, partition(ours))
        assert len(fits(context, ours)) == 2, "one more is not enough"
        with context.database.tenant_tx(ours.id) as connection:
            connection.execute("UPDATE correction SET undone_at = now() WHERE id = %s", (corrected[0],))
        run(context, partition(ours))
        assert [(fit["corrections"], fit["kept"], fit["current"]) for fit in fits(context, ours)] == [
            (0, False, False), (20, False, False), (22, True, True),
        ]  # fmt: skip

    def test_is_made_anew_as_messages_double(self, context: Context, ours: Tenant) -> None:
        write(context, ours, [*KITCHEN, *GARDEN])
        run(context, partition(ours))
        write(context, ours, [*KITCHEN, *GARDEN][:-1])
        run(context, partition(ours))
        assert len(fits(context, ours)) == 1
        write(context, ours, KITCHEN[:1])
        run(context, partition(ours))
        assert len(fits(context, ours)) == 2

    def test_goes_by_the_taxonomy_in_force(self, context: Context, ours: Tenant) -> None:
        write(context, ours, [*KITCHEN, *GARDEN])
        run(context, partition(ours))
        with context.database.tenant_tx(ours.id) as connection:
            said = categories_of([{"path": ["Heat"], "description": "warm oven"}, *OURS[1:]])
            taxonomy_id, version = propose(connection, ours.id, "Warm", said, SYSTEM)
        took, changed = rerun.changes(context, ours, DAY, DAY, 5, version)
        assert took.analysed == 5
        assert {one.fields["category"] for one in changed} <= {("Kitchen", "Heat")}
        assert len(fits(context, ours)) == 1, "a look at a version keeps no fit"
        with context.database.tenant_tx(ours.id) as connection:
            promote(connection, ours.id, taxonomy_id, SYSTEM)
            reruns.mark(connection, DAY, DAY)
        run(context, partition(ours))
        assert {row["category"] for row in analyses(context, ours)} == {"Heat", "Garden"}

    def test_of_the_same_messages_is_the_same_for_any_tenant_and_seen_by_its_own_alone(
        self, context: Context, ours: Tenant
    ) -> None:
        other = create_tenant(context.database, "other", "Other")
        with context.database.tenant_tx(other.id) as connection:
            taxonomy_id, _ = propose(connection, other.id, "Ours", categories_of(OURS), SYSTEM)
            promote(connection, other.id, taxonomy_id, SYSTEM)
        found = []
        for tenant in (ours, other):
            write(context, tenant, [*KITCHEN, *GARDEN])
            with context.database.tenant_tx(tenant.id) as connection:
                found.append(in_force(connection, tenant))
            assert len(fits(context, tenant)) == 1
        assert found[0] == found[1]
