"""Backlog: 100,000 waiting messages of 50 tenants drained, against the arrivals of a normal day.

A normal day is 200,000 messages of 50 tenants, 2.3 a second. Each message waits as an announcement of its own, as a
push brings it, over 20 days of its tenant. The event plane alone is measured at the full length: outbox, queue, ledger,
batches, every tenant-day finished. All stages are measured on a shorter backlog of real mail, which ends with the marts
of every day.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from bench.mails import write_folder
from bench.measure import Spread, by_size, timed
from bench.report import Bound, Line, Report, grown
from bench.workplace import Installed, Workplace
from opsintel.clock import today
from opsintel.errors import FatalError
from opsintel.ids import new_id
from opsintel.queue import ledger
from opsintel.queue.contract import PARTITION_DIRTY
from opsintel.queue.wire import VERSION
from opsintel.tenants import create_tenant
from opsintel_pipeline.ingest.files import import_file
from opsintel_pipeline.worker.batch import run_batch
from opsintel_pipeline.worker.inline import move_announcements, process_waiting

TENANTS, DAYS = 50, 20
NORMAL_DAY = 200_000
ARRIVALS = NORMAL_DAY / 86_400
SIZES = (1_000, 10_000, 100_000)
MAILS = 40
"""Mails of each tenant in the backlog that goes through all stages."""

ROUNDS = 3


def run(workplace: Workplace) -> Report:
    """Measure how many times faster than they arrive waiting messages are drained, and the cost of one by length."""
    with workplace.installation() as installed:
        tenants = [create_tenant(installed.context.database, f"backlog-{n}", "").id for n in range(TENANTS)]
        seconds = by_size(lambda size: drain(installed, tenants, size), SIZES, ROUNDS)
    with workplace.installation() as installed:
        through = TENANTS * MAILS / all_stages(workplace, installed)
    longest = SIZES[-1]
    plane = [longest / spent for spent in seconds[longest]]
    return Report(
        [
            _times(f"event plane, {longest:,} messages", plane),
            _times(f"all stages, {TENANTS * MAILS:,} mails", [through]),
            Line("event plane", "messages/s", Spread.of(plane)),
            Line("all stages", "messages/s", Spread.of([through])),
        ],
        [
            grown(
                "a message by length of the backlog",
                "µs",
                {size: [each / size * 1e6 for each in spent] for size, spent in seconds.items()},
                Bound(0.1, at_most=True),
            )
        ],
        notes=["One process; the start of Dagster's runs is in the row orchestration"],
    )


def drain(installed: Installed, tenants: Sequence[UUID], messages: int) -> float:
    """Return the seconds from a full outbox until the ledger has nothing left; the runs have no stages."""
    context = installed.context
    _announce(installed, tenants, messages)

    def work() -> None:
        while True:
            move_announcements(context)
            batches = ledger.build_batches(context.database)
            if not batches:
                return
            for batch in batches:
                run_batch(context, batch, "bench", lambda *_: None, stages=())

    spent = timed(work)
    with context.database.system_tx() as connection:
        done = connection.execute("DELETE FROM work WHERE state = 'done'").rowcount
        connection.execute("DELETE FROM batch")
    if done != messages:
        raise FatalError(f"{done} of {messages} messages were drained")
    return spent


def all_stages(workplace: Workplace, installed: Installed) -> float:
    """Return the seconds in which the waiting mails of all tenants pass through all stages."""
    for number in range(TENANTS):
        folder = workplace.scratch(f"backlog-{number}")
        write_folder(folder, MAILS, days=DAYS, seed=number)
        import_file(installed.context, folder, f"backlog-{number}", kind="eml_folder")
    spent = timed(lambda: process_waiting(installed.context))
    if ledger.pending_count(installed.context.database):
        raise FatalError("Work is left in the ledger")
    return spent


def _announce(installed: Installed, tenants: Sequence[UUID], messages: int) -> None:
    """Write an announcement for each message, tenants and days by turns."""
    numbers = range(messages)
    with installed.context.database.system_tx() as connection:
        connection.execute(
            "INSERT INTO outbox (tenant_id, id, topic, payload) SELECT tenant, id, %(topic)s,"
            " jsonb_build_object('version', %(version)s::int, 'day', day, 'reason', 'import')"
            " FROM unnest(%(tenants)s::uuid[], %(ids)s::uuid[], %(days)s::date[]) AS wanted (tenant, id, day)",
            {
                "topic": PARTITION_DIRTY,
                "version": VERSION,
                "tenants": [tenants[number % TENANTS] for number in numbers],
                "ids": [new_id() for _ in numbers],
                "days": [today() - timedelta(days=number // TENANTS % DAYS) for number in numbers],
            },
        )


def _times(what: str, rates: Sequence[float]) -> Line:
    return Line(what, "× arrivals of a normal day", Spread.of([rate / ARRIVALS for rate in rates]), bound=Bound(5))
