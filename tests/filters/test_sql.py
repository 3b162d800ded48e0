"""Filters on stored messages: the same messages as evaluated here, on a real PostgreSQL."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given

from opsintel.db.engine import Database
from opsintel.events.message import CanonicalMessage
from opsintel.filters.evaluate import Item, matches
from opsintel.filters.parse import parse
from opsintel.filters.preview import SAMPLES, preview
from opsintel.filters.sql import matching, push_down
from opsintel.filters.syntax import Node
from opsintel.ids import new_id
from opsintel.partitions import Partition
from opsintel_pipeline.normalize.store import Incoming, store_messages
from tests.filters import strategies
from tests.filters.strategies import ADDRESSES, NAMES, NOW, trees
from tests.filters.test_evaluate import MESSAGE, email
from tests.seeding import Seeded, insert, seed_tenant

PERSONS = [email(value, NAMES[number % len(NAMES)]) for number, value in enumerate(ADDRESSES)]
STATES: tuple[dict[str, Any], ...] = (
    {"status": "Open", "team": "Nord"}, {"team": ["x", "nord"], "Team Name": True}, {"team": {"a": 1}, "priority": 3},
    {"priority": "HIGH", "team": 1.5}, {"team": 1e16}, {"team": None}, {},
)  # fmt: skip


def mailbox() -> list[CanonicalMessage]:
    """Messages that differ in all that filters ask of them."""
    found = []
    for number in range(42):
        words = strategies.WORDS[number % len(strategies.WORDS)], strategies.WORDS[number * 5 % len(strategies.WORDS)]
        found.append(
            MESSAGE.model_copy(
                update={
                    "native_id": str(number),
                    "channel": ("", *strategies.CHANNELS)[number % 5],
                    "author": None if number % 7 == 6 else PERSONS[number % 5],
                    "recipients": (PERSONS[number % 5], PERSONS[(number + 1) % 5].model_copy(update={"role": "cc"})),
                    "occurred_at": None if number % 11 == 10 else NOW - timedelta(days=7, hours=number - 20),
                    "subject": strategies.JOINTS[number % 6].join(words),
                    "text": f"{words[1]} E{number}" if number % 3 else "",
                    "language": ("", "en", "pt", "pt-BR")[number % 4],
                    "is_bot": number % 5 == 0,
                    "labels": strategies.LABELS[number % 6 : number % 6 + 2],
                    "extra": STATES[number % 7],
                    "attachments": MESSAGE.attachments if number % 2 else (),
                }
            )
        )
    return found


@pytest.fixture(scope="module")
def seeded(database: Database) -> Seeded:
    return seed_tenant(database, f"filters-{uuid4().hex[:12]}")


@pytest.fixture(scope="module")
def stored(database: Database, seeded: Seeded) -> dict[str, UUID]:
    """The mailbox, stored as the normaliser stores it; ids by native id."""
    source = seeded.sources["mbox"]
    with database.tenant_tx(seeded.tenant_id) as connection:
        connection.execute("UPDATE source SET name = 'Mail' WHERE id = %s", (source,))
        incoming = []
        for message in mailbox():
            payload = new_id()
            insert(
                connection, "raw_payload", tenant_id=seeded.tenant_id, id=payload, source_id=source,
                native_id=message.native_id, version="1", partition_day=NOW.date(), sha256=b"x" * 32, size=1,
            )  # fmt: skip
            incoming.append(Incoming(source, message.native_id, "1", payload, "", message))
        store_messages(connection, Partition(NOW.date(), seeded.tenant_id, seeded.slug), incoming)
        rows = connection.execute(
            "SELECT native_id, message_id FROM message_occurrence WHERE source_id = %s AND native_id ~ '^[0-9]+$'",
            (source,),
        ).fetchall()
    return dict(rows)


@pytest.fixture(scope="module")
def items(stored: dict[str, UUID]) -> dict[UUID, Item]:
    """The mailbox by the ids of its rows, as it is evaluated here."""
    places = strategies.Place("Mail", "mbox")
    return {stored[message.native_id]: Item(message, (places,)) for message in mailbox()}


class TestSelection:
    @given(trees())
    def test_it_is_that_of_local_evaluation(
        self, database: Database, seeded: Seeded, items: dict[UUID, Item], tree: Node
    ) -> None:
        with database.tenant_tx(seeded.tenant_id) as connection:
            found = {identifier for identifier, _ in matching(connection, tree, NOW)} & set(items)
        assert found == {identifier for identifier, item in items.items() if matches(tree, item, NOW)}

    @pytest.mark.parametrize("text", ["severity:<=2", "kind:billing", "state:ongoing", "customers:>0", "volume:>0"])
    def test_analyses_and_issues_are_asked_in_sql_as_here(self, database: Database, seeded: Seeded, text: str) -> None:
        with database.tenant_tx(seeded.tenant_id) as connection:
            ids = {identifier for identifier, _ in matching(connection, parse(text), NOW)}
            # The pattern has every row evaluated here.
            here = {
                identifier
                for identifier, item in matching(connection, parse("/(?s).*/"), NOW)
                if item is not None and matches(parse(text), item, NOW)
            }
        assert ids == here

    def test_another_tenant_has_nothing(self, database: Database, stored: dict[str, UUID]) -> None:
        other = seed_tenant(database, f"other-{uuid4().hex[:12]}")
        with database.tenant_tx(other.tenant_id) as connection:
            assert not {identifier for identifier, _ in matching(connection, parse(""), NOW)} & set(stored.values())

    def test_since_leaves_out_what_is_older(self, database: Database, seeded: Seeded, stored: dict[str, UUID]) -> None:
        with database.tenant_tx(seeded.tenant_id) as connection:
            recent = list(matching(connection, parse(""), NOW, since=NOW + timedelta(days=36_500)))
        assert stored
        assert recent == []


class TestPreview:
    def test_it_counts_the_last_30_days_and_shows_the_latest(self, database: Database, seeded: Seeded) -> None:
        with database.tenant_tx(seeded.tenant_id) as connection:
            last = connection.execute("SELECT max(sorted_at), count(*) FROM message").fetchone()
            assert last is not None
            shown = preview(connection, parse("invoice"), last[0])
            everything = preview(connection, parse(""), last[0])
            later = preview(connection, parse(""), last[0] + timedelta(days=31))
        assert 0 < shown.messages < everything.messages <= last[1]
        assert len(everything.samples) == SAMPLES
        assert everything.messages / 30 <= everything.messages_per_day <= everything.messages
        assert everything.cost_usd_per_month is None
        assert (later.messages, later.samples, later.messages_per_day) == (0, (), 0.0)


class TestPlan:
    @pytest.mark.parametrize(
        ("text", "exactness"),
        [
            ("label:spam", "exact"), ("-label:spam", "exact"), ("label:größe", "local"), ("subject:refund", "superset"),
            ("-subject:refund", "local"), ("/x/", "local"), ("after:2026-01-01", "exact"), ("from:a@b.c", "superset"),
            ("field[a]:b OR is:bot", "exact"), ("severity:1", "exact"), ("gmail:{a}", "local"),
        ],
    )  # fmt: skip
    def test_how_well_sql_evaluates(self, text: str, exactness: str) -> None:
        assert push_down(parse(text), NOW).exactness == exactness

    def test_values_are_never_part_of_the_statement(self) -> None:
        found = push_down(parse("""label:"x' OR '1'='1" field["') --"]:"%s" subject:"y'y" """), NOW)
        assert "1'='1" not in found.pushed["where"]
        assert found.pushed["where"].count("%s") == len(found.pushed["values"])
