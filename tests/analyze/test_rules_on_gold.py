"""The rules on labelled messages: bounds on both halves, one of which nobody looked at while they were mended."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from opsintel.cli.main import app
from opsintel.errors import InputError
from opsintel_pipeline.analyze.evaluation import Labelled, scores_of_rules
from tests.analyze.test_rules import look

GOLD = Path(__file__).parent / "gold"


class TestTheRules:
    @pytest.mark.parametrize(
        ("half", "kind", "floor", "sentiment", "is_actionable"),
        [("mended_on", 0.88, 0.95, 0.87, 0.97), ("held_out", 0.70, 0.60, 0.65, 0.95)],
    )
    def test_are_right_of_labelled_messages(
        self, half: str, kind: float, floor: float, sentiment: float, is_actionable: float
    ) -> None:
        printed = json.loads(CliRunner().invoke(app, ["eval", "rules", str(GOLD / f"{half}.csv"), "--json"]).stdout)
        found = {row["field"]: row for row in printed}
        assert {row["messages"] for row in printed} == {95}
        assert found["kind"]["accuracy"] >= kind
        assert found["kind"]["macro_f1"] >= kind
        assert found["severity_floor"]["kappa"] >= floor
        assert found["sentiment"]["kappa"] >= sentiment
        assert found["is_actionable"]["accuracy"] >= is_actionable

    def test_are_measured_by_field(self) -> None:
        right = Labelled("There is a complete outage", "en", "incident", "1", "negative", "true")
        wrong = Labelled("There is a complete outage", "en", "praise", "", "very_positive", "true")
        scores = {score.field: score for score in scores_of_rules([right, wrong])}
        assert {score.accuracy for field, score in scores.items() if field != "is_actionable"} == {0.5}
        assert (scores["is_actionable"].accuracy, scores["is_actionable"].kappa) == (1.0, None)
        assert (scores["severity_floor"].kappa, scores["kind"].kappa) == (0.0, None)

    def test_need_labels_of_every_field(self, tmp_path: Path) -> None:
        (tmp_path / "short.csv").write_text("id,text,kind\n1,Hello,other\n")
        found = CliRunner().invoke(app, ["eval", "rules", str(tmp_path / "short.csv")]).exception
        assert isinstance(found, InputError)
        assert "no column language" in found.message


class TestAFloor:
    @pytest.mark.parametrize(
        ("text", "language"),
        [
            ("There was no outage here.", "en"),
            ("No data loss, only a wrong total.", "en"),
            ("The outage of last spring was fixed within a day.", "en"),
            ("What if we had an outage?", "en"),
            ("Is there an outage?", "en"),
            ("Kein Datenverlust, nur eine falsche Summe.", "de"),
            ("Der Totalausfall vom Mai ist behoben.", "de"),
            ("No hay pérdida de datos.", "es"),
        ],
    )
    def test_is_not_set_by_what_is_only_mentioned(self, text: str, language: str) -> None:
        assert look(text, language=language).severity_floor is None

    @pytest.mark.parametrize(
        "text",
        [
            "There was no outage yesterday. Today there is an outage.",
            "No, this is an outage!",
            "The outage was fixed, but it is back: an outage again.",
            "We have an outage, is there somebody who can help?",
            "No doubt at all about it: complete outage.",
            "Outage since noon. If it helps, the last outage was fixed by a restart. Is there no priority for this?",
        ],
    )
    def test_is_not_taken_away_by_what_stands_beside_it(self, text: str) -> None:
        assert look(text).severity_floor == 1


class TestAKind:
    @pytest.mark.parametrize(
        ("text", "kind"),
        [
            ("Will Sunday suit you?", "question"),
            ("Would you pass this on to the lady at the desk", "request"),
            ("Great job. You lost my order again.", "complaint"),
            ("Great job with the new layout.", "praise"),
            ("zxcv qwer asdf", "other"),
        ],
    )
    def test_goes_by_form_and_tone_where_words_do_not_tell(self, text: str, kind: str) -> None:
        assert look(text).kind.value == kind

    def test_that_is_bad_news_is_no_neutral_one(self) -> None:
        assert look("The page is blank.").sentiment == "negative"

    def test_of_somebody_who_is_away_needs_nobody(self) -> None:
        found = look("I am out of the office until Monday.")
        assert found.not_actionable_reason == "auto_reply"
        assert look(
            "I am out of the office until Monday. " + "Meanwhile the pump at gate four leaks. " * 9
        ).is_actionable
