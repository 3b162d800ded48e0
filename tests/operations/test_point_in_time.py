"""The drill: an installation is lost and restored to a moment after its back-up; the broker lives on."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from opsintel.clock import today
from opsintel.context import Context
from opsintel.queue.choose import open_queue
from opsintel.queue.consume import consume_once
from opsintel.queue.outbox import announce_days, relay_once
from opsintel.tenants import find_tenant
from opsintel_pipeline.worker.inline import process_waiting
from tests.operations.installation import Installation, moment, rows


def announce(context: Context, ago: int) -> None:
    """Announce that a day has something to do, and let the broker have it."""
    tenant = find_tenant(context.database, "acme")
    with context.database.tenant_tx(tenant.id) as connection:
        announce_days(connection, tenant.id, [today() - timedelta(days=ago)], "retry")
    with open_queue(context.settings, context.database) as queue:
        assert relay_once(context.database, queue) == 1


def work_rows(context: Context) -> int:
    with context.database.system_tx() as connection:
        row = connection.execute("SELECT count(*) FROM work").fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.rabbitmq
@pytest.mark.complete
class TestARestoreToAMoment:
    def test_has_what_was_accepted_before_it_once_and_nothing_after_it(self, home: Path, amqp_url: str) -> None:
        installation = Installation(home, {"AMQP_URL": amqp_url})
        with installation.opened() as context:
            installation.take_in(context, 5)
            installation.back_up()
            at_the_moment = installation.take_in(context, 4)
            announce(context, 5)
            accepted = work_rows(context)
            chosen = moment()
            later = installation.take_in(context, 3)
            announce(context, 3)
        assert len(later["message"]) == len(at_the_moment["message"]) + 4
        installation.lose()

        restored = installation.restore(chosen)

        assert restored.keys_missing == []
        with installation.opened() as context:
            assert rows(context) == at_the_moment
            # The broker gave what it had of the past to the installation that is lost, and holds some of its future.
            with open_queue(context.settings, context.database) as queue:
                assert relay_once(context.database, queue) == 1
                assert consume_once(context.database, queue) == 2
            assert work_rows(context) == accepted + 2
            process_waiting(context)
            assert rows(context) == at_the_moment
            assert installation.take_in(context, 4) == at_the_moment
            assert installation.take_in(context, 3) == later
