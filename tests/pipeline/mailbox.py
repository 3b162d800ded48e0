"""A small mailbox over some days, imported as a person's mbox is."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path

from opsintel.clock import today
from opsintel.context import Context
from opsintel.sources.source import ensure_source
from opsintel.tenants import Tenant, create_tenant
from opsintel_pipeline.ingest.census import take_census
from opsintel_pipeline.ingest.feed import run_feed

COMPLAINTS = (
    ("The hub is offline", "Since I changed my router the hub stays offline and the light blinks red. Please help."),
    ("Hub lost its wifi", "After the router was replaced our hub does not find the wifi any more, it stays offline."),
    ("Charged twice", "My card was charged twice this month for the subscription. Please refund one of the payments."),
    ("Double payment", "I see two payments for one subscription on my card statement, kindly refund the second one."),
)


def write_mailbox(path: Path, days_ago: tuple[int, ...]) -> None:
    """Write an mbox with all complaints on each of the days."""
    with path.open("wb") as file:
        for ago in days_ago:
            for number, (subject, text) in enumerate(COMPLAINTS):
                sent = datetime.combine(today() - timedelta(days=ago), time(9, number), UTC)
                mail = EmailMessage()
                mail["From"] = f"Customer {number} <customer{number}@example.org>"
                mail["To"] = "support@acme.example"
                mail["Subject"] = subject
                mail["Date"] = format_datetime(sent)
                mail["Message-ID"] = f"<{ago}-{number}@example.org>"
                mail.set_content(text)
                file.write(b"From - Thu Jan  1 00:00:00 1970\n" + mail.as_bytes() + b"\n")


def import_mailbox(context: Context, path: Path, slug: str) -> Tenant:
    """Read the mailbox into a tenant, as `opsintel import` does, and leave the stages to whoever is tested."""
    tenant = create_tenant(context.database, slug, slug, own_domains=("acme.example",))
    source = ensure_source(context.database, tenant.id, "mbox", path.name, {"path": str(path)}, str(path))
    run_feed(context, tenant, source)
    take_census(context, tenant, source)
    return tenant
