"""Every fuzz target holds under its seeds and under what once broke it: a moment each."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz import __main__ as command
from tests.fuzz.target import SEEDS, all_targets, declared

ROOT = Path(__file__).parents[2]
CASES = [(name, number) for name, found in all_targets().items() for number, _ in enumerate(found.corpus())]


@pytest.mark.parametrize(("name", "number"), CASES)
def test_holds_under_its_seeds(name: str, number: int) -> None:
    found = all_targets()[name]
    found.check(list(found.corpus())[number])


@pytest.mark.parametrize("name", sorted(all_targets()))
def test_holds_under_seeds_that_are_cut_doubled_and_changed(name: str) -> None:
    found = all_targets()[name]
    for seed in found.seeds[:3]:
        for data in (seed[: len(seed) // 2], seed[len(seed) // 3 :], seed + seed, seed.swapcase(), seed[::-1], b""):
            found.check(data)


def test_there_are_targets_with_seeds_and_no_seeds_without_a_target() -> None:
    told = re.search(r"All\s(\d+) targets run", (ROOT / "docs" / "faults.md").read_text())
    assert told
    assert len(all_targets()) == int(told[1])
    assert all(found.seeds and found.check.__doc__ for found in all_targets().values())
    assert {folder.name for folder in SEEDS.iterdir() if folder.is_dir()} <= set(all_targets())


def test_an_error_that_is_not_declared_gets_through() -> None:
    with pytest.raises(ZeroDivisionError), declared():
        _ = 1 // 0


class TestCommand:
    def test_replays_an_input(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (tmp_path / "found").write_bytes(b"=1+1")
        assert command.replay(["formula"], tmp_path / "found") == 0
        assert capsys.readouterr().out == f"formula holds under {tmp_path / 'found'}\n"

    def test_names_the_targets_there_are(self) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "tests.fuzz", "nothing"], capture_output=True, text=True, check=False
        )
        assert done.returncode == 2
        assert "there is no target nothing" in done.stderr

    def test_a_target_that_breaks_is_kept_and_told_with_the_line_that_replays_it(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def broken(*_: object, **__: object) -> subprocess.CompletedProcess[str]:
            (tmp_path / "formula" / "crash-1").write_bytes(b"x")
            return subprocess.CompletedProcess([], 77, "Traceback: AssertionError", "Done 7 runs in 1 second(s)")

        monkeypatch.setattr(command, "FINDINGS", tmp_path)
        monkeypatch.setattr(subprocess, "run", broken)
        assert command.run(["formula"], 0.1) == 1
        said = capsys.readouterr().out
        assert f"python -m tests.fuzz formula --replay {tmp_path / 'formula' / 'crash-1'}" in said
        assert "formula broke" in said
