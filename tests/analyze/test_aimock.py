"""Models behind aimock, which speaks the providers' protocols by another hand than ours."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from opsintel.context import Context
from opsintel.tenants import Tenant
from opsintel_pipeline.analyze.run import run
from tests.analyze.conftest import analyses, connect_model, partition, well, write
from tests.analyze.faulty import PROVIDERS, pass_hours, through_chaos
from tests.peers.aimock import Aimock, running_aimock
from tests.peers.recorder import Recorder

pytestmark = pytest.mark.aimock
TEXTS = [f"The export of report {number} fails since the update, please help." for number in range(12)]


@pytest.fixture(scope="module")
def server_of_models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aimock]:
    with running_aimock(well, tmp_path_factory.mktemp("aimock")) as server:
        yield server


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("provider", PROVIDERS)
class TestEveryProvider:
    @pytest.mark.parametrize("way", ["schema", "tool"])
    def test_analyses_several_messages_in_a_call(
        self, provider: str, way: str, context: Context, tenant: Tenant, model: Aimock
    ) -> None:
        connect_model(context, tenant, model, provider)
        model.ways = {way}
        write(context, tenant, TEXTS)
        result = run(context, partition(tenant))
        rows = analyses(context, tenant)
        assert [row["title"] for row in rows] == [f"Model's title {n}" for n in [*range(1, 11), 1, 2]]
        assert {(row["provider"], row["status"], row["provenance"]["way"]) for row in rows} == {(provider, "done", way)}
        assert len(model.prompts) == 2
        assert result.figures["failed"] == result.figures["parked"] == 0

    def test_loses_nothing_while_three_calls_in_ten_go_wrong(
        self, provider: str, context: Context, tenant: Tenant, model: Aimock, recorder: Recorder
    ) -> None:
        assert through_chaos(context, tenant, model, recorder, provider, 60).statuses["done"] >= 57

    def test_loses_nothing_to_faults_of_the_server(
        self, provider: str, context: Context, tenant: Tenant, model: Aimock, recorder: Recorder
    ) -> None:
        connect_model(context, tenant, model, provider)
        write(context, tenant, TEXTS)
        model.spoil({"dropRate": 0.3, "disconnectRate": 0.3, "malformedRate": 1.0})
        run(context, partition(tenant))
        assert {(row["status"], row["reason"]) for row in analyses(context, tenant)} == {("parked", "unreachable")}
        model.spoil({})
        pass_hours(context, tenant)
        run(context, partition(tenant))
        assert {row["status"] for row in analyses(context, tenant)} == {"done"}
