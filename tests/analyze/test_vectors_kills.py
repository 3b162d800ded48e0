"""kill -9 of a run that has vectors made: all are there afterwards, and no text is paid for twice."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from opsintel.context import Context
from opsintel.llm.ask import Asker
from opsintel.llm.caller import Caller
from opsintel.tenants import Tenant
from opsintel_pipeline.analyze import run as analyses
from opsintel_pipeline.issues import run as issues
from opsintel_pipeline.vectors.background import BACKGROUND
from tests.analyze.conftest import connect_model, partition, write
from tests.analyze.embedded import TEXTS, current, one, rows, sent
from tests.analyze.test_kills import run_to_be_killed
from tests.peers.model_server import ModelServer, Texts


@pytest.mark.parametrize("dies", ["while_it_waits_for_the_vectors", "before it stores vectors"], ids=["asking", "paid"])
def test_a_killed_run_is_made_good_without_a_second_payment(
    dies: str, context: Context, tenant: Tenant, model: ModelServer, tmp_path: Path
) -> None:
    connect_model(context, tenant, model, purpose="embed")
    write(context, tenant, TEXTS)
    analyses.run(context, partition(tenant))
    child = run_to_be_killed(context, tenant, model, tmp_path, dies, stage="issues")

    def kills(asked: Texts) -> None:
        if dies.startswith("while") and asked.texts != BACKGROUND:
            os.kill(child.pid, signal.SIGKILL)
            child.wait()

    model.before_vectors = kills
    assert child.wait() == -signal.SIGKILL
    assert one(context, tenant, "SELECT count(*) FROM embedding") == 0
    host, _, port = urlsplit(model.address).netloc.partition(":")
    with Caller(tmp_path, {(host, int(port))}) as calling:
        context.__dict__["asker"] = Asker(context.database, context.keyring, calling)
        issues.run(context, partition(tenant))
    assert sorted(sent(model)) == sorted(TEXTS)
    assert current(context, tenant) == ("text-embedding-3-small", False)
    assert one(context, tenant, "SELECT count(*) FROM embedding") == len(TEXTS)
    assert rows(context, tenant, "SELECT state, count(*) FROM model_call GROUP BY state") == [("settled", 2)]
