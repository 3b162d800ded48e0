"""Three calls in ten go wrong, in every way there is, for every provider."""

from __future__ import annotations

import sys

import pytest

from opsintel.context import Context
from opsintel.tenants import Tenant
from tests.analyze.faulty import PROVIDERS, through_chaos
from tests.peers.model_server import ModelServer
from tests.peers.recorder import Recorder

LEAST_VALID = 0.995


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("provider", PROVIDERS)
class TestChaos:
    def test_loses_nothing_and_pays_nothing_twice(
        self, provider: str, context: Context, tenant: Tenant, model: ModelServer, recorder: Recorder
    ) -> None:
        outcome = through_chaos(context, tenant, model, recorder, provider, 100)
        assert outcome.statuses["done"] >= 95

    @pytest.mark.thorough
    @pytest.mark.parametrize("length", [0, 13_000], ids=["short", "alone"])
    def test_leaves_hardly_anything_to_a_person(
        self,
        provider: str,
        length: int,
        context: Context,
        tenant: Tenant,
        model: ModelServer,
        recorder: Recorder,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        outcome = through_chaos(context, tenant, model, recorder, provider, 200 if length else 1_500, length)
        with capsys.disabled():
            sys.stdout.write(f"\n{outcome.line(provider)}\n")
        assert len({each.mishap for each in outcome.exchanges if each.mishap}) > 10
        assert outcome.statuses["done"] / outcome.statuses.total() >= LEAST_VALID
