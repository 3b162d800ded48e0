"""Letters about alerts: to whoever may mend what they are about, once, whatever happens in between."""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest

from opsintel.access.audit import SYSTEM, Actor
from opsintel.access.members import Rights
from opsintel.access.roles import ROLES
from opsintel.alerts.kinds import KINDS
from opsintel.alerts.store import Condition, acknowledge, open_alert, resolve_alerts
from opsintel.alerts.telling import MOST_LINES, Opened, Recipient, letter_about
from opsintel.context import Context
from opsintel.errors import ConflictError, NotFoundError
from opsintel.ids import new_id
from opsintel.settings import Settings
from opsintel.tenants import Tenant
from opsintel_pipeline.upkeep import retention
from opsintel_pipeline.worker.alerts import ATTEMPTS
from tests.alerts.conftest import a_source, alerts, letters, pass_time, staffed, stands, tell
from tests.peers.smtp import SmtpPeer
from tests.seeding import seed_user

MANAGERS = {"owner@acme.example", "admin@acme.example"}


def opened(context: Context, tenant: Tenant, source_id: UUID | None = None) -> UUID:
    """Open an alert about a source, and return the source."""
    about = source_id or a_source(context, tenant)
    with context.database.tenant_tx(tenant.id) as connection:
        open_alert(connection, tenant.id, Condition("source.unhealthy", about, "It is ill: heal it", source_id=about))
    return about


class TestWhoIsTold:
    def test_managers_of_the_tenant_and_nobody_else(self, context: Context, tenant: Tenant, smtp: SmtpPeer) -> None:
        staffed(context.database, "other")
        left = seed_user(context.database, "left@acme.example", "left", tenant.id, "owner")
        limited = seed_user(context.database, "limited@acme.example", "limited", tenant.id, "admin")
        source_id = a_source(context, tenant)
        with context.database.system_tx() as connection:
            connection.execute("UPDATE app_user SET disabled_at = now() WHERE id = %s", (left,))
            connection.execute("UPDATE membership SET source_ids = %s WHERE user_id = %s", ([source_id], limited))
        opened(context, tenant, source_id)
        tell(context)
        assert set(letters(smtp)) == MANAGERS
        tell(context)
        assert letters(smtp) == {}
        assert [row["is_told"] for row in alerts(context, tenant)] == [True]

    @pytest.mark.parametrize("kind", list(KINDS))
    @pytest.mark.parametrize("role", ROLES)
    def test_is_by_the_matrix_of_rights(self, kind: str, role: str) -> None:
        alert = Opened(new_id(), kind, new_id(), None, "line", (), "name")  # type: ignore[arg-type]
        member = Recipient(new_id(), "a@x.example", Rights(role))  # type: ignore[arg-type]
        assert member.may_mend(alert) is (role in ("owner", "admin"))

    def test_nobody_of_a_suspended_tenant(self, context: Context, tenant: Tenant, smtp: SmtpPeer) -> None:
        opened(context, tenant)
        with context.database.system_tx() as connection:
            connection.execute("UPDATE tenant SET suspended_at = now() WHERE id = %s", (tenant.id,))
        tell(context)
        assert letters(smtp) == {}


class TestALetter:
    def test_names_what_is_wrong_and_leads_to_the_dashboard(
        self, context: Context, tenant: Tenant, smtp: SmtpPeer
    ) -> None:
        opened(context, tenant)
        tell(context)
        text = letters(smtp)["owner@acme.example"]
        assert text.startswith("Something needs you at Acme\n")
        assert "Source support acme example: It is ill: heal it." in text
        assert f"{context.settings.dashboard_url}/alerts/" in text

    def test_is_one_for_all_that_is_wrong_and_the_next_comes_after_a_while(
        self, context: Context, tenant: Tenant, smtp: SmtpPeer
    ) -> None:
        for _ in range(3):
            opened(context, tenant)
        tell(context)
        assert letters(smtp)["owner@acme.example"].count("heal it") == 3
        opened(context, tenant)
        tell(context)
        assert letters(smtp) == {}
        pass_time(context, tenant, "6 minutes")
        tell(context)
        assert letters(smtp)["owner@acme.example"].count("heal it") == 1

    def test_says_how_many_more_there_are(self) -> None:
        many = [Opened(new_id(), "source.unhealthy", new_id(), None, "ill", (), "name")] * (MOST_LINES + 2)
        text = letter_about(many, "a@x.example", "http://x.example", "Acme").text
        assert text.count("ill.") == MOST_LINES
        assert "And 2 more." in text

    def test_holds_no_link_of_a_name(self) -> None:
        evil = Opened(new_id(), "key.invalid", new_id(), None, "ill", (), "https://evil.example/\r\nBcc: x@y.example")
        letter = letter_about([evil], "a@x.example", "http://x.example", "Acme")
        assert "evil.example" not in letter.text
        assert "@" not in letter.text

    def test_is_not_sent_for_what_is_over_or_known(self, context: Context, tenant: Tenant, smtp: SmtpPeer) -> None:
        over, _ = opened(context, tenant), opened(context, tenant)
        known = alerts(context, tenant)[1]["id"]
        with context.database.tenant_tx(tenant.id) as connection:
            resolve_alerts(connection, over)
            acknowledge(connection, tenant.id, known, list(KINDS), SYSTEM)
        tell(context)
        assert letters(smtp) == {}


class TestFaults:
    def test_a_server_that_hesitates_is_asked_again_for_whoever_has_none(
        self, context: Context, tenant: Tenant, smtp: SmtpPeer
    ) -> None:
        opened(context, tenant)
        smtp.refusals = 1
        tell(context)
        first = set(letters(smtp))
        tell(context)
        assert letters(smtp) == {}
        pass_time(context, tenant, "61 seconds")
        tell(context)
        assert set(letters(smtp)) == MANAGERS - first
        assert len(first) == 1

    def test_a_server_that_takes_nothing_is_given_up(
        self, context: Context, tenant: Tenant, smtp: SmtpPeer, caplog: pytest.LogCaptureFixture
    ) -> None:
        opened(context, tenant)
        smtp.refusals = 1000
        for _ in range(ATTEMPTS + 3):
            tell(context)
            pass_time(context, tenant, "61 minutes")
        assert [(row["is_told"], row["attempts"]) for row in alerts(context, tenant)] == [(True, ATTEMPTS)]
        assert "letters about alerts were not taken" in caplog.text
        assert "@acme.example" not in caplog.text

    def test_without_a_server_it_stands_in_the_log_once_and_names_nobody(
        self, context: Context, settings: Settings, tenant: Tenant, smtp: SmtpPeer, caplog: pytest.LogCaptureFixture
    ) -> None:
        about = opened(context, tenant)
        without = Context(context.database, context.objects, settings)
        with caplog.at_level(logging.INFO):
            tell(without)
            tell(without)
        assert caplog.text.count(f"alert source.unhealthy of {about}") == 1
        assert "acme.example" not in caplog.text
        tell(context)
        assert letters(smtp) == {}

    def test_a_worker_that_is_killed_repeats_one_letter_at_most_and_forgets_none(
        self, context: Context, tenant: Tenant, smtp: SmtpPeer, database_url: str
    ) -> None:
        opened(context, tenant)
        program = [sys.executable, "-m", "tests.alerts.dying_teller", database_url, smtp.url()]
        assert subprocess.run(program, check=False).returncode == -signal.SIGKILL
        assert len(letters(smtp)) == 1
        tell(context)
        assert letters(smtp) == {}  # another process may still be at it
        pass_time(context, tenant, "11 minutes")
        tell(context)
        assert set(letters(smtp)) == MANAGERS

    def test_two_workers_at_once_send_one(self, context: Context, tenant: Tenant, smtp: SmtpPeer) -> None:
        for _ in range(3):
            opened(context, tenant)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: tell(context), range(4)))
        assert set(letters(smtp)) == MANAGERS  # which asserts one each


class TestAcknowledging:
    def test_is_of_who_came_first_and_in_the_audit_log_once(self, context: Context, tenant: Tenant) -> None:
        opened(context, tenant)
        (row,) = alerts(context, tenant)
        for number in ("1", "2"):
            with context.database.tenant_tx(tenant.id) as connection:
                acknowledge(connection, tenant.id, row["id"], list(KINDS), Actor("service_key", number))
        with context.database.tenant_tx(tenant.id) as connection:
            assert connection.execute("SELECT actor_kind, actor_id FROM alert").fetchall() == [("service_key", "1")]
            count = connection.execute("SELECT count(*) FROM audit_log WHERE action = 'alert.acknowledged'").fetchone()
        assert count == (1,)

    def test_is_refused_for_what_is_over_not_readable_or_not_there(self, context: Context, tenant: Tenant) -> None:
        about = opened(context, tenant)
        (row,) = alerts(context, tenant)
        for alert_id, kinds in ((new_id(), list(KINDS)), (row["id"], ["key.invalid"])):
            with context.database.tenant_tx(tenant.id) as connection, pytest.raises(NotFoundError):
                acknowledge(connection, tenant.id, alert_id, kinds, SYSTEM)  # type: ignore[arg-type]
        with context.database.tenant_tx(tenant.id) as connection:
            resolve_alerts(connection, about)
            with pytest.raises(ConflictError):
                acknowledge(connection, tenant.id, row["id"], list(KINDS), SYSTEM)


def test_what_is_over_goes_with_the_time_that_jobs_are_kept(context: Context, tenant: Tenant) -> None:
    over = opened(context, tenant)
    opened(context, tenant)
    with context.database.tenant_tx(tenant.id) as connection:
        resolve_alerts(connection, over)
    pass_time(context, tenant, "89 days")
    assert retention.run(context)["alert"] == 0
    pass_time(context, tenant, "2 days")
    assert retention.run(context)["alert"] == 1
    assert stands(context, tenant) == [("source.unhealthy", True)]
