"""The measuring code itself: turns, ratios, growth, verdicts, the table; and that every row is there and described."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from bench.measure import (
    Spread,
    by_size,
    cpu_seconds,
    descendants,
    growth_exponent,
    in_turns,
    memory,
    peak_memory,
    ratio,
    usage,
)
from bench.registry import all_rows
from bench.report import Bound, Line, Report, compared, grown
from bench.results import keep_result, read_results
from bench.table import markdown

DOCUMENT = Path(__file__).parents[2] / "docs" / "performance.md"
MEBIBYTE = 1024 * 1024
SPIN = "import os, sys\nwhile os.times().user < {seconds}: pass"


def spin(seconds: float) -> None:
    began = os.times().user
    while os.times().user - began < seconds:
        pass


class TestTurns:
    def test_every_contender_runs_once_a_round_and_the_order_turns(self) -> None:
        order: list[str] = []
        contenders = {name: lambda name=name: float(order.append(name) or len(order)) for name in ("a", "b", "c")}
        values = in_turns(contenders, 2)
        assert order == ["a", "b", "c", "c", "b", "a"]
        assert values == {"a": [1, 6], "b": [2, 5], "c": [3, 4]}

    def test_sizes_are_measured_once_a_round(self) -> None:
        order: list[int] = []
        assert by_size(lambda size: float(order.append(size) or size), [1, 10], 2) == {1: [1, 1], 10: [10, 10]}
        assert order == [1, 10, 1, 10]


class TestFigures:
    def test_a_spread_is_median_least_and_greatest(self) -> None:
        assert Spread.of([3, 1, 10]) == Spread(3, 1, 10, 3)

    def test_a_ratio_compares_within_the_round(self) -> None:
        # the machine was ten times slower in the second round: that says nothing about either
        assert ratio([10, 1], [5, 0.5]) == Spread(2, 2, 2, 2)

    @pytest.mark.parametrize(("power", "costs"), [(0, [5, 5, 5]), (1, [2, 20, 200]), (2, [1, 100, 10_000])])
    def test_the_exponent_is_that_of_the_power_law(self, power: float, costs: list[float]) -> None:
        assert growth_exponent([10, 100, 1000], costs) == pytest.approx(power)

    def test_growth_takes_the_medians_in_order_of_size(self) -> None:
        growth = grown("cost", "s", {100: [10, 11, 9], 10: [1, 50, 1]})
        assert growth.sizes == [10, 100]
        assert growth.exponent == pytest.approx(1)


class TestUsage:
    def test_cpu_of_this_process_is_its_own_work_and_not_that_of_a_child(self) -> None:
        with usage() as waiting:
            subprocess.run([sys.executable, "-c", SPIN.format(seconds=0.5)], check=True)
        with usage() as working:
            spin(0.5)
        assert waiting.cpu < 0.25 <= working.cpu
        assert waiting.wall > waiting.cpu

    def test_cpu_of_another_process_is_read_from_the_system(self) -> None:
        program = SPIN.format(seconds=0.5) + "\nprint(flush=True)\nsys.stdin.read()"
        with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
            assert child.stdin is not None
            assert child.stdout is not None
            child.stdout.readline()
            assert cpu_seconds(child.pid) >= 0.5
            assert child.pid in descendants(os.getpid())
            child.stdin.close()
        assert cpu_seconds(child.pid) == 0

    def test_memory_is_proportional_and_resident(self) -> None:
        proportional, resident = memory([os.getpid()])
        assert 0 < proportional <= resident

    def test_the_peak_is_that_of_the_block(self) -> None:
        earlier = bytearray(200 * MEBIBYTE)
        earlier[::4096] = b"x" * len(earlier[::4096])
        del earlier
        with peak_memory() as peak:
            before = peak()
            block = bytearray(64 * MEBIBYTE)
            block[::4096] = b"x" * len(block[::4096])
            del block
            assert 50 < peak() - before < 150


class TestVerdicts:
    @pytest.mark.parametrize(("value", "verdict"), [(25, "aim"), (20, "aim"), (15, "must"), (9.9, "missed")])
    def test_at_least(self, value: float, verdict: str) -> None:
        assert Bound(10, 20).verdict(value) == verdict

    @pytest.mark.parametrize(("value", "verdict"), [(0, "aim"), (3, "must"), (5.1, "missed")])
    def test_at_most(self, value: float, verdict: str) -> None:
        assert Bound(5, 2, at_most=True).verdict(value) == verdict

    def test_a_line_is_judged_by_its_ratio_where_it_has_a_peer(self) -> None:
        values = {"ours": [100.0, 200.0], "peer": [10.0, 20.0]}
        assert compared("x", "messages/s", values, ours="ours", peer="peer", bound=Bound(10)).verdict == "must"
        inverted = compared("x", "s", values, ours="ours", peer="peer", bound=Bound(10), inverted=True)
        assert inverted.verdict == "missed"
        assert inverted.ratio == Spread(0.1, 0.1, 0.1, 2)

    def test_a_line_without_a_peer_is_judged_by_its_figure(self) -> None:
        assert Line("start", "s", Spread.of([50]), bound=Bound(60, at_most=True)).verdict == "must"
        assert Line("start", "s", Spread.of([50])).verdict == "-"


class TestResults:
    def report(self, value: float) -> dict[str, object]:
        line = Line("start", "s", Spread.of([value]), bound=Bound(60, at_most=True))
        growth = grown("cost", "s", {10: [1], 100: [10]}, Bound(0.5, at_most=True))
        return {"report": Report([line], [growth], ["quiet machine"]).as_json()}

    def test_a_new_result_replaces_that_of_its_row_alone(self, tmp_path: Path) -> None:
        path = tmp_path / "results.json"
        assert read_results(path) == {}
        keep_result("first", self.report(50), path)
        keep_result("second", {"reason": "no peer"}, path)
        keep_result("first", self.report(70), path)
        results = read_results(path)
        assert results["first"]["report"]["lines"][0]["ours"]["median"] == 70
        assert results["second"]["reason"] == "no peer"

    def test_the_table_shows_figures_verdicts_growth_and_why_a_row_did_not_run(self) -> None:
        shown = markdown({"start": self.report(70), "other": {"reason": "dlt is not installed"}})
        assert "| start | start | 70 s |  |  | ≤ 60 | **missed** |" in shown
        assert "| start | cost (s) | 10: 1, 100: 10 | 1.00 | ≤ 0.5 | **missed** |" in shown
        assert "- other: not measured. dlt is not installed" in shown
        assert "- start: quiet machine" in shown


class TestRows:
    def test_every_row_measures_and_says_what(self) -> None:
        rows = all_rows()
        assert rows
        for row in rows:
            assert row.title
            assert callable(import_module(f"bench.rows.{row.name}").run)

    def test_every_row_is_documented(self) -> None:
        documented = re.findall(r"^\| `(\w+)` \|", DOCUMENT.read_text(), re.MULTILINE)
        assert documented == [row.name for row in all_rows()]

    def test_a_row_that_is_not_there_is_refused(self) -> None:
        ended = subprocess.run(
            [sys.executable, "-m", "bench", "nonsense"], capture_output=True, text=True, cwd=DOCUMENT.parents[1]
        )
        assert ended.returncode == 2
        assert "there is no row 'nonsense'" in ended.stderr
