"""kill -9 of a run, or of the process that calls: the same rows afterwards, and no answer is paid for twice."""

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
from opsintel.llm import caller
from opsintel.llm.ask import Asker
from opsintel.llm.caller import Caller
from opsintel.llm.ceilings import set_budget
from opsintel.tenants import Tenant
from opsintel_pipeline.analyze.run import run
from tests.analyze.conftest import analyses, connect_model, partition, well, write
from tests.faults.mutants import MODEL_CALL
from tests.peers.model_server import ModelServer, Prompt

TEXTS = [f"The export of report {number} fails since the update, please help." for number in range(3)]


@pytest.mark.parametrize(
    ("dies", "unknown"),
    [
        pytest.param("before it sets money aside", 0, marks=pytest.mark.thorough),
        pytest.param("before it makes the call", 1, marks=pytest.mark.thorough),
        ("while it waits for the answer", 0),
        pytest.param("before it settles", 0, marks=pytest.mark.thorough),
        pytest.param("before it stores", 0, marks=pytest.mark.complete),
        pytest.param("once it has stored", 0, marks=pytest.mark.thorough),
    ],
    ids=lambda value: str(value).replace(" ", "_"),
)
def test_a_killed_run_is_made_good_without_a_second_payment(
    dies: str, unknown: int, context: Context, tenant: Tenant, model: ModelServer, tmp_path: Path
) -> None:
    _kill(context, tenant, model, tmp_path, dies)
    _run_again(context, tenant, model, tmp_path)
    _assert_made_good(context, tenant, model, unknown)


@pytest.mark.complete
@pytest.mark.mutants
def test_a_call_that_is_made_at_most_once_is_caught(
    context: Context, tenant: Tenant, model: ModelServer, tmp_path: Path
) -> None:
    with MODEL_CALL.applied():  # its place is as it was
        pass
    _kill(context, tenant, model, tmp_path, "before it makes the call", mutant=True)
    _run_again(context, tenant, model, tmp_path)
    with pytest.raises(AssertionError):
        _assert_made_good(context, tenant, model, unknown=1)


@pytest.mark.parametrize(
    ("dies", "paid"),
    [
        ("during", 2),
        pytest.param("before", 2, marks=pytest.mark.complete),
        pytest.param("after", 1, marks=pytest.mark.complete),
    ],
)
def test_a_killed_caller_is_started_again_and_what_it_kept_is_not_paid_for_again(
    dies: str,
    paid: int,
    context: Context,
    tenant: Tenant,
    model: ModelServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(caller, "PROGRAM", "tests.analyze.dying_caller")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    _connect(context, tenant, model)
    with Caller(tmp_path, {_place(model)}) as dying:
        context.__dict__["asker"] = Asker(context.database, context.keyring, dying, lambda seconds: None)
        if dies == "during":

            def kills(prompt: Prompt) -> str:
                model.brain = well
                assert dying.pid is not None
                os.kill(dying.pid, signal.SIGKILL)
                return well(prompt)

            model.brain = kills
        else:
            (tmp_path / "dies").write_text(dies)
        run(context, partition(tenant))
    _assert_made_good(context, tenant, model, unknown=paid - 1, paid=paid)


def _connect(context: Context, tenant: Tenant, model: ModelServer) -> None:
    connect_model(context, tenant, model)
    write(context, tenant, TEXTS)
    with context.database.tenant_tx(tenant.id) as connection:
        set_budget(connection, tenant.id, "month", None, Decimal(1))


def _kill(context: Context, tenant: Tenant, model: ModelServer, kept: Path, dies: str, *, mutant: bool = False) -> None:
    _connect(context, tenant, model)
    child = run_to_be_killed(context, tenant, model, kept, dies, mutant=mutant)
    if dies == "while it waits for the answer":

        def kills(prompt: Prompt) -> str:
            os.kill(child.pid, signal.SIGKILL)
            child.wait()
            return well(prompt)

        model.brain = kills
    assert child.wait() == -signal.SIGKILL
    if dies != "once it has stored" and not mutant:
        assert [row["status"] for row in analyses(context, tenant)] == []
    model.brain = well


def _run_again(context: Context, tenant: Tenant, model: ModelServer, kept: Path) -> None:
    with Caller(kept, {_place(model)}) as calling:
        context.__dict__["asker"] = Asker(context.database, context.keyring, calling)
        run(context, partition(tenant))


def _assert_made_good(context: Context, tenant: Tenant, model: ModelServer, unknown: int, paid: int = 1) -> None:
    """Every message has the model's analysis; the server answered `paid` times, and the ledger says what it knows."""
    rows = analyses(context, tenant)
    assert [(row["status"], row["title"]) for row in rows] == [("done", f"Model's title {n}") for n in (1, 2, 3)]
    assert len(model.prompts) == paid
    with context.database.tenant_tx(tenant.id) as connection:
        calls = connection.execute("SELECT state, cost_usd FROM model_call").fetchall()
        period = connection.execute("SELECT spent_usd, reserved_usd FROM budget_period").fetchone()
    assert sorted(state for state, _ in calls) == ["settled", *["unknown"] * unknown]
    assert period == (sum(cost for _, cost in calls), 0)


def run_to_be_killed(
    context: Context,
    tenant: Tenant,
    model: ModelServer,
    kept: Path,
    dies: str,
    *,
    stage: str = "analyses",
    mutant: bool = False,
) -> subprocess.Popen[bytes]:
    """Begin a run of a stage in a process of its own, which dies at a moment (dying_run.py), and return that."""
    settings = context.settings
    assert settings.master_encryption_key is not None
    assert settings.jwt_secret is not None
    given = {
        "url": settings.db_url, "tenant": str(tenant.id), "server": _place(model), "kept": str(kept), "dies": dies,
        "mutant": mutant, "stage": stage,
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
