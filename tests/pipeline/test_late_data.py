"""Late data: one reply for a day long past has exactly that day of that tenant materialised again."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, time, timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path

import pytest
from dagster import AssetKey, DagsterInstance

from opsintel.clock import today
from opsintel.context import Context
from opsintel.queue import ledger
from opsintel.sources.source import sources_of
from opsintel.tenants import Tenant
from opsintel_pipeline.ingest.feed import run_feed
from opsintel_pipeline.worker.inline import move_announcements
from opsintel_pipeline.worker.stages import STAGES
from tests.canonical import dump
from tests.pipeline.mailbox import import_mailbox, write_mailbox
from tests.pipeline.test_drain import drain, key

LATE = 20


def drain_all(context: Context, instance: DagsterInstance) -> None:
    while True:
        move_announcements(context)
        batches = ledger.build_batches(context.database)
        if not batches:
            return
        for batch in batches:
            assert drain(instance, batch).success


def materialised(instance: DagsterInstance) -> dict[str, Counter[str]]:
    """Return how often each partition of each asset was materialised."""
    return {
        stage.asset: Counter(
            record.partition_key or ""
            for record in instance.fetch_materializations(AssetKey(stage.asset), limit=1000).records
        )
        for stage in STAGES
    }


@pytest.fixture
def tenant(context: Context, instance: DagsterInstance, tmp_path: Path) -> Tenant:
    """A tenant with days of mail around the late one and a neighbour, all materialised."""
    instance.add_dynamic_partitions("tenants", ["acme", "zebra"])
    write_mailbox(tmp_path / "mails.mbox", (25, 21, 20, 19, 2, 1))
    found = import_mailbox(context, tmp_path / "mails.mbox", "acme")
    import_mailbox(context, tmp_path / "mails.mbox", "zebra")
    drain_all(context, instance)
    return found


def reply_late(path: Path) -> None:
    """Append a reply to a mail of the same day, sent that day and come only now."""
    mail = EmailMessage()
    mail["From"] = "Customer 0 <customer0@example.org>"
    mail["To"] = "support@acme.example"
    mail["Subject"] = "Re: The hub is offline"
    mail["Date"] = format_datetime(datetime.combine(today() - timedelta(days=LATE), time(12), UTC))
    mail["Message-ID"] = "<late@example.org>"
    mail["In-Reply-To"] = f"<{LATE}-0@example.org>"
    mail.set_content("It is still offline and the light still blinks red. Please help me with the router.")
    with path.open("ab") as file:
        file.write(b"From - Thu Jan  1 00:00:00 1970\n" + mail.as_bytes() + b"\n")


class TestALateReply:
    def test_has_that_day_of_that_tenant_materialised_again_and_nothing_else(
        self, context: Context, instance: DagsterInstance, tenant: Tenant, tmp_path: Path
    ) -> None:
        before, rows = materialised(instance), dump(context.database, tenant)
        reply_late(tmp_path / "mails.mbox")
        (source,) = sources_of(context.database, tenant.id)
        assert run_feed(context, tenant, source).added == 1
        drain_all(context, instance)
        again = {asset: dict(found - before[asset]) for asset, found in materialised(instance).items()}
        assert again == {stage.asset: {key(LATE): 1} for stage in STAGES}
        after = dump(context.database, tenant)
        assert len(after["message"]) == len(rows["message"]) + 1
        day = today() - timedelta(days=LATE)
        for table in ("fact_message_day", "fact_participant_day", "fact_issue_day", "fact_source_day"):
            changed = set(after[table]) ^ set(rows[table])
            assert {row[0] for row in changed} == {day}, table
