"""A step of a day leaves nothing open: running days again, in any order, decides nothing anew."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path

import pytest

from opsintel.clock import today
from opsintel.context import Context
from opsintel.partitions import Partition
from opsintel.tenants import Tenant
from opsintel_pipeline.analyze import run as analyze
from opsintel_pipeline.issues import run as issues
from opsintel_pipeline.normalize import run as normalize
from tests.canonical import dump
from tests.pipeline.mailbox import import_mailbox

ANA, BEN, STAFF = "ana@example.org", "ben@example.org", "help@acme.example"
FIRST = "<first@example.org>"
MAILS = (
    (3, ANA, STAFF, "Since I changed my router the hub stays offline and its light blinks red.", FIRST, None),
    (2, STAFF, ANA, "Please hold the button for ten seconds.", "<answer@acme.example>", FIRST),
    (1, BEN, STAFF, "After I changed the router my hub stays offline, its light blinks red.", "<2@example.org>", None),
)
"""Days ago, sender, recipient, text, Message-ID, and what it answers."""


@pytest.fixture
def tenant(context: Context, tmp_path: Path) -> Tenant:
    """A problem that is reported alone, answered the next day, and reported again on the third."""
    path = tmp_path / "mails.mbox"
    with path.open("wb") as file:
        for ago, sender, recipient, text, message_id, answers in MAILS:
            mail = EmailMessage()
            mail["From"], mail["To"], mail["Subject"] = sender, recipient, "My hub"
            mail["Date"] = format_datetime(datetime.combine(today() - timedelta(days=ago), time(9), UTC))
            mail["Message-ID"] = message_id
            if answers:
                mail["In-Reply-To"] = mail["References"] = answers
            mail.set_content(text)
            file.write(b"From - Thu Jan  1 00:00:00 1970\n" + mail.as_bytes() + b"\n")
    return import_mailbox(context, path, "acme")


def days(tenant: Tenant) -> list[Partition]:
    return [Partition(today() - timedelta(days=ago), tenant.id, tenant.slug) for ago in (3, 2, 1)]


def come_in(context: Context, tenant: Tenant) -> None:
    """Let the days come one by one, none knowing of the next."""
    for day in days(tenant):
        for stage in (normalize, analyze, issues):
            stage.run(context, day)


class TestAThread:
    def test_follows_at_once_when_its_first_message_finds_company_on_a_later_day(
        self, context: Context, tenant: Tenant
    ) -> None:
        come_in(context, tenant)
        methods = [row[2] for row in dump(context.database, tenant)["issue_member"]]
        assert sorted(methods) == ["cluster", "cluster", "thread"]

    def test_leaves_nothing_to_decide_when_its_days_are_run_again(self, context: Context, tenant: Tenant) -> None:
        come_in(context, tenant)
        before = dump(context.database, tenant)
        for day in days(tenant):
            issues.run(context, day)
        assert dump(context.database, tenant) == before

    def test_that_followed_has_its_days_counted_again(self, context: Context, tenant: Tenant) -> None:
        come_in(context, tenant)
        with context.database.tenant_tx(tenant.id) as connection:
            announced = connection.execute(
                "SELECT payload->>'day' FROM outbox WHERE payload->>'reason' = 'issues changed' ORDER BY 1"
            ).fetchall()
        assert [row[0] for row in announced] == [str(today() - timedelta(days=ago)) for ago in (3, 2)]
