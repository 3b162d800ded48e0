"""Each classical mistake is reported by the checker that finds nothing in the product as it is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from opsintel.settings import Settings
from opsintel_pipeline.simulation.installation import Installation, open_installation
from opsintel_pipeline.simulation.world import play
from tests.faults.conftest import CAUGHT
from tests.faults.mutants import MUTANTS, Mutant

SEEDS = 40
"""In which a mutant must be caught; the product as it is passes them all (tests/sim)."""


@pytest.fixture(scope="module")
def installation(admin_url: str, database_url: str, settings: Settings) -> Iterator[Installation]:
    with open_installation(admin_url, database_url, settings) as opened:
        yield opened


@pytest.mark.complete
@pytest.mark.mutants
class TestAMutant:
    @pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
    def test_is_caught(self, installation: Installation, mutant: Mutant, request: pytest.FixtureRequest) -> None:
        for seed in range(SEEDS):
            with mutant.applied():
                found = play(installation, seed).violations
            if found:
                assert play(installation, seed).violations == []
                request.config.stash[CAUGHT].append((mutant.name, seed, found[0]))
                return
        pytest.fail(f"{mutant.name} passes {SEEDS} seeds")
