"""Gold sets, frozen; what is measured on them; and what is kept of it each week."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from typer.testing import CliRunner

from opsintel.cli.main import app
from opsintel.clock import today
from opsintel.context import Context
from opsintel.db.engine import Database
from opsintel.learning.correcting import correct
from opsintel.learning.gold import freeze, judged
from opsintel.learning.metrics import Judged, scores_of
from opsintel.learning.review import Resolution, fill, resolve
from opsintel.objects.store import open_objects
from opsintel.settings import Settings
from opsintel.tenants import Tenant, create_tenant
from opsintel_pipeline.defs.schedules import weekly_evaluation
from opsintel_pipeline.learn.weekly import evaluate, run, week_of
from opsintel_pipeline.normalize.store import bury
from tests.learn.queue import DAY, LONG, PERSON, SURE, analysed, write


def messages(connection: psycopg.Connection, tenant: Tenant, number: int, **fields: Any) -> list[UUID]:
    ids = write(connection, tenant, [f"{LONG}{place}" for place in range(number)])
    for message_id in ids:
        analysed(connection, tenant, message_id, **({"severity": 3} | fields))
    return ids


def labels(connection: psycopg.Connection, version: int) -> dict[UUID, dict[str, Any]]:
    rows = connection.execute("SELECT message_id, labels FROM gold_example WHERE version = %s", (version,))
    return dict(rows.fetchall())


class TestAGoldSet:
    def test_is_none_where_nobody_said_anything(self, connection: psycopg.Connection, tenant: Tenant):
        messages(connection, tenant, 2)
        assert freeze(connection, tenant.id) is None

    def test_holds_what_was_corrected_and_all_that_was_confirmed(self, connection: psycopg.Connection, tenant: Tenant):
        (corrected,) = messages(connection, tenant, 1)
        (confirmed,) = messages(connection, tenant, 1, confidence=SURE | {"kind": 0.1})
        correct(connection, tenant.id, PERSON, corrected, "severity", 1)
        fill(connection, tenant.id, DAY)
        row = connection.execute("SELECT id FROM review_item WHERE message_id = %s", (confirmed,)).fetchone()
        assert row is not None
        resolve(connection, tenant.id, PERSON, row[0], Resolution("confirmed", {}))
        version = freeze(connection, tenant.id)
        assert version == 1
        found = labels(connection, version)
        assert found[corrected] == {"severity": 1}
        assert len(found[confirmed]) == 7
        assert found[confirmed]["severity"] == 3

    def test_is_never_changed_by_what_is_said_later(self, connection: psycopg.Connection, tenant: Tenant):
        first, second = messages(connection, tenant, 2)
        correct(connection, tenant.id, PERSON, first, "severity", 1)
        assert freeze(connection, tenant.id) == freeze(connection, tenant.id) == 1
        correct(connection, tenant.id, PERSON, first, "severity", 2)
        correct(connection, tenant.id, PERSON, second, "kind", "legal")
        assert freeze(connection, tenant.id) == 2
        assert labels(connection, 1) == {first: {"severity": 1}}
        assert labels(connection, 2) == {first: {"severity": 2}, second: {"kind": "legal"}}

    def test_is_drawn_evenly_the_same_each_time(self, connection: psycopg.Connection, tenant: Tenant):
        many, few = messages(connection, tenant, 12), messages(connection, tenant, 3, severity=4)
        for message_id in (*many, *few):
            correct(connection, tenant.id, PERSON, message_id, "sentiment", "neutral")
        assert freeze(connection, tenant.id, size=6) == 1
        drawn = set(labels(connection, 1))
        assert set(few) <= drawn
        assert len(drawn & set(many)) == 3
        connection.execute("DELETE FROM gold_set")
        assert freeze(connection, tenant.id, size=6) == 1
        assert set(labels(connection, 1)) == drawn
        assert connection.execute("SELECT candidates, examples FROM gold_set").fetchone() == (15, 6)

    def test_loses_what_is_deleted(self, connection: psycopg.Connection, tenant: Tenant):
        kept, deleted = messages(connection, tenant, 2)
        for message_id in (kept, deleted):
            correct(connection, tenant.id, PERSON, message_id, "severity", 1)
        freeze(connection, tenant.id)
        bury(connection, deleted, None)
        assert list(labels(connection, 1)) == [kept]
        assert connection.execute("SELECT count(*) FROM correction WHERE message_id = %s", (deleted,)).fetchone() == (
            0,
        )


class TestMeasuring:
    def test_looks_at_what_was_found_without_people_and_rules(self, connection: psycopg.Connection, tenant: Tenant):
        (message_id,) = messages(connection, tenant, 1)
        correct(connection, tenant.id, PERSON, message_id, "severity", 1)
        freeze(connection, tenant.id)
        ((version, found),) = judged(connection, 1).items()
        assert version == ("default-1.aaaa", "gpt-4o-mini")
        assert (found[message_id].labels["severity"], found[message_id].found["severity"]) == (1, 3)

    def test_leaves_out_a_message_with_another_text(self, connection: psycopg.Connection, tenant: Tenant):
        (message_id,) = messages(connection, tenant, 1)
        correct(connection, tenant.id, PERSON, message_id, "severity", 1)
        freeze(connection, tenant.id)
        connection.execute("UPDATE message SET text = text || '!'")
        analysed(connection, tenant, message_id)
        assert judged(connection, 1) == {}

    def test_is_by_field_of_what_people_said(self):
        told = [
            Judged(
                {"severity": right, "kind": "legal"},
                {"severity": found, "kind": "legal"},
                {"severity": 0.8},
                {"severity": 1.0},
            )
            for right, found in ((1, 1), (1, 2), (5, 5), (4, 4), (5, 5))
        ]
        kind, severity = scores_of(told)
        assert (kind.field, kind.examples, kind.accuracy, kind.macro_f1) == ("kind", 5, 1.0, 1.0)
        assert (kind.kappa, kind.calibration_error) == (None, None)
        assert (severity.accuracy, severity.calibration_error) == (0.8, pytest.approx(0))
        assert severity.calibration_error_given == pytest.approx(0.2)
        assert severity.macro_f1 == pytest.approx((2 / 3 + 0 + 1 + 1) / 4, abs=1e-4)
        # Quadratic weights: one pair one level apart, against 5 x 5 pairs that chance would make.
        by_chance = sum((a - b) ** 2 for a in (1, 1, 5, 4, 5) for b in (1, 2, 5, 4, 5)) / 5
        assert severity.kappa == pytest.approx(1 - 1 / by_chance, abs=1e-4)

    def test_a_fault_of_four_levels_costs_more_than_of_one(self):
        near, far = (
            scores_of([Judged({"severity": a}, {"severity": b}, {}) for a, b in ((1, wrong), (3, 3), (5, 5))])[0].kappa
            for wrong in (2, 5)
        )
        assert near is not None
        assert far is not None
        assert near > far

    def test_of_one_value_has_no_kappa(self):
        (score,) = scores_of([Judged({"severity": 3}, {"severity": 3}, {})])
        assert (score.accuracy, score.kappa) == (1.0, None)

    def test_nobody_has_to_act_is_a_value(self):
        field = "not_actionable_reason"
        (score,) = scores_of([Judged({field: None}, {field: "fyi"}, {}), Judged({field: None}, {field: None}, {})])
        assert score.accuracy == 0.5


class TestAWeek:
    def test_is_kept_by_version_and_measured_again_in_place(self, connection: psycopg.Connection, tenant: Tenant):
        right, wrong, *_ = messages(connection, tenant, 4)
        correct(connection, tenant.id, PERSON, right, "severity", 3)
        correct(connection, tenant.id, PERSON, wrong, "severity", 1)
        week = week_of(datetime.now(UTC).date())
        for _ in range(2):
            (measured,) = evaluate(connection, tenant.id, week)
            rows = connection.execute(
                "SELECT week, gold_version, profile_version, model, field, examples, accuracy, corrections_per_1000"
                " FROM evaluation"
            ).fetchall()
            assert rows == [(week, 1, "default-1.aaaa", "gpt-4o-mini", "severity", 2, 0.5, 500.0)]
        assert measured.score.accuracy == 0.5

    def test_in_which_nothing_was_analysed_has_no_rate(self, connection: psycopg.Connection, tenant: Tenant):
        (message_id,) = messages(connection, tenant, 1)
        correct(connection, tenant.id, PERSON, message_id, "severity", 1)
        (measured,) = evaluate(connection, tenant.id, week_of(today()) - timedelta(days=70))
        assert measured.corrections_per_1000 is None

    def test_begins_on_monday(self):
        assert {week_of(datetime(2026, 11, day, tzinfo=UTC).date()).day for day in range(16, 23)} == {16}

    def test_is_measured_for_all_tenants(self, settings: Settings, database: Database, tenant: Tenant):
        with database.tenant_tx(tenant.id) as connection:
            (message_id,) = messages(connection, tenant, 1)
            correct(connection, tenant.id, PERSON, message_id, "severity", 1)
        create_tenant(database, "silent", "Silent")
        context = Context(database, open_objects(settings), settings)
        assert run(context, week_of(today())) == {"tenants": 1, "figures": 1}

    def test_comes_by_the_clock_on_mondays(self):
        assert (weekly_evaluation.cron_schedule, weekly_evaluation.job_name) == ("30 4 * * 1", "evaluation")
        assert weekly_evaluation.default_status.value == "RUNNING"

    def test_is_printed_for_a_tenant(
        self, settings: Settings, database: Database, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setenv("DB_URL", settings.db_url or "")
        monkeypatch.setenv("OPSINTEL_DATA_DIR", str(settings.data_dir))
        monkeypatch.setenv("MASTER_ENCRYPTION_KEY", base64.b64encode(settings.master_key()).decode())
        monkeypatch.setenv("JWT_SECRET", settings.jwt_key().decode())
        assert "Nobody has" in CliRunner().invoke(app, ["eval", "tenant", "acme"]).stdout
        with database.tenant_tx(tenant.id) as connection:
            (message_id,) = messages(connection, tenant, 1)
            correct(connection, tenant.id, PERSON, message_id, "severity", 3)
        (printed,) = json.loads(CliRunner().invoke(app, ["eval", "tenant", "acme", "--json"]).stdout)
        assert (printed["field"], printed["accuracy"], printed["gold_version"]) == ("severity", 1.0, 1)
