"""Messages analysed while three calls in ten go wrong, and what must be so afterwards.

Nothing is lost, nothing that does not fit is stored, and nothing is paid twice.
"""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from opsintel.context import Context
from opsintel.llm.ceilings import set_budget
from opsintel.tenants import Tenant
from opsintel_pipeline.analyze.profile import Analysis
from opsintel_pipeline.analyze.run import run
from tests.analyze.conftest import analyses, connect_model, partition, write
from tests.peers.chaos import RETRY_AFTER, Chaos, Mishap
from tests.peers.model_server import ModelServer
from tests.peers.recorder import Exchange, Recorder

PROVIDERS = ["openai", "anthropic", "gemini", "ollama", "vllm"]
SHARE = 0.3
WORDS = [
    "export", "login", "invoice", "search", "upload", "report", "calendar", "payment", "printer", "ticket",
    "mailbox", "archive", "contract", "delivery", "order", "customer", "update", "browser", "screen", "button",
    "window", "folder", "number", "since", "fails", "shows", "opens", "blocks", "hides", "stops", "moves",
    "asks", "slowly", "always", "today", "again", "after", "before", "without", "nobody", "somebody", "please",
    "help", "wrong", "empty", "green", "double", "second", "last",
]  # fmt: skip
ROUNDS = 20
"""Runs of the stage after which all that is parked must have been analysed."""

_REASONS = {"unreachable", "rate_limited", "invalid", "refused", "time"}


@dataclass(frozen=True)
class Outcome:
    """What became of messages, by status, and of the calls for them; `lost` have no analysis."""

    statuses: Counter[str]
    exchanges: list[Exchange]
    lost: int

    def line(self, provider: str) -> str:
        """Return the figures as one line."""
        total = self.statuses.total()
        mishaps = Counter(each.mishap for each in self.exchanges if each.mishap)
        return (
            f"{provider}: {total} messages, {len(self.exchanges)} calls, {mishaps.total()} gone wrong in"
            f" {len(mishaps)} ways, {self.statuses['done'] / total:.4f} by the model, {self.statuses['failed']} left to"
            f" a person, {self.lost} lost"
        )


def through_chaos(
    context: Context, tenant: Tenant, model: ModelServer, recorder: Recorder, provider: str, count: int, length: int = 0
) -> Outcome:
    """Analyse messages while calls go wrong, then once more when none does; return what came of it, found sound."""
    waits: list[float] = []
    context.asker._sleep = waits.append
    connect_model(context, tenant, model, provider)
    with context.database.tenant_tx(tenant.id) as connection:
        set_budget(connection, tenant.id, "month", None, Decimal(100))
    texts = _texts(count, length)
    write(context, tenant, texts)
    recorder.chaos = Chaos(SHARE)
    for number in range(ROUNDS):
        run(context, partition(tenant))
        rows = analyses(context, tenant)
        assert [row["text"] for row in rows] == texts, "each message has an analysis, whatever happens"
        waiting = [row for row in rows if row["status"] == "parked"]
        assert {row["reason"] for row in rows if row["status"] != "done"} <= _REASONS
        if not waiting:
            break
        if number == ROUNDS // 2:
            recorder.chaos = None
        pass_hours(context, tenant)
    _assert_sound(rows)
    _assert_paid_once(context, tenant, recorder.exchanges)
    if recorder.chaos and any(each.mishap is Mishap.LIMITED_FOR_A_WHILE for each in recorder.exchanges):
        assert RETRY_AFTER in waits
    return Outcome(Counter(row["status"] for row in rows), list(recorder.exchanges), count - len(rows))


def _assert_sound(rows: list[dict[str, Any]]) -> None:
    """Every analysis fits the profile; one that is not by the model says why."""
    for row in rows:
        found = Analysis.model_validate(row["output"])
        assert row["status"] in ("done", "failed"), row["reason"]
        if row["status"] == "done":
            assert row["title"].startswith("Model's title"), "what did not fit came into no analysis"
            assert found.evidence[0].quote in row["text"]
        else:
            assert row["provider"] == "built-in"


def _assert_paid_once(context: Context, tenant: Tenant, exchanges: list[Exchange]) -> None:
    """The ledger has what the server served, and no request whose answer came was made again."""
    answered = Counter(hashlib.sha256(each.asked.body).hexdigest() for each in exchanges if each.is_answered)
    assert [times for times in answered.values() if times > 1] == []
    unclear = sum(each.is_unclear for each in exchanges)
    with context.database.tenant_tx(tenant.id) as connection:
        states = dict(connection.execute("SELECT state, count(*) FROM model_call GROUP BY state").fetchall())
        (cost,) = connection.execute("SELECT coalesce(sum(cost_usd), 0) FROM model_call").fetchone() or (0,)
        periods = connection.execute("SELECT spent_usd, reserved_usd FROM budget_period").fetchall()
    rejected = len(exchanges) - answered.total() - unclear
    assert Counter(states) == Counter(settled=answered.total(), unknown=unclear, failed=rejected)
    assert all(period == (cost, 0) for period in periods)


def pass_hours(context: Context, tenant: Tenant) -> None:
    """Let two hours pass: what waits is due, and keys have rested."""
    with context.database.tenant_tx(tenant.id) as connection:
        for column in ("analysis SET parked_until = parked_until", "model_key SET retry_at = retry_at"):
            connection.execute(f"UPDATE {column} - %s", (timedelta(hours=2),))


def _texts(count: int, length: int) -> list[str]:
    """Return messages of no common form: those of a form letter would share an analysis."""
    chance = random.Random(7)
    return [
        f"{' '.join(chance.sample(WORDS, 9)).capitalize()} {number}. {' '.join(chance.choices(WORDS, k=2 * times))}"
        for number, times in ((number, length // 14 or chance.randrange(0, 12)) for number in range(count))
    ]
