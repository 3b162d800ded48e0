"""Shadow runs: a candidate analyses the gold set, and nothing of it is stored but how right it was."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
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
from opsintel_pipeline.analyze.figures import Figures
from opsintel_pipeline.analyze.learnt import told
from opsintel_pipeline.analyze.message import COLUMNS, MessageView
from opsintel_pipeline.analyze.models import ByModels
from opsintel_pipeline.analyze.profile import Analysis

NOTHING_SAID = "People have corrected or confirmed nothing yet that it could be measured on"

PARTS = 5
"""Of the gold set: four fifths of what people said is known to what is measured on the rest."""


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
        rows = connection.execute(
            f"SELECT message.id, partition_day, {COLUMNS} FROM message WHERE id = ANY(%s) ORDER BY id", (list(present),)
        ).fetchall()
    messages = [(row[0], MessageView(*row[2:])) for row in rows]
    found: dict[UUID, Analysis] = {}
    figures, error = Figures(), "" if messages else NOTHING_SAID
    tenant = tenant_by_id(context.database, tenant_id)
    try:
        for part in parts_of(messages):
            with context.database.tenant_tx(tenant_id) as connection:
                built_in = BuiltIn.without(connection, taxonomy, [message_id for message_id, _ in part])
            if not chain:
                found |= {one.message_id: one.found for one in built_in.made(part)}
                continue
            by_models = ByModels(
                context, Partition(rows[0][1], tenant_id, tenant.slug), chain, tenant.language, built_in,
                sends_notes=sending.sends_notes,
            )  # fmt: skip
            by_models.figures = figures
            found |= by_models.tried(part)
    except (NoAnswer, MaskingError) as fault:
        found, error = {}, fault.message
    spent = figures.calls, Decimal(str(figures.cost_usd))
    tried = {message_id: Judged(present[message_id].labels, _said(one)) for message_id, one in found.items()}
    comparison = compare(present, tried)
    with context.database.tenant_tx(tenant_id) as connection:
        if gold_version is None or comparison is None:
            promotion.fail(connection, run_id, error or NOTHING_SAID)
            return
        version = prompt.version(taxonomy) if chain else prompt.version_of_rules(taxonomy)
        promotion.measured(connection, run_id, gold_version, version, comparison, spent)


def parts_of(messages: Sequence[tuple[UUID, MessageView]]) -> list[list[tuple[UUID, MessageView]]]:
    """Return messages in at most `PARTS` parts, those of the same content in one of them.

    Each is analysed as if nobody had corrected any message of it: an analyser that has read what people said of a
    message, or of its twin, would be measured by how well it remembers. What people said of the others it may know.
    """
    parts: dict[int, list[tuple[UUID, MessageView]]] = {}
    for message_id, view in messages:
        content = hashlib.sha256(told(view.subject, view.text).casefold().encode("utf-8", "surrogatepass")).digest()
        parts.setdefault(content[0] % PARTS, []).append((message_id, view))
    return [parts[place] for place in sorted(parts)]


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
