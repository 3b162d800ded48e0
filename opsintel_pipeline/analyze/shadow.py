"""Shadow runs: a candidate analyses the gold set, and nothing of it is stored but how right it was."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

import psycopg

from opsintel.context import Context
from opsintel.errors import MaskingError
from opsintel.learning import promotion
from opsintel.learning.gold import freeze, judged
from opsintel.learning.metrics import Judged, compare
from opsintel.llm.ask import NoAnswer
from opsintel.llm.chain import chain_of, links_of
from opsintel.llm.keys import model_servers
from opsintel.llm.sending import permitted, sending_of
from opsintel.partitions import Partition
from opsintel.taxonomy.kept import taxonomy_in_force, taxonomy_of_version
from opsintel.tenants import tenant_by_id
from opsintel_pipeline.analyze import prompt
from opsintel_pipeline.analyze.built_in import BuiltIn
from opsintel_pipeline.analyze.message import COLUMNS, MessageView
from opsintel_pipeline.analyze.models import ByModels
from opsintel_pipeline.analyze.profile import Analysis

NOTHING_SAID = "People have corrected or confirmed nothing yet that it could be measured on"


def perform(context: Context, tenant_id: UUID, run_id: UUID) -> None:
    """Try a candidate now; nothing where another process does. Its calls are made, and are in the ledger."""
    with context.database.tenant_tx(tenant_id) as connection:
        candidate = promotion.take(connection, run_id)
        if candidate is None:
            return
        gold_version = freeze(connection, tenant_id)
        present = {} if gold_version is None else _present(connection, gold_version)
        wanted = candidate.taxonomy_version
        taxonomy = taxonomy_in_force(connection) if wanted is None else taxonomy_of_version(connection, wanted)
        models = candidate.models
        chain = chain_of(connection, "analyse") if models is None else links_of(connection, models)
        sending = sending_of(connection)
        chain = permitted(chain, sending, model_servers(context.settings))
        built_in = BuiltIn.of(connection, tenant_id, taxonomy, keep=False)
        rows = connection.execute(
            f"SELECT message.id, partition_day, {COLUMNS} FROM message WHERE id = ANY(%s) ORDER BY id", (list(present),)
        ).fetchall()
    messages = [(row[0], MessageView(*row[2:])) for row in rows]
    found: dict[UUID, Analysis] = {}
    spent, error = (0, Decimal(0)), "" if messages else NOTHING_SAID
    if messages and chain:
        tenant = tenant_by_id(context.database, tenant_id)
        by_models = ByModels(
            context, Partition(rows[0][1], tenant_id, tenant.slug), chain, tenant.language, built_in,
            sends_notes=sending.sends_notes,
        )  # fmt: skip
        try:
            found = by_models.tried(messages)
        except (NoAnswer, MaskingError) as fault:
            error = fault.message
        spent = by_models.figures.calls, Decimal(str(by_models.figures.cost_usd))
    elif messages:
        found = {one.message_id: one.found for one in built_in.made(messages)}
    tried = {message_id: Judged(present[message_id].labels, _said(one), {}) for message_id, one in found.items()}
    comparison = compare(present, tried)
    with context.database.tenant_tx(tenant_id) as connection:
        if gold_version is None or comparison is None:
            promotion.fail(connection, run_id, error or NOTHING_SAID)
            return
        version = prompt.version(taxonomy) if chain else prompt.version_of_rules(taxonomy)
        promotion.measured(connection, run_id, gold_version, version, comparison, spent)


def _present(connection: psycopg.Connection, gold_version: int) -> dict[UUID, Judged]:
    return {key: one for messages in judged(connection, gold_version).values() for key, one in messages.items()}


def _said(found: Analysis) -> dict[str, str | int | None]:
    """Return an analysis by the fields that people correct."""
    return {
        "kind": found.kind.value,
        "category": " / ".join(found.category_path),
        "severity": found.severity,
        "sentiment": found.sentiment,
        "impact": found.impact,
        "urgency": found.urgency,
        "not_actionable_reason": found.not_actionable_reason,
    }
