"""kill -9 of a run: the same rows afterwards, and no input is paid for twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from opsintel.context import Context
from opsintel.llm.ask import Asker
from opsintel.llm.budget import set_budget
from opsintel.llm.caller import Caller
from opsintel.tenants import Tenant
from opsintel_pipeline.analyze.run import run
from tests.analyze.conftest import analyses, connect_model, partition, well, write
from tests.peers.model_server import ModelServer, Prompt

TEXTS = [f"The export of report {number} fails since the update, please help." for number in range(3)]


@pytest.mark.parametrize("dies", ["while it waits for the answer", "before it stores"])
def test_a_killed_run_is_made_good_without_a_second_payment(
    dies: str, context: Context, tenant: Tenant, model: ModelServer, tmp_path: Path
) -> None:
    connect_model(context, tenant, model)
    write(context, tenant, TEXTS)
    with context.database.tenant_tx(tenant.id) as connection:
        set_budget(connection, tenant.id, "month", None, Decimal(1))
    child = _run_to_be_killed(context, tenant, model, tmp_path, dies)
    if dies == "while it waits for the answer":

        def kills(prompt: Prompt) -> str:
            os.kill(child.pid, signal.SIGKILL)
            child.wait()
            return well(prompt)

        model.brain = kills
    assert child.wait() == -signal.SIGKILL
    assert [row["status"] for row in analyses(context, tenant)] == []
    model.brain = well
    with Caller(tmp_path, {_place(model)}) as caller:
        context.__dict__["asker"] = Asker(context.database, context.keyring, caller)
        run(context, partition(tenant))
    rows = analyses(context, tenant)
    assert [(row["status"], row["title"]) for row in rows] == [("done", f"Model's title {n}") for n in (1, 2, 3)]
    assert len(model.prompts) == 1
    with context.database.tenant_tx(tenant.id) as connection:
        calls = connection.execute("SELECT state, cost_usd FROM model_call").fetchall()
        period = connection.execute("SELECT spent_usd, reserved_usd FROM budget_period").fetchone()
    assert [state for state, _ in calls] == ["settled"]
    assert period == (calls[0][1], 0)


def _run_to_be_killed(
    context: Context, tenant: Tenant, model: ModelServer, kept: Path, dies: str
) -> subprocess.Popen[bytes]:
    settings = context.settings
    assert settings.master_encryption_key is not None
    assert settings.jwt_secret is not None
    given = {
        "url": settings.db_url, "tenant": str(tenant.id), "server": _place(model), "kept": str(kept), "dies": dies,
    }  # fmt: skip
    return subprocess.Popen(
        [sys.executable, "-m", "tests.analyze.dying_run"],
        env={
            **os.environ,
            "RUN": json.dumps(given),
            "MASTER_ENCRYPTION_KEY": settings.master_encryption_key.get_secret_value(),
            "JWT_SECRET": settings.jwt_secret.get_secret_value(),
            "OPSINTEL_DATA_DIR": str(settings.data_dir),
        },
        stdout=subprocess.DEVNULL,
    )


def _place(model: ModelServer) -> tuple[str, int]:
    host, _, port = urlsplit(model.address).netloc.partition(":")
    return host, int(port)
