"""Models: calls and cost of 1,000 messages of a realistic stream, against one call per message; what passes a ceiling.

Half of the stream is people's messages, half what monitoring and servers write. The server of models answers each
message with an analysis of ordinary length, and counts four characters a token. The price is that of the list for a
small model.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import psycopg

from bench.measure import Spread
from bench.report import Bound, Line, Report
from bench.texts import texts
from bench.workplace import Installed, Workplace
from opsintel.access.audit import SYSTEM
from opsintel.context import Context
from opsintel.crypto.secrets import Secret
from opsintel.llm.ceilings import set_budget
from opsintel.llm.chain import append_to_chain
from opsintel.llm.keys import add_key
from opsintel.llm.parked import resume
from opsintel.llm.price import price_of
from opsintel.tenants import create_tenant
from opsintel_pipeline.analyze.models import SOON
from opsintel_pipeline.ingest.files import import_file
from opsintel_pipeline.worker.inline import process_waiting
from tests.analyze.machine_lines import lines
from tests.peers.model_server import BASES, KEY, ModelServer, Prompt, tokens_of
from tests.peers.provider import running

MODEL = "gpt-4o-mini"
MESSAGES = 1_000
PROBLEMS = 40
CEILING = Decimal("0.02")
"""USD: a fraction of what the stream costs."""

PEER = "one call per message"


def run(workplace: Workplace) -> Report:
    """Measure calls and cost on a fresh tenant, and what is spent under a ceiling that they reach."""
    server = ModelServer(answer)
    with running(server):
        with _connected(workplace, server) as (context, tenant_id):
            _work(workplace, context, tenant_id)
            calls, cost = _spent(context, tenant_id)
        alone = _one_by_one(server.prompts)
        with _connected(workplace, server) as (context, tenant_id):
            with context.database.tenant_tx(tenant_id) as connection:
                set_budget(connection, tenant_id, "month", None, CEILING)
            _work(workplace, context, tenant_id)
            capped = _spent(context, tenant_id)[1]
    beyond = max(Decimal(0), capped - CEILING)
    ratio = [calls / MESSAGES]
    return Report(
        [
            Line(
                f"{MESSAGES:,} messages", "calls", Spread.of([calls]), PEER, Spread.of([MESSAGES]), Spread.of(ratio),
                Bound(0.2, 0.1, at_most=True),
            ),
            Line(f"{MESSAGES:,} messages", "USD", Spread.of([float(cost)]), bound=Bound(0.5, 0.15, at_most=True)),
            Line(
                f"{MESSAGES:,} messages", "USD", Spread.of([float(cost)]), PEER, Spread.of([float(alone)]),
                Spread.of([float(cost / alone)]), Bound(1 / 3, at_most=True),
            ),
            Line(
                f"spent of {CEILING} USD", "USD beyond it", Spread.of([float(beyond)]), bound=Bound(0, at_most=True)
            ),
        ],
        notes=[
            f"{MODEL} at its list price; one call per message is counted from the same texts, with the same prompt",
            f"under the ceiling {capped:.4f} of {CEILING} USD were spent, four calls at once",
        ],
    )  # fmt: skip


def answer(prompt: Prompt) -> str:
    """Return an analysis of ordinary length for each message, and a name for each issue."""
    asked = json.loads(prompt.turns[0])
    if "problems" in asked:
        return json.dumps({"items": [{"n": each["n"], "title": "Something fails again"} for each in asked["problems"]]})
    return json.dumps({"items": [_item(each["n"], each["text"]) for each in asked["messages"]]})


def _item(number: int, text: str) -> dict[str, Any]:
    quote = text[:60]
    return {
        "n": number, "is_actionable": True, "not_actionable_reason": None, "kind": "bug_report", "category": "Other",
        "severity": 3, "impact": "individual", "urgency": "week", "workaround": False,
        "evidence": [{"field": "kind", "quote": quote}, {"field": "severity", "quote": quote}],
        "sentiment": "negative", "title": "Something that used to work fails", "entities": [], "asks": [],
        "summary": "Something that used to work fails since a change; it was expected to go on, and work waits for it.",
        "action_items": [{"text": "Find out why it fails", "owner_hint": "", "due": "", "quote": quote}],
        "language": "en", "injection_suspected": False, "injection_quote": "",
        "confidence": {"is_actionable": 0.9, "kind": 0.8, "category": 0.8, "severity": 0.7, "sentiment": 0.9},
    }  # fmt: skip


@contextmanager
def _connected(workplace: Workplace, server: ModelServer) -> Iterator[tuple[Context, UUID]]:
    """Yield an installation whose tenant has a key of the server."""
    server.begin_anew()
    with workplace.installation() as installed:
        context = _beside(installed, server)
        tenant = create_tenant(context.database, "models", "Models")
        with context.database.tenant_tx(tenant.id) as connection:
            wanted = ("models", "openai", server.address + BASES["openai"])
            key_id = add_key(connection, context.keyring, tenant.id, wanted, Secret(KEY.encode()), SYSTEM)
            append_to_chain(connection, tenant.id, "analyse", key_id, MODEL)
        try:
            yield context, tenant.id
        finally:
            context.close()


def _beside(installed: Installed, server: ModelServer) -> Context:
    """Return the installation as one whose operator names the server as one of the place."""
    settings = installed.context.settings.model_copy(update={"local_servers": (urlsplit(server.address).netloc,)})
    return Context(installed.context.database, installed.context.objects, settings)


def _work(workplace: Workplace, context: Context, tenant_id: UUID) -> None:
    """Import the stream and work through all stages, until nothing waits for time."""
    file = workplace.scratch("stream") / "stream.jsonl"
    file.write_text("".join(json.dumps({"id": number, "text": text}) + "\n" for number, text in enumerate(_stream())))
    import_file(context, file, "models", kind="jsonl")
    process_waiting(context)
    while _waiting_for_time(context, tenant_id):
        time.sleep(SOON.total_seconds())
        resume(context.database)
        process_waiting(context)


def _stream() -> list[str]:
    """Return the messages, one of a person and one of a machine by turns."""
    people = [f"{text.subject}\n{text.body}" for text in texts(MESSAGES // 2, PROBLEMS)]
    machines, _ = lines(MESSAGES // 2, 0)
    return [text for pair in zip(people, machines, strict=True) for text in pair]


def _waiting_for_time(context: Context, tenant_id: UUID) -> int:
    """Return how many messages a run left to the next one, because it had been at work for long enough."""
    with context.database.tenant_tx(tenant_id) as connection:
        query = "SELECT count(*) FROM analysis WHERE current AND status = 'parked' AND reason = 'time'"
        return int(_one(connection, query)[0])


def _spent(context: Context, tenant_id: UUID) -> tuple[int, Decimal]:
    """Return calls and cost in USD that the ledger has."""
    with context.database.tenant_tx(tenant_id) as connection:
        return _one(connection, "SELECT count(*), coalesce(sum(cost_usd), 0) FROM model_call")


def _one_by_one(prompts: Sequence[Prompt]) -> Decimal:
    """Return what the stream costs by one call for each message, with the prompt that the product has."""
    price = price_of("openai", MODEL)
    told = next(prompt for prompt in prompts if "messages" in json.loads(prompt.turns[0]))
    sent = received = 0
    for text in _stream():
        sent += tokens_of(told.system, text)
        received += tokens_of(json.dumps({"items": [_item(1, text)]}))
    assert price is not None
    return price.cost(sent, received)


def _one(connection: psycopg.Connection, query: str) -> tuple[Any, ...]:
    row = connection.execute(query).fetchone()
    assert row is not None
    return row
