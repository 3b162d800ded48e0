"""Days that would be analysed anew: what it costs, and what it would change, before it is begun."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg

from opsintel.context import Context
from opsintel.errors import InputError
from opsintel.llm.ask import NoAnswer
from opsintel.llm.batch.question import for_batch
from opsintel.llm.chain import Link, chain_of
from opsintel.llm.charge import BYTES_A_TOKEN, TOKENS_AROUND
from opsintel.llm.keys import model_servers
from opsintel.llm.sending import permitted, sending_of
from opsintel.partitions import Partition
from opsintel.taxonomy.kept import taxonomy_in_force, taxonomy_of_version
from opsintel.taxonomy.taxonomy import Taxonomy
from opsintel.tenants import Tenant
from opsintel_pipeline.analyze import prompt
from opsintel_pipeline.analyze.built_in import BuiltIn
from opsintel_pipeline.analyze.groups import grouped
from opsintel_pipeline.analyze.message import COLUMNS, MessageView
from opsintel_pipeline.analyze.models import ByModels
from opsintel_pipeline.analyze.near import near_key
from opsintel_pipeline.analyze.profile import Analysis
from opsintel_pipeline.analyze.sharing import needs_model
from opsintel_pipeline.analyze.templates import Groups
from opsintel_pipeline.analyze.templates.memory import template_key

TOKENS_ANSWERED = 350
"""Of one message's analysis, as models write them."""

SECONDS_A_CALL = 6.0
BATCH_HOURS = 24
"""After which providers give up what of a batch they did not come to."""

SAMPLE = 20
PAGE = 2_000
"""Messages that are read at once."""

PARTS = ("is_actionable", "kind", "category", "severity", "sentiment")
"""What counts as a change."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What analysing some days would take. `cost_usd` None: the price of the model is unknown."""

    messages: int
    free: int
    """Of them, those that rules settle, and repetitions."""

    calls: int
    tokens_in: int
    tokens_out: int
    cost_usd: Decimal | None
    minutes: float
    model: str
    batch_usd: Decimal | None
    """What it would cost by the batch interface of the provider; None where there is none, or its price is unknown."""

    batch_hours: int | None
    """Within how many hours that gives its answers; None where the provider has none."""


@dataclass(frozen=True, slots=True)
class Sampled:
    """What a sample took: messages that were analysed, calls that were made, and what they cost as far as known."""

    analysed: int
    calls: int
    cost_usd: float


@dataclass(frozen=True, slots=True)
class Change:
    """A message whose analysis would differ, and in what: field → (present, new)."""

    message_id: UUID
    fields: dict[str, tuple[Any, Any]]


def estimate(
    context: Context, tenant: Tenant, first: date, last: date, taxonomy_version: int | None = None
) -> Estimate:
    """Return what the tenant's models would take for the messages of these days, all of them anew.

    By a version of the taxonomy, None: the one in force.
    """
    with context.database.tenant_tx(tenant.id) as connection:
        sending = sending_of(connection)
        link = _first_of(permitted(chain_of(connection, "analyse"), sending, model_servers(context.settings)))
        taxonomy = _taxonomy(connection, taxonomy_version)
    read = 0
    templates, known = Groups(), set[bytes]()

    def asked() -> Iterator[tuple[MessageView, int]]:
        nonlocal read
        for view in _views(context, tenant, first, last):
            read += 1
            if not needs_model(view, sends_notes=sending.sends_notes):
                continue
            near = near_key(view) if sending.shares_near_duplicates else None
            key = near or template_key(templates, view)
            if key not in known:
                known.add(key)
                yield view, len(view.text)

    fixed = _tokens(prompt.system_text(taxonomy)) + TOKENS_AROUND
    calls = tokens_in = 0
    for group in grouped(asked()):
        calls += 1
        tokens_in += fixed + _tokens(prompt.text_of(group, tenant.language))
    tokens_out = TOKENS_ANSWERED * len(known)
    in_batch = for_batch(link)
    return Estimate(
        read,
        read - len(known),
        calls,
        tokens_in,
        tokens_out,
        None if link.price is None else link.price.cost(tokens_in, tokens_out),
        round(calls * SECONDS_A_CALL / 60, 1),
        link.model,
        None if in_batch is None or in_batch.price is None else in_batch.price.cost(tokens_in, tokens_out),
        None if in_batch is None else BATCH_HOURS,
    )


def _views(context: Context, tenant: Tenant, first: date, last: date) -> Iterator[MessageView]:
    """Yield the messages of some days in their order, a page in memory at a time."""
    with context.database.tenant_tx(tenant.id) as connection:
        days = connection.execute(
            "SELECT DISTINCT partition_day FROM message WHERE partition_day BETWEEN %s AND %s ORDER BY 1", (first, last)
        ).fetchall()
    for (day,) in days:
        after: tuple[Any, ...] = ("-infinity", UUID(int=0))
        while True:
            with context.database.tenant_tx(tenant.id) as connection:
                rows = connection.execute(
                    f"SELECT sorted_at, id, {COLUMNS} FROM message WHERE partition_day = %s AND deleted_at IS NULL"
                    " AND selected AND (sorted_at, id) > (%s, %s) ORDER BY sorted_at, id LIMIT %s",
                    (day, *after, PAGE),
                ).fetchall()
            yield from (MessageView(*row[2:]) for row in rows)
            if len(rows) < PAGE:
                break
            after = rows[-1][:2]


def changes(
    context: Context,
    tenant: Tenant,
    first: date,
    last: date,
    size: int = SAMPLE,
    taxonomy_version: int | None = None,
) -> tuple[Sampled, list[Change]]:
    """Return what analysing a sample anew took, and the messages whose analysis would change; stores none.

    By a version of the taxonomy, None: the one in force. The sample is the same for the same days. Calls of models are
    made, and are in the ledger; a tenant without models has the built-in analyser say it, for nothing.
    """
    with context.database.tenant_tx(tenant.id) as connection:
        sending = sending_of(connection)
        chain = permitted(chain_of(connection, "analyse"), sending, model_servers(context.settings))
        taxonomy = _taxonomy(connection, taxonomy_version)
        built_in = BuiltIn.of(connection, tenant.id, taxonomy, keep=taxonomy_version is None)
        rows = connection.execute(
            f"SELECT message.id, message.partition_day, analysis.output, {COLUMNS} FROM message"
            " JOIN analysis ON analysis.message_id = message.id AND analysis.current"
            " WHERE message.partition_day BETWEEN %s AND %s AND message.deleted_at IS NULL"
            " ORDER BY md5(message.id::text) LIMIT %s",
            (first, last, size),
        ).fetchall()
    messages = [(row[0], MessageView(*row[3:])) for row in rows]
    partition = Partition(first, tenant.id, tenant.slug)
    by_models = ByModels(context, partition, chain, tenant.language, built_in, sends_notes=sending.sends_notes)
    try:
        fresh = by_models.tried(messages) if chain else {one.message_id: one.found for one in built_in.made(messages)}
    except NoAnswer as error:
        raise InputError(error.message, remedy="opsintel key test") from None
    present = {row[0]: Analysis.model_validate(row[2]) for row in rows}
    figures = by_models.figures
    return Sampled(len(fresh), figures.calls, figures.cost_usd), [
        Change(message_id, differing)
        for message_id, found in fresh.items()
        if (differing := _differing(present[message_id], found))
    ]


def _taxonomy(connection: psycopg.Connection, version: int | None) -> Taxonomy:
    return taxonomy_in_force(connection) if version is None else taxonomy_of_version(connection, version)


def _first_of(chain: Sequence[Link]) -> Link:
    if not chain:
        raise InputError("The tenant has no model; the rules cost nothing", remedy="opsintel key add")
    return chain[0]


def _differing(present: Analysis, found: Analysis) -> dict[str, tuple[Any, Any]]:
    before, after = _compared(present), _compared(found)
    return {name: (before[name], after[name]) for name in PARTS if before[name] != after[name]}


def _compared(analysis: Analysis) -> dict[str, Any]:
    values = analysis.model_dump(mode="json")
    return {**values, "category": " / ".join(analysis.category_path)}


def _tokens(text: str) -> int:
    return len(text.encode("utf-8", "replace")) // BYTES_A_TOKEN
