"""The relay: nothing is lost between outbox and queue, nothing waits behind another tenant's backlog."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, timedelta
from uuid import UUID, uuid4

import psycopg
import pytest

from opsintel.db.engine import Database
from opsintel.errors import UnavailableError
from opsintel.queue import outbox
from opsintel.queue.consume import consume_once
from opsintel.queue.contract import QUEUE_PAGE, Announcement, Queue
from opsintel.queue.outbox import announce_days, relay_once
from opsintel.queue.postgres import PostgresQueue
from opsintel.tenants import create_tenant

DAY = date(2020, 1, 1)


def announce(database: Database, tenant_id: UUID, days: int) -> None:
    with database.tenant_tx(tenant_id) as connection:
        announce_days(connection, tenant_id, [DAY + timedelta(days=number) for number in range(days)], "import")


def counts(database: Database, sql: str) -> dict[UUID, int]:
    with database.system_tx() as connection:
        return dict(connection.execute(sql).fetchall())


def in_ledger(database: Database) -> dict[UUID, int]:
    return counts(database, "SELECT tenant_id, count(*) FROM work GROUP BY 1")


class Recording(PostgresQueue):
    """Notes what is published; does in its place what it is told to."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.published: list[Announcement] = []

    def publish(self, announcements: Sequence[Announcement]) -> None:
        self.published += announcements
        self.meanwhile()

    def meanwhile(self) -> None:
        pass


class TestFairness:
    def test_a_backlog_delays_another_tenant_by_no_more_than_a_page(
        self, database: Database, tenant: UUID, queue: Queue
    ) -> None:
        announce(database, tenant, 4 * QUEUE_PAGE)
        for _ in range(2):
            relay_once(database, queue)
        other = create_tenant(database, f"late-{uuid4().hex}", "Late").id
        announce(database, other, 1)
        handed_out = 0
        while other not in in_ledger(database):
            assert handed_out <= 2 * QUEUE_PAGE
            relay_once(database, queue)
            handed_out += consume_once(database, queue)
        assert in_ledger(database)[tenant] < 4 * QUEUE_PAGE

    def test_a_page_takes_tenants_by_turns(self, database: Database, tenant: UUID) -> None:
        others = [create_tenant(database, f"o-{uuid4().hex}", "O").id for _ in range(3)]
        announce(database, tenant, 2 * QUEUE_PAGE)
        for other in others:
            announce(database, other, QUEUE_PAGE)
        relay_once(database, recording := Recording(database))
        shares = [sum(a.tenant_id == wanted for a in recording.published) for wanted in (tenant, *others)]
        assert shares == [QUEUE_PAGE // 4] * 4

    def test_a_page_is_full_although_the_others_have_little(self, database: Database, tenant: UUID) -> None:
        announce(database, create_tenant(database, f"o-{uuid4().hex}", "O").id, 3)
        announce(database, tenant, 2 * QUEUE_PAGE)
        assert relay_once(database, Recording(database)) == QUEUE_PAGE

    def test_a_page_is_read_no_further_than_it_needs(self, database: Database, tenant: UUID, admin_url: str) -> None:
        for size in (60 * QUEUE_PAGE, 2 * QUEUE_PAGE):
            tenant_id = create_tenant(database, f"o-{uuid4().hex}", "O").id
            with database.system_tx() as connection:
                connection.execute(
                    "INSERT INTO outbox (tenant_id, id, topic, payload)"
                    " SELECT %s, gen_random_uuid(), 't', '{}' FROM generate_series(1, %s)",
                    (tenant_id, size),
                )
        with psycopg.connect(admin_url, autocommit=True) as connection:
            connection.execute("ANALYZE outbox")
        parameters = {"page": QUEUE_PAGE, "ahead": outbox.READ_AHEAD, "claim": outbox.CLAIM}
        with database.system_tx() as connection:
            row = connection.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {outbox._TAKE}", parameters).fetchone()
        assert row is not None
        read = rows_read(row[0][0]["Plan"], "ix_outbox_due")
        assert QUEUE_PAGE <= read <= 2 * outbox.READ_AHEAD * QUEUE_PAGE, json.dumps(row[0])


def rows_read(node: dict[str, object], index: str) -> float:
    """Return how many rows a plan read by an index in all."""
    parts: list[dict[str, object]] = node.get("Plans", [])  # type: ignore[assignment]
    here = float(node["Actual Rows"]) * float(node["Actual Loops"]) if node.get("Index Name") == index else 0.0  # type: ignore[arg-type]
    return here + sum(rows_read(part, index) for part in parts)


class TestNothingIsLost:
    def test_what_the_queue_did_not_confirm_waits_for_the_next_round(self, database: Database, tenant: UUID) -> None:
        announce(database, tenant, 3)
        away = Recording(database)

        def fail() -> None:
            raise UnavailableError("The broker is away")

        away.meanwhile = fail  # type: ignore[method-assign]
        with pytest.raises(UnavailableError):
            relay_once(database, away)
        assert relay_once(database, Recording(database)) == 3

    def test_what_a_dead_relay_had_taken_is_published_once_its_claim_ends(
        self, database: Database, tenant: UUID
    ) -> None:
        announce(database, tenant, 3)
        killed = Recording(database)

        def die() -> None:
            raise KeyboardInterrupt

        killed.meanwhile = die  # type: ignore[method-assign]
        with pytest.raises(KeyboardInterrupt):
            relay_once(database, killed)
        assert relay_once(database, Recording(database)) == 0
        later(database, outbox.CLAIM)
        assert relay_once(database, Recording(database)) == 3

    def test_what_a_broker_confirmed_and_lost_is_published_again(self, database: Database, tenant: UUID) -> None:
        announce(database, tenant, 3)
        lost = Recording(database)
        assert relay_once(database, lost) == 3
        later(database, outbox.CONFIRMED)
        assert relay_once(database, again := Recording(database)) == 3
        assert {a.id for a in again.published} == {a.id for a in lost.published}

    def test_what_the_ledger_has_is_never_published_again(self, database: Database, tenant: UUID) -> None:
        announce(database, tenant, 3)
        queue = PostgresQueue(database)
        relay_once(database, queue)
        consume_once(database, queue)
        later(database, outbox.CONFIRMED)
        assert relay_once(database, queue) == 0

    def test_two_relays_publish_different_rows(self, database: Database, tenant: UUID) -> None:
        announce(database, tenant, 2 * QUEUE_PAGE)
        first, second = Recording(database), Recording(database)
        first.meanwhile = lambda: None if relay_once(database, second) else None  # type: ignore[method-assign]
        relay_once(database, first)
        ids = {a.id for a in first.published} | {a.id for a in second.published}
        assert len(ids) == 2 * QUEUE_PAGE

    def test_a_full_queue_takes_nothing_until_it_is_read(self, database: Database, tenant: UUID) -> None:
        announce(database, tenant, 2 * QUEUE_PAGE)
        queue = PostgresQueue(database)
        assert relay_once(database, queue) == QUEUE_PAGE
        assert relay_once(database, queue) == 0
        consume_once(database, queue)
        assert relay_once(database, queue) == QUEUE_PAGE


def later(database: Database, time: timedelta) -> None:
    """Let time pass for the outbox."""
    with database.system_tx() as connection:
        connection.execute("UPDATE outbox SET due_at = due_at - %s", (time,))
