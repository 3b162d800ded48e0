"""Messages become rows a page at a time: in any order, with others writing at the same moment."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from opsintel.clock import today
from opsintel.db.engine import Database
from opsintel.events.message import Address, Attachment, CanonicalMessage, IdentityKind, Kind, Link
from opsintel.ids import new_id
from opsintel.partitions import Partition
from opsintel.sources.source import ensure_source
from opsintel.tenants import create_tenant
from opsintel_pipeline.normalize.people import Participants
from opsintel_pipeline.normalize.store import Incoming, store_messages
from opsintel_pipeline.normalize.threading import Threads

MOMENT = datetime(2026, 11, 2, 9, tzinfo=UTC)


@pytest.fixture
def partition(database: Database) -> Partition:
    slug = f"store-{uuid4().hex}"
    return Partition(today(), create_tenant(database, slug, slug).id, slug)


@pytest.fixture
def connection(database: Database, partition: Partition) -> Iterator[psycopg.Connection]:
    with database.tenant_tx(partition.tenant_id) as opened:
        yield opened


@pytest.fixture
def source_id(database: Database, partition: Partition) -> UUID:
    return ensure_source(database, partition.tenant_id, "mbox", "mails", {"path": "/"}, "mails").id


def mail(native_id: str, text: str = "The hub is offline", **fields: Any) -> CanonicalMessage:
    author = Address(kind=IdentityKind.EMAIL, value="ann@firm.example", name="Ann")
    values = {"native_id": native_id, "kind": Kind.EMAIL, "rfc_message_id": f"{native_id}@firm.example",
              "thread_key": native_id, "author": author, "occurred_at": MOMENT, "text": text}  # fmt: skip
    return CanonicalMessage(**(values | fields))


def store(connection: psycopg.Connection, partition: Partition, source_id: UUID, *messages: CanonicalMessage) -> None:
    store_messages(
        connection,
        partition,
        [
            Incoming(source_id, message.native_id, str(number), None, "inbox", message)  # type: ignore[arg-type]
            for number, message in enumerate(messages)
        ],
    )


def rows(connection: psycopg.Connection, query: str) -> list[tuple[Any, ...]]:
    return connection.execute(query.encode()).fetchall()


class TestAPage:
    def test_becomes_messages_with_their_places_people_threads_and_parts(
        self, connection: psycopg.Connection, partition: Partition, source_id: UUID
    ) -> None:
        whole = mail(
            "a", attachments=(Attachment(filename="a.pdf", content_type="application/pdf", size=3),),
            labels=("urgent",), links=(Link(url="https://hub.example"),),
        )  # fmt: skip
        store(connection, partition, source_id, whole, mail("b", references=("a@firm.example",)))
        assert rows(connection, "SELECT text, channel FROM message") == [("The hub is offline", "inbox")] * 2
        assert rows(connection, "SELECT native_id FROM message_occurrence ORDER BY 1") == [("a",), ("b",)]
        assert rows(connection, "SELECT display_name, domain FROM participant JOIN organization USING (tenant_id)") == [
            ("Ann", "firm.example")
        ]
        assert rows(connection, "SELECT key, first_at FROM thread") == [("a", MOMENT)]
        parts = "SELECT filename, label, url FROM attachment, message_label, message_link"
        assert rows(connection, parts) == [("a.pdf", "urgent", "https://hub.example")]

    def test_widens_the_spans_of_the_threads_it_touches(
        self, connection: psycopg.Connection, partition: Partition, source_id: UUID
    ) -> None:
        def at(name: str, hours: int | None) -> CanonicalMessage:
            moment = None if hours is None else MOMENT + timedelta(hours=hours)
            references = () if name == "a" else ("a@firm.example",)
            return mail(name, references=references, occurred_at=moment)

        span = "SELECT first_at, last_at FROM thread"
        store(connection, partition, source_id, at("a", 0), at("b", 2))
        assert rows(connection, span) == [(MOMENT, MOMENT + timedelta(hours=2))]
        store(connection, partition, source_id, at("c", 1), at("d", -3))
        assert rows(connection, span) == [(MOMENT - timedelta(hours=3), MOMENT + timedelta(hours=2))]
        store(connection, partition, source_id, at("e", None))
        assert rows(connection, "SELECT last_at = now() FROM thread") == [(True,)]

    def test_without_any_time_counts_as_of_now(
        self, connection: psycopg.Connection, partition: Partition, source_id: UUID
    ) -> None:
        store(connection, partition, source_id, mail("a", occurred_at=None))
        assert rows(connection, "SELECT first_at = now(), last_at = now() FROM thread") == [(True, True)]

    def test_may_hold_an_edit_of_one_of_its_own_messages(
        self, connection: psycopg.Connection, partition: Partition, source_id: UUID
    ) -> None:
        store(connection, partition, source_id, mail("a", "first"), mail("b"), mail("a", "second"))
        assert rows(connection, "SELECT text, revision FROM message ORDER BY text") == [
            ("The hub is offline", 1), ("second", 2),
        ]  # fmt: skip
        assert rows(connection, "SELECT text FROM message_revision") == [("first",)]

    def test_may_hold_the_same_message_twice(
        self, connection: psycopg.Connection, partition: Partition, source_id: UUID
    ) -> None:
        twin = mail("a")
        store(connection, partition, source_id, twin, twin.model_copy(update={"native_id": "copy"}))
        assert rows(connection, "SELECT count(*) FROM message") == [(1,)]
        assert rows(connection, "SELECT count(*) FROM message_occurrence") == [(2,)]

    def test_may_hold_a_message_that_is_deleted_already(
        self, connection: psycopg.Connection, partition: Partition, source_id: UUID
    ) -> None:
        store(connection, partition, source_id, mail("a", deleted=True), mail("b"))
        assert rows(connection, "SELECT text, deleted_at IS NULL FROM message ORDER BY text") == [
            ("", False), ("The hub is offline", True),
        ]  # fmt: skip


class TestWhatAnotherTransactionMadeMeanwhile:
    def test_is_the_thread_that_holds(
        self, database: Database, connection: psycopg.Connection, partition: Partition
    ) -> None:
        threads = Threads(connection, partition.tenant_id)
        threads.prepare([mail("a")])
        ours = threads.id_of(mail("a"))
        theirs = new_id()
        with database.tenant_tx(partition.tenant_id) as other:
            other.execute(
                "INSERT INTO thread (tenant_id, id, key, kind) VALUES (%s, %s, 'a', 'email')",
                (partition.tenant_id, theirs),
            )
        assert threads.store() == {ours: theirs}
        assert threads.id_of(mail("a")) == theirs
        assert rows(connection, "SELECT id FROM thread") == [(theirs,)]

    def test_is_the_participant_that_holds(
        self, database: Database, connection: psycopg.Connection, partition: Partition
    ) -> None:
        author = mail("a").author
        assert author is not None
        participants = Participants(connection, partition.tenant_id)
        participants.prepare([author])
        ours = participants.id_of(author, mail("a"))
        with database.tenant_tx(partition.tenant_id) as other:
            theirs = Participants(other, partition.tenant_id)
            held = theirs.id_of(author, mail("a"))
            theirs.store()
        assert participants.store() == {ours: held}
        assert participants.id_of(author, mail("a")) == held
        assert rows(connection, "SELECT id FROM participant") == [(held,)]
