"""The filter of a source decides which of its messages are analysed, never what is deleted; and the result does not
depend on what the provider evaluated: push-down and residual are everything, then local."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any
from uuid import UUID

import pytest

from opsintel.access.audit import SYSTEM
from opsintel.connectors.contract import Upsert, Window
from opsintel.connectors.imap import pushdown as imap
from opsintel.context import Context
from opsintel.errors import ConflictError, InputError
from opsintel.events.message import CanonicalMessage
from opsintel.filters.evaluate import Item, Place, matches
from opsintel.filters.parse import parse
from opsintel.filters.saved import Author, archive_filter, change_filter, save_filter
from opsintel.filters.syntax import Node
from opsintel.queue.outbox import announce_days
from opsintel.sources.following import follow
from opsintel.sources.source import Source, find_source
from opsintel.tenants import Tenant
from opsintel_pipeline.ingest import census, refilter
from opsintel_pipeline.ingest.feed import run_feed
from opsintel_pipeline.ingest.mend import read_pushed
from opsintel_pipeline.ingest.refilter import set_filter
from opsintel_pipeline.worker import asked
from opsintel_pipeline.worker.inline import process_waiting
from tests.filters import natives
from tests.filters.test_pushdown import PUSH
from tests.sources.conftest import connect
from tests.sources.fake_kind import KIND, Desk, FakeConnector, message_of, record

NOW = datetime.now(UTC).replace(microsecond=0)
AUTHOR = Author(SYSTEM)


def imap_plan(tree: Node, now: datetime) -> Any:
    return imap.push_down(tree, now)


def imap_finds(pushed: Mapping[str, Any], message: CanonicalMessage) -> bool:
    return natives.imap(pushed, message, zone=0)


class Filtered:
    """A source with a filter, and what stands in the tables."""

    def __init__(self, context: Context, tenant: Tenant, source: Source) -> None:
        self.context, self.tenant, self._id = context, tenant, source.id

    @property
    def source(self) -> Source:
        return find_source(self.context.database, self.tenant.id, self._id)

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with self.context.database.tenant_tx(self.tenant.id) as connection:
            return connection.execute(statement.encode(), values).fetchall()

    def keep(self, text: str, name: str = "kept") -> UUID:
        with self.context.database.tenant_tx(self.tenant.id) as connection:
            return save_filter(connection, self.tenant.id, name, parse(text), AUTHOR)

    def choose(self, text: str | None) -> dict[str, int]:
        number = self.rows("SELECT count(*) FROM filter")[0][0]
        filter_id = None if text is None else self.keep(text, f"kept {number}")
        return set_filter(self.context, self.source, filter_id, SYSTEM)

    def read(self) -> None:
        run_feed(self.context, self.tenant, self.source)
        process_waiting(self.context)

    def count(self) -> None:
        census.take_census(self.context, self.tenant, self.source)
        process_waiting(self.context)

    def ids(self, where: str) -> list[str]:
        """Return the native ids of messages of which something holds."""
        return [
            row[0]
            for row in self.rows(
                "SELECT place.native_id FROM message JOIN message_occurrence AS place ON place.message_id = message.id"
                f" WHERE {where} ORDER BY 1"
            )
        ]

    def stored(self) -> list[str]:
        return self.ids("message.deleted_at IS NULL")

    def selected(self) -> list[str]:
        return self.ids("message.deleted_at IS NULL AND message.selected")

    def analysed(self) -> list[str]:
        shown = "SELECT FROM analysis WHERE analysis.message_id = message.id AND analysis.current"
        return self.ids(f"EXISTS ({shown})")

    def in_issues(self) -> list[str]:
        member = "SELECT FROM issue_member WHERE issue_member.message_id = message.id AND removed_at IS NULL"
        return self.ids(f"EXISTS ({member})")


@pytest.fixture
def filtered(context: Context, tenant: Tenant, source: Source) -> Filtered:
    return Filtered(context, tenant, source)


def mails() -> list[Upsert]:
    """Return what the six dialects can tell apart: by sender, subject, label, channel, status and time."""
    listed = []
    for number in range(12):
        listed.append(
            record(
                number,
                at=NOW - timedelta(days=number // 3 * 9, hours=1),
                author_email=("a@b.c", "ana.silva@shop.example", "cara@customer.example")[number % 3],
                subject=("Refund of order", "Refunds again", "Export fails")[number % 3 - 1],
                text=f"The refund E{1000 + number} of my order is missing, please help.",
                labels=(["spam"], ["Billing"], [])[(number + 1) % 3],
                channel=("support", "ABC")[number % 2],
                status=("open", "done")[number // 2 % 2],
            )
        )
    return listed


class TestTheSelection:
    def test_is_what_is_analysed_and_nothing_of_the_rest_is_deleted(self, filtered: Filtered, desk: Desk) -> None:
        desk.put(*(record(number, subject="Refund" if number % 2 else "Other") for number in range(6)))
        filtered.choose("subject:refund")
        filtered.read()
        assert filtered.stored() == ["t0", "t1", "t2", "t3", "t4", "t5"]
        assert filtered.selected() == filtered.analysed() == ["t1", "t3", "t5"]
        facts = "SELECT sum(stored), sum(analysed), sum(left_out) FROM fact_source_day"
        assert filtered.rows(facts) == [(6, 3, 3)]
        assert filtered.rows("SELECT sum(messages) FROM fact_message_day") == [(3,)]

    def test_is_made_anew_of_what_is_stored_when_the_filter_changes(self, filtered: Filtered, desk: Desk) -> None:
        desk.put(*(record(number, text=f"The export of report {number} fails again.") for number in range(8)))
        filtered.read()
        assert len(filtered.in_issues()) == 8
        figures = filtered.choose("subject:1 OR subject:2 OR subject:3 OR subject:4")
        assert figures == {"selected": 4, "left_out": 4, "needs_backfill": 0}
        process_waiting(filtered.context)
        assert filtered.stored() == [f"t{number}" for number in range(8)]
        four = ["t1", "t2", "t3", "t4"]
        assert (filtered.selected(), filtered.analysed(), filtered.in_issues()) == (four, four, four)
        assert filtered.rows("SELECT sum(messages) FROM issue WHERE merged_into IS NULL") == [(4,)]
        assert filtered.rows("SELECT sum(messages) FROM fact_issue_day") == [(4,)]
        assert filtered.rows("SELECT count(*) FROM analysis") == [(8,)], "what is left out keeps its analyses"
        filtered.choose(None)
        process_waiting(filtered.context)
        assert len(filtered.in_issues()) == len(filtered.analysed()) == 8
        assert filtered.rows("SELECT count(*) FROM analysis") == [(8,)], "and has them back, unpaid"
        assert desk.fetched == []
        assert filtered.rows("SELECT sum(messages) FROM fact_issue_day") == [(8,)]

    def test_is_that_of_any_source_a_message_is_still_in(self, filtered: Filtered, desk: Desk) -> None:
        desk.put(record(1, subject="Other"))
        filtered.choose("subject:refund")
        filtered.read()
        assert filtered.selected() == []
        one = filtered.rows("SELECT id, content_hash FROM message")[0]
        other = connect(filtered.context, filtered.tenant, name="Second")
        with filtered.context.database.tenant_tx(filtered.tenant.id) as connection:
            connection.execute("UPDATE message SET rfc_message_id = 'same@mail' WHERE id = %s", (one[0],))
            connection.execute(
                "INSERT INTO message_occurrence (tenant_id, source_id, native_id, message_id, version)"
                " VALUES (%s, %s, 't1', %s, '1')",
                (filtered.tenant.id, other.id, one[0]),
            )
        set_filter(filtered.context, other, None, SYSTEM)
        process_waiting(filtered.context)
        assert filtered.analysed() == ["t1", "t1"]
        with filtered.context.database.tenant_tx(filtered.tenant.id) as connection:
            connection.execute(
                "INSERT INTO raw_payload (tenant_id, id, source_id, native_id, version, partition_day, deleted)"
                " SELECT tenant_id, gen_random_uuid(), %s, 't1', 'deleted', partition_day, true FROM message",
                (other.id,),
            )
            days = connection.execute("SELECT partition_day FROM message").fetchall()
            announce_days(connection, filtered.tenant.id, [row[0] for row in days], "import")
        process_waiting(filtered.context)
        assert (filtered.stored(), filtered.analysed()) == (["t1", "t1"], [])

    def test_counts_ages_from_when_the_filter_came_into_force(self, filtered: Filtered, desk: Desk) -> None:
        desk.push, desk.finds = imap_plan, imap_finds
        desk.put(record(1, at=NOW - timedelta(days=6)), record(2, at=NOW - timedelta(days=8)))
        filtered.choose("newer_than:1w")
        filtered.read()
        assert filtered.selected() == ["t1"]
        filtered.rows("UPDATE source SET filtered_at = filtered_at - interval '2 days' RETURNING id")
        desk.put(record(3, at=NOW - timedelta(days=8)))
        filtered.read()
        assert filtered.selected() == ["t1", "t3"]

    def test_asks_for_nothing_that_only_an_analysis_knows(self, filtered: Filtered) -> None:
        with pytest.raises(InputError, match="severity:1 asks for what the analysis finds"):
            filtered.choose("subject:refund severity:1")
        assert filtered.source.filter is None


class TestTheProvider:
    """It gives only what it finds; what it does not give is no loss, and no deletion."""

    @pytest.fixture(autouse=True)
    def searches(self, desk: Desk) -> None:
        desk.push, desk.finds = imap_plan, imap_finds

    def test_is_asked_for_what_is_selected_alone(self, filtered: Filtered, desk: Desk) -> None:
        desk.put(record(1, subject="Refund"), record(2, subject="Refunds"), record(3, subject="Other"))
        filtered.choose("subject:refund")
        filtered.read()
        assert filtered.stored() == ["t1", "t2"], "SEARCH finds substrings"
        assert filtered.analysed() == ["t1"]

    def test_is_counted_by_the_same_selection(self, filtered: Filtered, desk: Desk) -> None:
        desk.put(record(1, subject="Refund"), record(2, subject="Other"))
        filtered.choose("subject:refund")
        filtered.read()
        desk.put(record(3, subject="Refund"))
        filtered.count()
        assert filtered.stored() == ["t1", "t3"]
        assert filtered.rows("SELECT sum(census), sum(stored) FROM fact_source_day") == [(2, 2)]

    def test_loses_nothing_that_the_filter_lets_go(self, filtered: Filtered, desk: Desk) -> None:
        desk.put(record(1, subject="Refund"), record(2, subject="Other"), record(3, subject="Other"))
        filtered.read()
        filtered.choose("subject:refund")
        filtered.count()
        assert filtered.stored() == ["t1", "t2", "t3"]
        assert desk.fetched == []
        assert [window == Window() for window in desk.counted] == [True, True]
        desk.gone.add("t3")
        filtered.count()
        assert filtered.stored() == ["t1", "t2"], "what is really gone goes, selected or not"

    def test_says_of_an_edit_that_it_is_not_found_any_more_and_the_message_stays(
        self, filtered: Filtered, desk: Desk
    ) -> None:
        desk.put(record(1, subject="Refund"), record(2, subject="Refund"))
        filtered.choose("subject:refund")
        filtered.read()
        desk.put(record(1, subject="Solved", version=2))
        desk.gone.add("t2")
        filtered.rows(
            "INSERT INTO push_receipt (tenant_id, id, source_id, delivery_id, keys)"
            " VALUES (%s, gen_random_uuid(), %s, 'd1', '{t1,t2,t9}') RETURNING id",
            filtered.tenant.id, filtered.source.id,
        )  # fmt: skip
        read_pushed(filtered.context, filtered.tenant, filtered.source)
        process_waiting(filtered.context)
        assert (filtered.stored(), filtered.analysed()) == (["t1"], [])
        assert filtered.rows("SELECT subject FROM message WHERE deleted_at IS NULL") == [("Solved",)]

    def test_is_asked_by_a_backfill_for_what_a_wider_filter_selects(self, filtered: Filtered, desk: Desk) -> None:
        desk.put(record(1, subject="Refund"), record(2, subject="Lamp"))
        assert filtered.choose("subject:refund")["needs_backfill"] == 0
        filtered.read()
        assert filtered.choose("subject:refund from:cara")["needs_backfill"] == 0, "it is narrower"
        figures = filtered.choose("subject:refund OR subject:lamp")
        assert figures == {"selected": 1, "left_out": 0, "needs_backfill": 1}
        filtered.read()
        assert filtered.stored() == ["t1"], "the cursor is behind it"
        filtered.count()
        assert filtered.analysed() == ["t1", "t2"]
        assert filtered.rows("SELECT needs_backfill FROM source") == [(False,)]

    def test_is_no_reason_for_a_backfill_where_it_was_asked_for_all(self, filtered: Filtered, desk: Desk) -> None:
        desk.put(record(1, subject="Refund"), record(2, subject="Lamp"))
        filtered.choose("/refund/i")
        filtered.read()
        assert filtered.choose("subject:lamp") == {"selected": 1, "left_out": 1, "needs_backfill": 0}

    def test_is_read_by_the_filter_that_is_in_force(
        self, filtered: Filtered, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        desk.put(*(record(number, subject="Refund") for number in range(6)))
        source = filtered.source
        has = FakeConnector._has
        changed = [False]

        def change_midway(self: FakeConnector, item: Upsert) -> bool:
            if item.native_id == "t2" and not changed[0]:
                changed[0] = True
                filtered.choose("subject:lamp")
            return has(self, item)

        monkeypatch.setattr(FakeConnector, "_has", change_midway)
        with pytest.raises(Exception, match="goes by another filter now"):
            run_feed(filtered.context, filtered.tenant, source)
        filtered.read()
        assert filtered.stored() == ["t0", "t1"]

    def test_is_asked_whether_it_takes_a_block_of_its_own(
        self, filtered: Filtered, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(pushed: Mapping[str, Any], message: CanonicalMessage) -> bool:
            raise InputError("The server does not know this search")

        desk.put(record(1))
        desk.finds = refuse
        monkeypatch.setattr(refilter, "has_own_block", lambda _tree, _kind: True)  # no block is in the desk's language
        with pytest.raises(InputError, match="does not know this search"):
            filtered.choose("imap:{KEYWORD nonsense}")
        assert filtered.source.filter is None


FILTERS = (
    ("from:a@b.c subject:refund -label:spam", "subject:refund OR from:shop.example"),
    ("label:billing after:2026-01-01", "-label:spam newer_than:20d"),
    ("channel:ABC status:open", "(channel:support OR channel:ABC) -status:done /E10\\d[02468]/"),
    ("newer_than:15d lang:en", "older_than:12d subject:refunds"),
)
DIALECTS: dict[str, Callable[[Mapping[str, Any], CanonicalMessage], bool]] = {
    "gmail": natives.gmail,
    "graph": natives.graph,
    "imap": imap_finds,
    "slack": natives.slack,
    "zendesk": lambda pushed, message: natives.zendesk(pushed, message, updated_later=3600),
    "jira with comments": lambda pushed, message: natives.jira(pushed, message, updated_later=3600),
}


class TestResultIsIndependentOfTheProvider:
    @pytest.mark.parametrize("name", DIALECTS)
    def test_push_down_and_residual_are_everything_then_local(self, filtered: Filtered, desk: Desk, name: str) -> None:
        desk.finds = DIALECTS[name]
        desk.push = _pushing(name)
        desk.put(*mails()[:8])
        asked_for = False
        for earlier, later in FILTERS:
            for text in (earlier, later):
                gap = filtered.choose(text)["needs_backfill"]
                desk.put(*mails()[8:])
                filtered.read()
                if gap:
                    filtered.count()
                asked_for = asked_for or bool(filtered.source.connector(filtered.context).selection)
                assert filtered.selected() == filtered.analysed() == _expected(filtered, desk), text
        assert asked_for, "the property would hold for a provider that evaluates nothing"


def _pushing(name: str) -> Callable[[Node, datetime], Any]:
    module = import_module(f"opsintel.connectors.{name.split()[0]}.pushdown")
    if name == "gmail":
        return lambda tree, now: module.push_down(tree, now, natives.GMAIL_LABELS)
    if name == "jira with comments":
        return lambda tree, now: module.push_down(tree, now, with_comments=True, accounts=natives.JIRA_ACCOUNTS)
    assert name in PUSH
    return lambda tree, now: module.push_down(tree, now)


def _expected(filtered: Filtered, desk: Desk) -> list[str]:
    chosen = filtered.source.chosen()
    assert chosen is not None
    places = (Place("Desk", KIND),)
    return sorted(
        key for key, item in desk.items.items() if matches(chosen.tree, Item(message_of(item), places), chosen.since)
    )


class TestAChangedFilter:
    def test_is_followed_by_its_sources(self, filtered: Filtered, desk: Desk) -> None:
        desk.put(record(1, subject="Refund"), record(2, subject="Lamp"))
        filter_id = filtered.keep("subject:refund")
        set_filter(filtered.context, filtered.source, filter_id, SYSTEM)
        filtered.read()
        with filtered.context.database.tenant_tx(filtered.tenant.id) as connection:
            assert change_filter(connection, filtered.tenant.id, filter_id, "kept", parse("subject:lamp"), AUTHOR)
            (job,) = follow(connection, filtered.tenant.id, filter_id, parse("subject:lamp"), AUTHOR)
        assert filtered.selected() == ["t1"], "until the job is done"
        assert asked.do_next(filtered.context, threading.Event())
        process_waiting(filtered.context)
        assert filtered.analysed() == ["t2"]
        row = filtered.rows("SELECT state, figures FROM job WHERE id = %s", job)[0]
        assert row == ("done", {"selected": 1, "left_out": 1, "needs_backfill": 0})
        assert filtered.rows("SELECT version, text FROM filter_version ORDER BY version") == [
            (1, "subject:refund"),
            (2, "subject:lamp"),
        ]
        actions = [row[0] for row in filtered.rows("SELECT action FROM audit_log ORDER BY seq")]
        assert actions[-4:] == ["filter.created", "source.filtered", "filter.changed", "source.filtered"]

    def test_that_sources_go_by_is_not_put_away(self, filtered: Filtered) -> None:
        filter_id = filtered.keep("subject:refund")
        set_filter(filtered.context, filtered.source, filter_id, SYSTEM)
        with (
            pytest.raises(ConflictError, match="A source goes by this filter"),
            filtered.context.database.tenant_tx(filtered.tenant.id) as connection,
        ):
            archive_filter(connection, filtered.tenant.id, filter_id, AUTHOR)
        set_filter(filtered.context, filtered.source, None, SYSTEM)
        with filtered.context.database.tenant_tx(filtered.tenant.id) as connection:
            archive_filter(connection, filtered.tenant.id, filter_id, AUTHOR)
        with pytest.raises(Exception, match="no such filter"):
            set_filter(filtered.context, filtered.source, filter_id, SYSTEM)

    def test_says_the_same_and_is_no_new_version(self, filtered: Filtered) -> None:
        filter_id = filtered.keep("subject:refund from:cara")
        with filtered.context.database.tenant_tx(filtered.tenant.id) as connection:
            same = parse('subject:"refund"   from:cara')
            assert not change_filter(connection, filtered.tenant.id, filter_id, "renamed", same, AUTHOR)
        assert filtered.rows("SELECT name, version FROM filter") == [("renamed", 1)]
