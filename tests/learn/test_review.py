"""The review queue: what is in it and why, once; what a person says of it; and that it follows its messages."""

from __future__ import annotations

import base64
import json
from typing import Any
from uuid import UUID

import pytest
from typer.testing import CliRunner, Result

from opsintel.cli.main import app
from opsintel.db.engine import Database
from opsintel.errors import ConflictError, InputError, NotFoundError
from opsintel.ids import new_id
from opsintel.learning.correcting import shown_of
from opsintel.learning.review import A_DAY, SAMPLE, Resolution, fill, resolve
from opsintel.settings import Settings
from opsintel.tenants import Tenant
from opsintel_pipeline.analyze.profile import NotActionable
from opsintel_pipeline.analyze.rows import Origin
from opsintel_pipeline.normalize.store import bury
from tests.learn.queue import DAY, LONG, PERSON, SURE, analysed, corrected, write

UNSURE = SURE | {"severity": 0.2}


def items(database: Database, tenant: Tenant, state: str = "open") -> dict[UUID, tuple[Any, ...]]:
    """Return (reason, fields, detail) by message, in the order of the queue."""
    with database.tenant_tx(tenant.id) as connection:
        rows = connection.execute(
            "SELECT message_id, reason, fields, detail FROM review_item WHERE state = %s ORDER BY rank, id", (state,)
        ).fetchall()
    return {row[0]: tuple(row[1:]) for row in rows}


def filled(database: Database, tenant: Tenant) -> dict[UUID, tuple[Any, ...]]:
    with database.tenant_tx(tenant.id) as connection:
        fill(connection, tenant.id, DAY)
    return items(database, tenant)


def written(database: Database, tenant: Tenant, number: int = 1, **fields: Any) -> list[UUID]:
    """Write messages that are analysed by a model; none of them is of the sample."""
    ids: list[UUID] = []
    with database.tenant_tx(tenant.id) as connection:
        while len(ids) < number:
            message_id = write(connection, tenant, [f"{LONG}{len(ids)}"])[0]
            sampled = connection.execute(
                "SELECT ('x' || left(md5(%s::text), 8))::bit(32)::bigint < %s * 4294967296", (message_id, SAMPLE)
            ).fetchone()
            if sampled == (True,):
                connection.execute("DELETE FROM message WHERE id = %s", (message_id,))
                continue
            analysed(connection, tenant, message_id, **fields)
            ids.append(message_id)
    return ids


class TestWhatIsInIt:
    def test_is_what_no_model_could_analyse_with_its_reason(self, database: Database, tenant: Tenant):
        (message_id,) = written(database, tenant, origin=Origin(status="failed", reason="refused"))
        assert filled(database, tenant) == {message_id: ("failed", [], "refused")}

    def test_is_what_is_unsure_with_the_fields(self, database: Database, tenant: Tenant):
        unsure, _ = (*written(database, tenant, confidence=UNSURE), *written(database, tenant))
        assert filled(database, tenant) == {unsure: ("low_confidence", ["severity"], "")}

    def test_asks_nothing_of_the_kind_of_what_nobody_has_to_act_on(self, database: Database, tenant: Tenant):
        written(
            database, tenant, is_actionable=False, not_actionable_reason=NotActionable.FYI,
            confidence=SURE | {"kind": 0.1},
        )  # fmt: skip
        assert filled(database, tenant) == {}

    @pytest.mark.parametrize(
        ("by_rules", "fields"),
        [
            ({"is_actionable": True, "severity": 3}, None),
            ({"is_actionable": True, "severity": 2}, None),
            ({"is_actionable": True, "severity": 1}, ["severity"]),
            ({"is_actionable": False, "severity": 5}, ["not_actionable_reason", "severity"]),
        ],
    )
    def test_is_what_rules_and_model_disagree_on(
        self, database: Database, tenant: Tenant, by_rules: Any, fields: list[str] | None
    ):
        origin = Origin("openai", "m", "default-1.aaaa", provenance={"rules": by_rules})
        (message_id,) = written(database, tenant, origin=origin, severity=3)
        assert filled(database, tenant) == ({message_id: ("disagreement", fields, "")} if fields else {})

    def test_is_what_two_models_disagree_on(self, database: Database, tenant: Tenant):
        both, _ = written(database, tenant, 2, severity=4)
        with database.tenant_tx(tenant.id) as connection:
            analysed(connection, tenant, both, Origin("anthropic", "other", "default-1.aaaa"), severity=2)
        assert filled(database, tenant) == {both: ("disagreement", ["severity"], "")}

    def test_is_a_share_of_the_confident_the_same_in_every_run(self, database: Database, tenant: Tenant):
        with database.tenant_tx(tenant.id) as connection:
            for message_id in write(connection, tenant, [f"{LONG}{number}" for number in range(700)]):
                connection.execute(
                    "INSERT INTO analysis (tenant_id, id, message_id, partition_day, profile_version, input_hash,"
                    " status, is_actionable, kind, severity, impact, urgency, sentiment, title, summary, output,"
                    " provider, model, built_in) VALUES (%s, %s, %s, %s, 'v', sha256(%s::bytea), 'done', true, 'help',"
                    " 3, 'team', 'none', 0, '', '', %s, 'openai', 'm', false)",
                    (tenant.id, new_id(), message_id, DAY, message_id.bytes, '{"is_actionable": true, "severity": 3}'),
                )
        found = filled(database, tenant)
        assert {reason for reason, *_ in found.values()} == {"sample"}
        assert 0 < len(found) < 700 * SAMPLE * 4
        with database.tenant_tx(tenant.id) as connection:
            connection.execute("DELETE FROM review_item")
        assert filled(database, tenant) == found

    def test_comes_most_urgent_first_and_of_the_unsure_the_least_sure(self, database: Database, tenant: Tenant):
        less, least = (
            written(database, tenant, confidence=SURE | {"kind": given})[0] for given in (0.3, 0.1)
        )  # fmt: skip
        (failed,) = written(database, tenant, origin=Origin(status="failed", reason="refused"))
        assert list(filled(database, tenant)) == [failed, least, less]

    def test_is_no_more_than_a_person_can_look_at(self, database: Database, tenant: Tenant):
        ids = written(database, tenant, A_DAY + 3, confidence=UNSURE)
        assert len(filled(database, tenant)) == A_DAY
        for message_id in list(items(database, tenant))[:2]:
            corrected(database, tenant, message_id, "severity", 1)
        assert len(filled(database, tenant)) == A_DAY, "the next ones come up"
        assert set(items(database, tenant)) <= set(ids)

    def test_is_nothing_that_a_person_corrected(self, database: Database, tenant: Tenant):
        (message_id,) = written(database, tenant, confidence=UNSURE)
        assert filled(database, tenant)
        corrected(database, tenant, message_id, "severity", 1)
        assert filled(database, tenant) == {}

    def test_follows_the_next_analysis(self, database: Database, tenant: Tenant):
        (message_id,) = written(database, tenant, confidence=UNSURE)
        filled(database, tenant)
        with database.tenant_tx(tenant.id) as connection:
            analysed(connection, tenant, message_id)
        assert filled(database, tenant) == {}

    def test_goes_with_a_message_that_is_deleted(self, database: Database, tenant: Tenant):
        (message_id,) = written(database, tenant, confidence=UNSURE)
        corrected(database, tenant, written(database, tenant)[0], "kind", "legal")
        filled(database, tenant)
        with database.tenant_tx(tenant.id) as connection:
            bury(connection, message_id, None)
        assert items(database, tenant) == {}


def resolved(database: Database, tenant: Tenant, message_id: UUID, resolution: Resolution) -> None:
    with database.tenant_tx(tenant.id) as connection:
        row = connection.execute("SELECT id FROM review_item WHERE message_id = %s", (message_id,)).fetchone()
        assert row is not None
        resolve(connection, tenant.id, PERSON, row[0], resolution)


class TestResolving:
    def test_a_confirmed_one_keeps_what_was_confirmed_and_does_not_come_back(self, database: Database, tenant: Tenant):
        (message_id,) = written(database, tenant, confidence=UNSURE, severity=3)
        filled(database, tenant)
        resolved(database, tenant, message_id, Resolution("confirmed", {}))
        with database.tenant_tx(tenant.id) as connection:
            row = connection.execute("SELECT labels, actor_id FROM review_item").fetchone()
            assert row == (shown_of(connection, [message_id])[message_id], PERSON.id)
            analysed(connection, tenant, message_id, confidence=UNSURE)
        assert filled(database, tenant) == {}

    def test_a_corrected_one_is_a_correction(self, database: Database, tenant: Tenant):
        (message_id,) = written(database, tenant, confidence=UNSURE)
        filled(database, tenant)
        resolved(database, tenant, message_id, Resolution("corrected", {"severity": 1, "kind": "legal"}, "So it is"))
        with database.tenant_tx(tenant.id) as connection:
            shown = shown_of(connection, [message_id])[message_id]
            made = connection.execute("SELECT field, reason FROM correction ORDER BY field").fetchall()
        assert (shown["severity"], shown["kind"]) == (1, "legal")
        assert made == [("kind", "So it is"), ("severity", "So it is")]
        assert list(items(database, tenant, "corrected")) == [message_id]

    def test_a_new_text_is_looked_at_anew(self, database: Database, tenant: Tenant):
        (message_id,) = written(database, tenant, confidence=UNSURE)
        filled(database, tenant)
        resolved(database, tenant, message_id, Resolution("skipped", {}))
        with database.tenant_tx(tenant.id) as connection:
            connection.execute("UPDATE message SET text = text || ' and more' WHERE id = %s", (message_id,))
            analysed(connection, tenant, message_id, confidence=UNSURE)
        assert list(filled(database, tenant)) == [message_id]

    def test_twice_or_of_an_older_analysis_is_a_conflict(self, database: Database, tenant: Tenant):
        once, older = written(database, tenant, 2, confidence=UNSURE)
        filled(database, tenant)
        resolved(database, tenant, once, Resolution("skipped", {}))
        with database.tenant_tx(tenant.id) as connection:
            analysed(connection, tenant, older, confidence=UNSURE)
        for message_id in (once, older):
            with pytest.raises(ConflictError):
                resolved(database, tenant, message_id, Resolution("confirmed", {}))

    def test_of_nothing_is_refused(self, database: Database, tenant: Tenant):
        (message_id,) = written(database, tenant, confidence=UNSURE)
        filled(database, tenant)
        for resolution in (Resolution("corrected", {}), Resolution("confirmed", {"severity": 1})):
            with pytest.raises(InputError):
                resolved(database, tenant, message_id, resolution)
        with database.tenant_tx(tenant.id) as connection, pytest.raises(NotFoundError):
            resolve(connection, tenant.id, PERSON, new_id(), Resolution("confirmed", {}))

    def test_is_in_the_audit_log_without_a_value(self, database: Database, tenant: Tenant):
        (message_id,) = written(database, tenant, confidence=UNSURE)
        filled(database, tenant)
        resolved(database, tenant, message_id, Resolution("corrected", {"kind": "legal"}))
        with database.tenant_tx(tenant.id) as connection:
            rows = connection.execute("SELECT action, details FROM audit_log ORDER BY seq").fetchall()
        assert rows[-2:] == [("correction.made", {"field": "kind"}), ("review.corrected", {})]


class TestCommand:
    @pytest.fixture
    def run(self, settings: Settings, tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> Any:
        monkeypatch.setenv("DB_URL", settings.db_url or "")
        monkeypatch.setenv("OPSINTEL_DATA_DIR", str(settings.data_dir))
        monkeypatch.setenv("MASTER_ENCRYPTION_KEY", base64.b64encode(settings.master_key()).decode())
        monkeypatch.setenv("JWT_SECRET", settings.jwt_key().decode())

        def invoke(*arguments: str) -> Result:
            return CliRunner().invoke(app, [*arguments, "--tenant", "acme"])

        return invoke

    def test_lists_confirms_corrects_and_skips(self, run: Any, database: Database, tenant: Tenant):
        written(database, tenant, 3, confidence=UNSURE)
        filled(database, tenant)
        listed = json.loads(run("review", "list", "--json").stdout)
        assert [item["reason"] for item in listed] == ["low_confidence"] * 3
        assert run("review", "list").stdout.count("low_confidence, severity") == 3
        for item, (command, *values) in zip(
            listed, (["confirm"], ["correct", "severity=1", "kind=legal"], ["skip"]), strict=True
        ):
            assert run("review", command, item["id"], *values).exit_code == 0
        states = {state: len(items(database, tenant, state)) for state in ("confirmed", "corrected", "skipped", "open")}
        assert states == {"confirmed": 1, "corrected": 1, "skipped": 1, "open": 0}
        assert "Nothing waits" in run("review", "list").stdout

    def test_corrects_a_message(self, run: Any, database: Database, tenant: Tenant):
        (message_id,) = written(database, tenant)
        done = run("correct", str(message_id), "severity", "1", "--json")
        assert UUID(json.loads(done.stdout)["correction"])
        assert run("correct", str(message_id), "not_actionable_reason", "null").exit_code == 0
        with database.tenant_tx(tenant.id) as connection:
            assert shown_of(connection, [message_id])[message_id]["severity"] == 1

    @pytest.mark.parametrize(("field", "value"), [("colour", "red"), ("severity", "9"), ("severity", "x")])
    def test_says_what_a_field_cannot_be(self, run: Any, tenant: Tenant, field: str, value: str):
        done = run("correct", str(new_id()), field, value)
        assert isinstance(done.exception, InputError)
