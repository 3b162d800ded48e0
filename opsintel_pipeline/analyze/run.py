"""Analyse a partition: messages without a current analysis get one, by the tenant's models where it has some.

Without models, and for what rules settle, the built-in analysis is all there is, and costs nothing.
"""

from __future__ import annotations

from opsintel.context import Context
from opsintel.learning import review
from opsintel.llm.batch.question import clear_failed
from opsintel.llm.chain import chain_of
from opsintel.llm.keys import model_servers
from opsintel.llm.sending import permitted, sending_of
from opsintel.partitions import Partition, StageResult
from opsintel.taxonomy.kept import taxonomy_in_force
from opsintel.tenants import tenant_by_id
from opsintel_pipeline.analyze.built_in import BuiltIn
from opsintel_pipeline.analyze.figures import Figures
from opsintel_pipeline.analyze.models import ByModels
from opsintel_pipeline.analyze.rows import BUILT_IN, put_away, store, waiting

PAGE = 500


def run(context: Context, partition: Partition) -> StageResult:
    """Analyse what has no analysis of its present text yet; returns the number of messages analysed in the day."""
    with context.database.tenant_tx(partition.tenant_id) as connection:
        sending = sending_of(connection)
        chain = permitted(chain_of(connection, "analyse"), sending, model_servers(context.settings))
        built_in = BuiltIn.of(connection, partition.tenant_id, taxonomy_in_force(connection))
    by_models = None
    if chain:
        language = tenant_by_id(context.database, partition.tenant_id).language
        by_models = ByModels(context, partition, chain, language, built_in, sends_notes=sending.sends_notes)
    put_away(context, partition)
    if by_models is not None:
        by_models.collect()
    made = 0
    while True:
        with context.database.tenant_tx(partition.tenant_id) as connection:
            rows = waiting(connection, partition, PAGE)
            if by_models is None:
                store(connection, partition, built_in.made(rows))
        if by_models is not None:
            by_models.make(rows)
        made += len(rows)
        if len(rows) < PAGE:
            break
    figures = by_models.figures if by_models else Figures()
    with context.database.tenant_tx(partition.tenant_id) as connection:
        clear_failed(connection, partition.day)
        open_reviews = review.fill(connection, partition.tenant_id, partition.day)
    return StageResult(
        _count(context, partition),
        {
            "analysed_now": made,
            "calls": figures.calls,
            "reused": figures.reused,
            "parked": figures.parked,
            "failed": figures.failed,
            "to_review": open_reviews,
            "cost_usd": figures.cost_usd,
            "provider": chain[0].provider if chain else BUILT_IN,
        },
    )


def _count(context: Context, partition: Partition) -> int:
    with context.database.tenant_tx(partition.tenant_id) as connection:
        row = connection.execute(
            "SELECT count(*) FROM message JOIN analysis ON analysis.message_id = message.id AND analysis.current"
            " WHERE message.partition_day = %s AND message.deleted_at IS NULL",
            (partition.day,),
        ).fetchone()
    return int(row[0]) if row else 0
