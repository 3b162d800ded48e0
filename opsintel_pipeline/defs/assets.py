"""The assets: a stage each, partitioned by day and tenant. Each calls one function of its stage for each partition."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from dagster import (
    AssetDep,
    AssetExecutionContext,
    AssetMaterialization,
    AssetsDefinition,
    AssetSpec,
    BackfillPolicy,
    Failure,
    FreshnessPolicy,
    MultiToSingleDimensionPartitionMapping,
    multi_asset,
)

from opsintel.errors import InputError
from opsintel.tenants import all_tenants
from opsintel_pipeline.defs import columns, events, metadata
from opsintel_pipeline.defs.partitions import parse_keys, tenant_days, tenants
from opsintel_pipeline.defs.resources import Installation
from opsintel_pipeline.worker.by_hand import run_by_hand
from opsintel_pipeline.worker.stages import STAGE_FAULTS, STAGES, Stage, describe

OWNERS = ["team:operations"]
FRESHNESS = FreshnessPolicy.time_window(fail_window=timedelta(hours=36), warn_window=timedelta(hours=26))


@dataclass(frozen=True)
class Presentation:
    """How an asset is shown to people."""

    group: str
    kinds: frozenset[str]
    deps: tuple[str, ...]
    description: str


PRESENTATIONS = {
    "raw_messages": Presentation(
        "ingest", frozenset({"python", "postgres", "s3"}), (),
        "What the sources held on that day, counted there, compared with what is stored; what is missing is fetched.",
    ),
    "messages": Presentation(
        "normalize", frozenset({"python", "postgres"}), ("raw_messages",),
        "Canonical messages: mail, chat and tickets in one form; threads, people, quotes and signatures told apart.",
    ),
    "analyses": Presentation(
        "analyze", frozenset({"python", "postgres"}), ("messages",),
        "What each message is about, how severe it is, whether someone has to act; by a model or the built-in rules.",
    ),
    "issues": Presentation(
        "issues", frozenset({"python", "postgres", "scikitlearn"}), ("messages", "analyses"),
        "The day's actionable messages, assigned to the tenant's lasting issues. A repeated day keeps its memberships.",
    ),
    "marts": Presentation(
        "marts", frozenset({"polars", "postgres"}), ("messages", "analyses", "issues"),
        "Roll-ups by day that the dashboard reads, built again from the rows beneath them.",
    ),
    "sheet_exports": Presentation(
        "act", frozenset({"python", "googlesheets"}), ("issues",),
        "The tenant's issues as they stand after that day's work, written to its sheet; nothing is written twice.",
    ),
}  # fmt: skip


def stage_asset(stage: Stage) -> AssetsDefinition:
    """Return the asset of a stage.

    One partition, a range and a backfill are the same loop: each partition gets its own event, and a failed one fails
    the run at its end, after the others were made.
    """
    shown = PRESENTATIONS[stage.asset]

    @multi_asset(
        name=stage.asset,
        specs=[
            AssetSpec(
                stage.asset,
                deps=shown.deps,
                description=shown.description,
                group_name=shown.group,
                owners=OWNERS,
                kinds=set(shown.kinds),
                freshness_policy=FRESHNESS,
                partitions_def=tenant_days,
                metadata={
                    "dagster/column_schema": columns.schema(stage.asset),
                    "dagster/column_lineage": columns.lineage(stage.asset),
                    "dagster/table_name": f"public.{columns.TABLES[stage.asset]}",
                },
                skippable=True,
            )
        ],
        backfill_policy=BackfillPolicy.single_run(),
    )
    def run_asset(context: AssetExecutionContext, installation: Installation) -> Iterator[AssetMaterialization]:
        opened = installation.open()
        partitions = parse_keys(context.partition_keys, all_tenants(opened.database))
        failed = {}
        for outcome in run_by_hand(opened, stage, partitions, context.run.run_id):
            key = outcome.partition.key
            if outcome.result is None:
                failed[key] = outcome.error or ""
                continue
            figures = metadata.of_result(
                outcome.partition, outcome.result, outcome.seconds, opened.settings.dashboard_url
            )
            yield events.materialization(stage.asset, key, figures)
        if failed:
            raise Failure(
                f"{len(failed)} of {len(partitions)} partitions failed: {'; '.join(list(failed)[:5])}",
                metadata=dict(list(failed.items())[:50]),
                allow_retries=False,
            )

    return run_asset


raw_messages, messages, analyses, issues, marts, sheet_exports = (stage_asset(stage) for stage in STAGES)


@multi_asset(
    name="issue_consolidation",
    specs=[
        AssetSpec(
            "issue_consolidation",
            deps=[AssetDep("issues", partition_mapping=MultiToSingleDimensionPartitionMapping("tenant"))],
            description="All of a tenant's issues looked at together: those that are one are merged, mixed ones split.",
            group_name="issues",
            owners=OWNERS,
            kinds={"python", "postgres"},
            partitions_def=tenants,
            skippable=True,
        )
    ],
    backfill_policy=BackfillPolicy.single_run(),
)
def issue_consolidation(context: AssetExecutionContext, installation: Installation) -> Iterator[AssetMaterialization]:
    """Consolidate the issues of each tenant of the run."""
    from opsintel_pipeline.issues.run import consolidate

    opened = installation.open()
    by_slug = {tenant.slug: tenant.id for tenant in all_tenants(opened.database)}
    failed: dict[str, str] = {}
    for slug in context.partition_keys:
        if slug not in by_slug:
            raise InputError(f"There is no tenant '{slug}'", remedy="Choose a tenant that exists")
        try:
            result = consolidate(opened, by_slug[slug])
        except STAGE_FAULTS as error:
            failed[slug] = describe(error, opened.settings)
            continue
        yield events.materialization("issue_consolidation", slug, {"rows": result.rows, **result.figures})
    if failed:
        raise Failure(f"{len(failed)} tenants failed", metadata=dict(failed), allow_retries=False)
