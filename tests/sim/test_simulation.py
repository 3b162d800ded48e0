"""Whatever the seed makes go wrong, nothing is lost, done twice or stuck; and a seed is the same story each time."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator

import pytest

from opsintel.settings import Settings
from opsintel_pipeline.simulation.installation import Installation, open_installation
from opsintel_pipeline.simulation.world import play

SEEDS = 40


@pytest.fixture(scope="module")
def installation(admin_url: str, database_url: str, settings: Settings) -> Iterator[Installation]:
    with open_installation(admin_url, database_url, settings) as opened:
        yield opened


class TestManySeeds:
    def test_violate_nothing_and_have_faults_of_every_kind(self, installation: Installation) -> None:
        faults: Counter[str] = Counter()
        messages = 0
        for seed in range(SEEDS):
            played = play(installation, seed)
            assert played.violations == [], f"opsintel sim --seed {seed} --trace"
            faults += played.faults
            messages += played.messages
        kinds = {"death", "pause", "database away", "broker restarts", "confirm unheard", "publish refused"}
        assert kinds <= set(faults)
        assert messages > SEEDS


class TestASeed:
    @pytest.mark.parametrize("seed", [7, 12])
    def test_gives_the_same_trace_twice(self, installation: Installation, seed: int) -> None:
        first = play(installation, seed)
        play(installation, seed + 1)
        assert play(installation, seed).trace == first.trace
        assert len(first.trace) > 30

    def test_gives_another_trace_than_its_neighbour(self, installation: Installation) -> None:
        assert play(installation, 7).trace != play(installation, 8).trace


class TestTheCommand:
    def test_gives_the_same_trace_in_another_process(self, installation: Installation) -> None:
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        done = subprocess.run(
            [sys.executable, "-m", "opsintel.cli.main", "sim", "--seed", "7", "--trace"],
            env=kept | {"PYTHONHASHSEED": "3"}, capture_output=True, text=True, timeout=120, check=True,
        )  # fmt: skip
        assert done.stdout.splitlines()[:-2] == play(installation, 7).trace
        assert "0 violations" in done.stdout
