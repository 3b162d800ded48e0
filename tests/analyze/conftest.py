"""What tests of analyses by models share: an installation, a tenant, messages, and a model that answers well."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest

from opsintel.access.audit import SYSTEM
from opsintel.context import Context
from opsintel.crypto.secrets import Secret
from opsintel.db.engine import Database
from opsintel.ids import new_id
from opsintel.llm import ask
from opsintel.llm.ask import Asker
from opsintel.llm.caller import Caller
from opsintel.llm.chain import append_to_chain
from opsintel.llm.keys import add_key, model_servers
from opsintel.llm.provider import Purpose, provider_of
from opsintel.objects.store import open_objects
from opsintel.partitions import Partition
from opsintel.settings import Settings
from opsintel.tenants import Tenant, create_tenant
from tests.peers.model_server import BASES, KEY, ModelServer, Prompt
from tests.peers.provider import running
from tests.peers.recorder import Recorder, recorded
from tests.seeding import insert

DAY = date(2026, 11, 20)


def item(number: int, text: str, **fields: Any) -> dict[str, Any]:
    """Return a valid item of an answer, with a quote of the text."""
    return {
        "n": number, "is_actionable": True, "not_actionable_reason": None, "kind": "bug_report",
        "category": "Product / App", "severity": 3, "impact": "individual", "urgency": "week", "workaround": False,
        "evidence": [{"field": "kind", "quote": text[:20]}], "sentiment": "negative",
        "title": f"Model's title {number}", "summary": "Model's summary", "entities": [], "action_items": [],
        "asks": [], "language": "en", "injection_suspected": False, "injection_quote": "",
        "confidence": {"is_actionable": 0.9, "kind": 0.8, "category": 0.8, "severity": 0.7, "sentiment": 0.9},
    } | fields  # fmt: skip


def messages_of(prompt: Prompt) -> list[dict[str, Any]]:
    """Return the messages that a question is about."""
    asked: list[dict[str, Any]] = json.loads(prompt.turns[0])["messages"]
    return asked


def well(prompt: Prompt) -> str:
    """Answer as a good model does."""
    if "messages" not in prompt.turns[0]:
        return json.dumps({"is_affirmation": True})
    return json.dumps({"items": [item(each["n"], each["text"]) for each in messages_of(prompt)]})


@pytest.fixture(scope="module")
def server_of_models() -> Iterator[ModelServer]:
    """A server of models; it is reached through a recorder, by the address that it gives."""
    server = ModelServer(well)
    with running(server):
        yield server


@pytest.fixture(scope="module")
def recorder_of_models(server_of_models: ModelServer) -> Iterator[Recorder]:
    with recorded(server_of_models) as recorder:
        yield recorder


@pytest.fixture
def recorder(recorder_of_models: Recorder) -> Iterator[Recorder]:
    """Between the product and the models; a request that its provider does not publish fails the test."""
    recorder_of_models.begin_anew()
    yield recorder_of_models
    assert recorder_of_models.wrong == []


@pytest.fixture(scope="module")
def caller(recorder_of_models: Recorder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    """The process that makes calls: it takes seconds to start."""
    host, _, port = urlsplit(recorder_of_models.address).netloc.partition(":")
    with Caller(tmp_path_factory.mktemp("answers"), {(host, int(port))}) as started:
        yield started


@pytest.fixture
def model(server_of_models: ModelServer, recorder: Recorder) -> ModelServer:
    server_of_models.begin_anew()
    return server_of_models


@pytest.fixture
def context(settings: Settings, database: Database, model: ModelServer, caller: Caller) -> Context:
    """An installation that asks without pauses."""
    with database.system_tx() as connection:
        connection.execute("DELETE FROM tenant")
    given = settings.model_copy(update={"local_servers": (urlsplit(model.address).netloc,)})
    opened = Context(database, open_objects(given), given)
    opened.__dict__["asker"] = Asker(database, opened.keyring, caller, model_servers(given), lambda seconds: None)
    return opened


@pytest.fixture
def hurried(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    """A deadline that a test can wait for."""
    monkeypatch.setattr(ask, "CALL_SECONDS", 4.0)
    recorder.slow_seconds = 5.0


@pytest.fixture
def tenant(context: Context) -> Tenant:
    return create_tenant(context.database, "acme", "Acme")


def connect_model(
    context: Context,
    tenant: Tenant,
    model: ModelServer,
    provider: str = "openai",
    name: str = "",
    purpose: Purpose = "analyse",
) -> UUID:
    """Give the tenant a key to the server in a provider's shape, at the end of the chain of a purpose."""
    chosen = {"openai": "gpt-4o-mini", "anthropic": "claude-haiku-4-5", "gemini": "gemini-2.5-flash"}.get(provider, "m")
    if purpose == "embed":
        chosen = provider_of(provider).embedding_model or "m"
    with context.database.tenant_tx(tenant.id) as connection:
        key_id = add_key(
            connection, context.keyring, tenant.id, (name or provider, provider, model.address + BASES[provider]),
            Secret(KEY.encode()), SYSTEM,
        )  # fmt: skip
        append_to_chain(connection, tenant.id, purpose, key_id, chosen)
    return key_id


def write(context: Context, tenant: Tenant, texts: Sequence[str], **fields: Any) -> list[UUID]:
    """Write messages of one day straight into the table; returns their ids."""
    ids = [new_id() for _ in texts]
    with context.database.tenant_tx(tenant.id) as connection:
        for number, (message_id, text) in enumerate(zip(ids, texts, strict=True)):
            thread = new_id()
            insert(connection, "thread", tenant_id=tenant.id, id=thread, key=str(thread), kind="email", subject="")
            at = datetime.combine(DAY, time(9), UTC) + timedelta(seconds=number)
            values: dict[str, Any] = {
                "kind": "email", "partition_day": DAY, "occurred_at": at, "thread_id": thread, "direction": "inbound",
                "content_hash": hashlib.sha256(text.encode()).digest(), "visibility": "public", "subject": "",
                "language": "en",
            } | fields  # fmt: skip
            insert(connection, "message", tenant_id=tenant.id, id=message_id, text=text, **values)
    return ids


def partition(tenant: Tenant) -> Partition:
    return Partition(DAY, tenant.id, tenant.slug)


def analyses(context: Context, tenant: Tenant) -> list[dict[str, Any]]:
    """Return the current analyses in the order of their messages."""
    columns = (
        "message.text, status, reason, provider, model, title, severity, is_actionable, category, reused_from,"
        " cost_usd, output, call_id, provenance, attempts, tokens_in, confidence"
    )
    with context.database.tenant_tx(tenant.id) as connection:
        cursor = connection.execute(
            f"SELECT {columns} FROM message JOIN analysis ON message_id = message.id AND current ORDER BY message.id"
        )
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor]
