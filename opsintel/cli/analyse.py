"""`opsintel analyse`: analyse days of a tenant anew; what that costs and changes is said before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import typer

from opsintel.cli import batches, shadow
from opsintel.cli.backfill import Batch, given_day, given_usd, may_wait
from opsintel.cli.main import print_json
from opsintel.errors import FatalError, InputError

if TYPE_CHECKING:
    from opsintel.context import Context
    from opsintel.tenants import Tenant

app = typer.Typer(add_completion=False, no_args_is_help=True)
app.command("batches")(batches.batches)
app.command("shadow")(shadow.shadow)
app.command("promote")(shadow.promote)

Slug = Annotated[str, typer.Option("--tenant", metavar="TENANT", help="Short name of the tenant")]
First = Annotated[date, typer.Option("--from", parser=given_day, metavar="DAY", help="First UTC day")]
Last = Annotated[date, typer.Option("--to", parser=given_day, metavar="DAY", help="Last UTC day")]
OfTaxonomy = Annotated[
    int | None,
    typer.Option("--taxonomy", metavar="VERSION", min=0, help="Version of the taxonomy; default: the one in force"),
]
Ceiling = Annotated[
    Decimal | None,
    typer.Option(parser=given_usd, metavar="USD", help="What its calls of models may cost, never passed"),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document for machines")]


@app.command("estimate")
def estimate(
    tenant: Slug,
    first: First,
    last: Last,
    taxonomy: OfTaxonomy = None,
    vectors: Annotated[
        bool, typer.Option("--vectors", help="Of the vectors that its model for them has not given yet")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Say what the tenant's models would take for all messages of these days: calls, tokens, USD, minutes."""
    from opsintel_pipeline.analyze import rerun
    from opsintel_pipeline.vectors import cost as of_vectors

    with _opened(tenant, first, last) as (context, found):
        figures: rerun.Estimate | of_vectors.Estimate = (
            of_vectors.estimate(context, found.id, first, last)
            if vectors
            else rerun.estimate(context, found, first, last, taxonomy)
        )
    if as_json:
        usd = {name: None if each is None else float(each) for name, each in asdict(figures).items() if "_usd" in name}
        print_json({**asdict(figures), **usd})
        return
    price = "at a price that is unknown" if figures.cost_usd is None else f"{figures.cost_usd:.4f} USD"
    if isinstance(figures, of_vectors.Estimate):
        typer.echo(
            f"{figures.messages:,} messages without a vector: {figures.calls:,} calls of {figures.model},"
            f" {figures.tokens_in:,} tokens in, {price}, {figures.minutes:g} min"
        )
        return
    typer.echo(
        f"{figures.messages:,} messages, {figures.free:,} of them for nothing: {figures.calls:,} calls of"
        f" {figures.model}, {figures.tokens_in:,} tokens in, {figures.tokens_out:,} out, {price},"
        f" {figures.minutes:g} min"
    )
    if figures.batch_hours is not None:
        price = "an unknown price" if figures.batch_usd is None else f"{figures.batch_usd:.4f} USD"
        typer.echo(f"By batch, unless --no-batch: {price}, done within {figures.batch_hours} h")


@app.command("diff")
def diff(
    tenant: Slug,
    first: First,
    last: Last,
    sample: Annotated[int, typer.Option(metavar="NUMBER", min=1, max=500, help="Messages that are analysed")] = 20,
    taxonomy: OfTaxonomy = None,
    as_json: AsJson = False,
) -> None:
    """Analyse a sample of these days anew and say what would change; nothing is stored, the calls are paid for.

    With --taxonomy by a version that need not be in force: look at what it changes before you use it.
    """
    from opsintel_pipeline.analyze import rerun

    with _opened(tenant, first, last) as (context, found):
        took, changes = rerun.changes(context, found, first, last, sample, taxonomy)
    if as_json:
        print_json(
            {
                "analysed": took.analysed,
                "calls": took.calls,
                "cost_usd": took.cost_usd,
                "changed": len(changes),
                "changes": [{"message": str(one.message_id), "fields": one.fields} for one in changes],
            }
        )
        return
    paid = f"; {took.calls:,} calls, {took.cost_usd:.4f} USD" if took.calls else ""
    typer.echo(f"{len(changes):,} of {took.analysed:,} analyses would change{paid}")
    for one in changes:
        differing = ", ".join(f"{name}: {before} → {after}" for name, (before, after) in one.fields.items())
        typer.echo(f"  {one.message_id}  {differing}")


@app.command("run")
def run(
    tenant: Slug,
    first: First,
    last: Last,
    ceiling: Ceiling = None,
    batch: Batch = None,
    wait: Annotated[bool, typer.Option("--wait", help="Also run the stages here, and end when the job has")] = False,
    as_json: AsJson = False,
) -> None:
    """Analyse the messages of these days anew, and all that follows: a job that a running stack works through.

    What a ceiling leaves undone keeps the analysis that it has, and goes on once the ceiling is raised.
    """
    from opsintel.llm import reruns
    from opsintel.queue import backfills, jobs
    from opsintel_pipeline.worker.inline import process_waiting

    may = may_wait(batch, wait=wait)
    wanted = backfills.Backfill(first, last, "analyses", anew=True, ceiling_usd=ceiling, batch=may)
    with _opened(tenant, first, last) as (context, found):
        days = backfills.estimate(context.database, found.id, wanted)
        with context.database.tenant_tx(found.id) as connection:
            started = reruns.start(connection, found.id, wanted)
        assert started is not None
        if wait:
            process_waiting(context)
        job = jobs.find_job(context.database, found.id, started.job_id)
    if as_json:
        print_json({"job": str(job.id), "state": job.state, "days": len(days), "analyses": started.marked})
    else:
        typer.echo(f"Job {job.id}: {started.marked:,} analyses of {len(days):,} days are made anew; it is {job.state}")
    if job.state == "failed":
        raise FatalError(job.error, remedy="The ledger has the reason of each; once it is mended run this again")


@contextmanager
def _opened(slug: str, first: date, last: date) -> Iterator[tuple[Context, Tenant]]:
    from opsintel.clock import today
    from opsintel.context import open_context
    from opsintel.queue.backfills import Backfill
    from opsintel.settings import load_settings
    from opsintel.tenants import find_tenant

    if fault := Backfill(first, last).fault(today()):
        raise InputError(f"--{fault[0]}: {fault[1]}", remedy="Choose other days")
    settings = load_settings()
    settings.require_secrets()
    with open_context(settings) as context:
        yield context, find_tenant(context.database, slug)
