"""The learning curve: rising, calibrated, the same for the same seed, and blind to held-out labels."""

import json
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from opsintel.cli.main import app
from opsintel.learning.calibration import calibration_error
from opsintel_pipeline.learn.curve import CORRECTIONS, Point, learning_curve

CATEGORIES = 6


def messages(seed: int, of_each: int = 40) -> tuple[list[str], list[str]]:
    """Return messages of a few words of their category and some of all; the labels' names say nothing of them."""
    chance = random.Random(seed)
    shared = [f"{a}{b}" for a in ("ka", "lo", "mi") for b in ("ro", "sun", "tev", "wal")]
    texts, labels = [], []
    for place in range(CATEGORIES):
        own = [f"{chr(98 + place)}{middle}{end}" for middle in ("ada", "ele", "ini", "oso") for end in ("n", "r", "st")]
        for _ in range(of_each):
            texts.append(" ".join(chance.choices(own, k=1) + chance.choices(shared, k=5)))
            labels.append(f"Q{place}")
    return texts, labels


def without_time(points: list[Point]) -> list[Point]:
    return [replace(point, cpu_seconds=0) for point in points]


class TestLearningCurve:
    def test_rises_with_corrections_to_most_that_are_right(self) -> None:
        curve = learning_curve(*messages(0), repeats=1)
        assert [point.corrections for point in curve] == list(CORRECTIONS)
        by_corrections = {point.corrections: point for point in curve}
        assert by_corrections[0].accuracy < by_corrections[1].accuracy < by_corrections[10].accuracy
        assert by_corrections[0].macro_f1 < by_corrections[1].macro_f1 < by_corrections[10].macro_f1
        assert by_corrections[30].accuracy > 0.85

    def test_is_the_same_for_the_same_seed_and_another_for_another(self) -> None:
        texts, labels = messages(0, of_each=8)
        first, again, other = (
            without_time(learning_curve(texts, labels, seed=seed, repeats=1)) for seed in (0, 0, 1)
        )  # fmt: skip
        assert first == again != other

    def test_labels_that_tell_nothing_are_not_learnt_and_confidence_says_so(self) -> None:
        texts, labels = messages(0, of_each=34)
        random.Random(1).shuffle(labels)
        first, *_, last = learning_curve(texts, labels, repeats=1)
        assert first.calibration_error < 0.05  # no name has a word of any message
        assert last.accuracy < 2.5 / CATEGORIES
        assert last.calibration_error < 0.35

    def test_each_draw_is_another(self) -> None:
        points = learning_curve(*messages(0, of_each=8), repeats=2)
        assert any(point.accuracy_spread for point in points)

    def test_spread_is_none_for_one_draw(self) -> None:
        points = learning_curve(*messages(0, of_each=4), repeats=1)
        assert {point.accuracy_spread for point in points} == {0.0}


class TestCalibrationError:
    def test_is_the_distance_of_confidence_and_share_right(self) -> None:
        sure = np.full(10, 0.9)
        assert calibration_error(sure, np.array([True] * 9 + [False])) == pytest.approx(0)
        assert calibration_error(sure, np.array([True] * 5 + [False] * 5)) == pytest.approx(0.4)

    def test_weighs_bins_by_what_falls_into_them(self) -> None:
        confidences = np.array([0.95] * 3 + [0.5])
        assert calibration_error(confidences, np.array([True] * 4)) == pytest.approx((3 * 0.05 + 0.5) / 4)

    def test_certainty_has_a_bin_and_nothing_has_no_error(self) -> None:
        assert calibration_error(np.ones(2), np.array([False, False])) == 1
        assert calibration_error(np.zeros(0), np.zeros(0, bool)) == 0


class TestCommand:
    def test_prints_the_curve_as_one_document(self, tmp_path: Path) -> None:
        texts, labels = messages(0, of_each=6)
        rows = [f"{number},{text},{label}" for number, (text, label) in enumerate(zip(texts, labels, strict=True))]
        (tmp_path / "planted.csv").write_text("\n".join(["id,text,label", *rows]))
        arguments = ["eval", "analysis", str(tmp_path / "planted.csv"), "--json", "--repeats", "1"]
        done = CliRunner().invoke(app, arguments)
        assert done.exit_code == 0
        printed = json.loads(done.stdout)
        assert (printed["set"], printed["rows"], printed["labels"]) == ("planted", len(texts), CATEGORIES)
        assert [point["corrections"] for point in printed["curve"]] == list(CORRECTIONS)
        assert {"accuracy", "macro_f1", "calibration_error", "cpu_seconds"} < printed["curve"][0].keys()

    def test_needs_a_label_that_comes_twice(self, tmp_path: Path) -> None:
        (tmp_path / "single.csv").write_text("id,text,label\n1,hub offline,a\n2,refund,b\n")
        done = CliRunner().invoke(app, ["eval", "analysis", str(tmp_path / "single.csv")])
        assert done.exit_code != 0
