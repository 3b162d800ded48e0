"""Confidences are worth what they turn out to be: learnt of an honest sample, applied to what is stored and queued."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import numpy as np
import psycopg
import pytest

from opsintel.clock import today
from opsintel.db.marts.messages import v_analysis_current
from opsintel.learning import confidence
from opsintel.learning.calibration import FLOOR, Calibration, calibration_error
from opsintel.learning.correcting import correct
from opsintel.learning.review import LOW, Resolution, fill, resolve
from opsintel.learning.sampled import sampled
from opsintel.tenants import Tenant
from opsintel_pipeline.analyze.profile import NotActionable, RequestKind
from opsintel_pipeline.learn.weekly import evaluate, week_of
from tests.learn.queue import DAY, LONG, PERSON, SURE, analysed, write


def overconfident(number: int, seed: int) -> tuple[list[float], list[bool]]:
    """Return confidences of a model, and whether it was right: half as far above chance as it says."""
    chance = np.random.default_rng(seed)
    given = chance.choice([0.6, 0.8, 0.9, 0.99], number)
    return given.tolist(), (chance.random(number) < 0.5 + (given - 0.5) / 2).tolist()


def error(given: list[float], right: list[bool]) -> float:
    return calibration_error(np.array(given), np.array(right))


class TestACalibration:
    @pytest.mark.parametrize("labels", [FLOOR, 60, 300])
    def test_of_an_overconfident_model_is_closer_to_what_is_right_of_other_messages(self, labels: int):
        learnt = Calibration.of(*overconfident(labels, seed=labels))
        given, right = overconfident(4000, seed=1)
        assert learnt is not None
        assert error([learnt(one) for one in given], right) < error(given, right) / 2

    @pytest.mark.parametrize("is_backwards", [False, True])
    def test_never_turns_what_is_surer_into_less_sure(self, is_backwards: bool):
        given, _ = overconfident(200, seed=2)
        learnt = Calibration.of(given, [(one < 0.7) is is_backwards for one in given])
        assert learnt is not None
        values = [learnt(place / 100) for place in range(101)]
        assert values == sorted(values)
        assert 0 <= values[0] <= values[-1] <= 1

    def test_is_none_of_few_labels_and_moves_little_by_a_few_more(self):
        assert Calibration.of([0.9] * (FLOOR - 1), [False] * (FLOOR - 1)) is None
        worth = [
            Calibration.of([0.9] * number, [True] * (number // 2) + [False] * (number // 2)) for number in (30, 600)
        ]
        few, many = (one(0.9) for one in worth if one is not None)
        assert 0.5 < many < few < 0.6

    def test_of_a_model_that_is_right_as_often_as_it_says_leaves_it_as_it_is(self):
        learnt = Calibration.of([0.8] * 500, [True] * 400 + [False] * 100)
        assert learnt is not None
        assert learnt(0.8) == pytest.approx(0.8, abs=0.01)


@pytest.fixture
def everything_is_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("review", "sampled"):
        monkeypatch.setattr(f"opsintel.learning.{module}.SAMPLE", 1.0)
    monkeypatch.setattr("opsintel.learning.review.A_DAY", 1000)


def judge(connection: psycopg.Connection, tenant: Tenant, number: int, wrong: int, **fields: Any) -> list[UUID]:
    """Have a person look at analyses: of so many, so many have another kind."""
    ids = write(connection, tenant, [f"{LONG}{place} of {number}" for place in range(number)])
    for message_id in ids:
        analysed(connection, tenant, message_id, **({"kind": RequestKind.BUG_REPORT} | fields))
    fill(connection, tenant.id, DAY)
    items = dict(connection.execute("SELECT message_id, id FROM review_item WHERE state = 'open'").fetchall())
    for place, message_id in enumerate(ids):
        verdict = Resolution("corrected", {"kind": "legal"}) if place < wrong else Resolution("confirmed", {})
        resolve(connection, tenant.id, PERSON, items[message_id], verdict)
    return ids


def stored(connection: psycopg.Connection, message_id: UUID) -> tuple[Any, Any]:
    row = connection.execute(
        "SELECT confidence, provenance -> 'calibration' FROM analysis WHERE current AND message_id = %s", (message_id,)
    ).fetchone()
    assert row is not None
    return row[0], row[1]


@pytest.mark.usefixtures("everything_is_sampled")
class TestWhatIsLearnt:
    def test_is_applied_to_what_is_stored_then_beside_what_was_given(
        self, connection: psycopg.Connection, tenant: Tenant
    ):
        judge(connection, tenant, 40, wrong=20)
        assert confidence.learn(connection, tenant.id) == 1
        (message_id,) = write(connection, tenant, [LONG])
        analysed(connection, tenant, message_id)
        found, version = stored(connection, message_id)
        assert (found["kind"]["given"], version) == (0.9, 1)
        assert found["kind"]["calibrated"] == pytest.approx(0.5, abs=0.1)
        assert found["severity"]["calibrated"] > 0.9  # what a person left as it was is right

    def test_stands_beside_it_in_the_mart(self, connection: psycopg.Connection, tenant: Tenant):
        columns = {column.name: column.expression for column in v_analysis_current.columns}
        judge(connection, tenant, 40, wrong=20)
        confidence.learn(connection, tenant.id)
        (message_id,) = write(connection, tenant, [LONG])
        analysed(connection, tenant, message_id, confidence=SURE | {"kind": 0.8}, given={"kind": 0.9})
        wanted = ("kind_confidence_given", "kind_confidence", "is_actionable_confidence_given")
        row = connection.execute(
            f"SELECT {', '.join(columns[name] for name in wanted)} FROM analysis WHERE current AND message_id = %s",
            (message_id,),
        ).fetchone()
        assert row is not None
        assert row[0] == row[2] == 0.9
        assert row[1] == stored(connection, message_id)[0]["kind"]["calibrated"] < 0.8

    def test_has_what_is_low_by_it_looked_at(self, connection: psycopg.Connection, tenant: Tenant):
        judge(connection, tenant, 40, wrong=36)
        confidence.learn(connection, tenant.id)
        (message_id,) = write(connection, tenant, [LONG])
        analysed(connection, tenant, message_id)
        fill(connection, tenant.id, DAY)
        row = connection.execute(
            "SELECT reason, fields, confidence FROM review_item WHERE state = 'open' AND message_id = %s", (message_id,)
        ).fetchone()
        assert row is not None
        assert row[:2] == ("low_confidence", ["kind"])
        assert row[2] < LOW

    def test_is_of_one_model_and_of_enough(self, connection: psycopg.Connection, tenant: Tenant):
        judge(connection, tenant, FLOOR - 1, wrong=20)
        assert confidence.learn(connection, tenant.id) == 0
        judge(connection, tenant, 1, wrong=0)
        assert confidence.learn(connection, tenant.id) == confidence.learn(connection, tenant.id) == 1
        held = confidence.in_force(connection)
        assert set(held.calibrated("openai", "gpt-4o-mini", SURE)) == set(SURE)
        assert held.calibrated("openai", "gpt-4o", SURE) == {}
        judge(connection, tenant, 5, wrong=5)
        assert confidence.learn(connection, tenant.id) == 2
        rows = connection.execute("SELECT version, current, count(*) FROM calibration GROUP BY 1, 2 ORDER BY 1")
        assert rows.fetchall() == [(1, False, 5), (2, True, 5)]

    def test_is_of_what_is_left_where_quotes_were_invented(self, connection: psycopg.Connection, tenant: Tenant):
        judge(connection, tenant, 40, wrong=0, confidence=SURE | {"kind": 0.5}, given={"kind": 0.9})
        ((_, judged),) = sampled(connection).items()
        assert {(one.left["kind"], one.given["kind"]) for one in judged.values()} == {(0.5, 0.9)}
        confidence.learn(connection, tenant.id)
        assert confidence.in_force(connection).calibrated("openai", "gpt-4o-mini", {"kind": 0.5})["kind"] > 0.8

    def test_makes_the_next_weeks_error_smaller_which_is_measured_beside_that_of_what_was_given(
        self, connection: psycopg.Connection, tenant: Tenant
    ):
        judge(connection, tenant, 40, wrong=20)
        first = {one.score.field: one.score for one in evaluate(connection, tenant.id, week_of(today()))}["kind"]
        assert first.calibration_error == first.calibration_error_given == pytest.approx(0.4)
        connection.execute("DELETE FROM review_item")  # the first week's answers
        connection.execute("DELETE FROM correction")
        judge(connection, tenant, 40, wrong=20)
        evaluate(connection, tenant.id, week_of(today()))
        kept = connection.execute(
            "SELECT calibration_error, calibration_error_given FROM evaluation WHERE field = 'kind'"
        ).fetchone()
        assert kept is not None
        assert kept[0] < 0.1
        assert kept[1] == pytest.approx(0.4)


class TestAnHonestSample:
    def test_has_no_correction_that_nobody_was_asked_for(self, connection: psycopg.Connection, tenant: Tenant):
        for message_id in write(connection, tenant, [f"{LONG}{place}" for place in range(3)]):
            analysed(connection, tenant, message_id)
            correct(connection, tenant.id, PERSON, message_id, "kind", "legal")
        assert sampled(connection) == {}

    def test_has_of_an_unsure_message_the_unsure_fields_alone(self, connection: psycopg.Connection, tenant: Tenant):
        (message_id,) = judge(connection, tenant, 1, wrong=0, confidence=SURE | {"severity": 0.2})
        ((_, judged),) = sampled(connection).items()
        assert [set(one.labels) for one in judged.values()] == [{"severity"}]
        correct(connection, tenant.id, PERSON, message_id, "severity", 1)  # what is said later stands
        ((_, judged),) = sampled(connection).items()
        assert [one.labels["severity"] for one in judged.values()] == [1]

    @pytest.mark.usefixtures("everything_is_sampled")
    def test_has_of_what_nobody_has_to_act_on_no_kind(self, connection: psycopg.Connection, tenant: Tenant):
        judge(connection, tenant, 1, wrong=0, is_actionable=False, not_actionable_reason=NotActionable.FYI)
        ((_, judged),) = sampled(connection).items()
        assert [set(one.labels) for one in judged.values()] == [{"not_actionable_reason", "sentiment"}]
