"""`opsintel backfill`: run days of a tenant again, from a stage on."""

from __future__ import annotations

from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Annotated

import typer

from opsintel.cli.main import print_json
from opsintel.errors import FatalError, InputError
from opsintel.partitions import STAGE_NAMES

app = typer.Typer(add_completion=False)


def given_day(text: str) -> date:
    """Return a day as it was given; wrong usage for anything but 2026-11-23."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no day; write it as 2026-11-23") from None


def given_usd(text: str) -> Decimal:
    """Return an amount as it was given; wrong usage for anything but 25 or 25.50."""
    try:
        return Decimal(text)
    except InvalidOperation:
        raise typer.BadParameter(f"{text!r} is no amount; write it as 25 or 25.50") from None


Batch = Annotated[
    bool | None,
    typer.Option(
        "--batch/--no-batch",
        help="Whether calls of models may wait up to a day, at the lower price of a batch; they may, unless --wait",
        show_default=False,
    ),
]


def may_wait(batch: bool | None, *, wait: bool) -> bool:
    """Tell whether calls of models may wait in a batch: as was said, else unless the command waits for the job."""
    return not wait if batch is None else batch


@app.command()
def backfill(
    tenant: Annotated[str, typer.Option(metavar="TENANT", help="Short name of the tenant")],
    first: Annotated[date, typer.Option("--from", parser=given_day, metavar="DAY", help="First UTC day")],
    last: Annotated[date, typer.Option("--to", parser=given_day, metavar="DAY", help="Last UTC day")],
    from_stage: Annotated[
        str, typer.Option(metavar="STAGE", help=f"Stage to begin at: {', '.join(STAGE_NAMES)}")
    ] = STAGE_NAMES[0],
    anew: Annotated[bool, typer.Option("--anew", help="Also messages that have an analysis get another")] = False,
    ceiling: Annotated[
        Decimal | None,
        typer.Option(parser=given_usd, metavar="USD", help="What its calls of models may cost, never passed"),
    ] = None,
    batch: Batch = None,
    wait: Annotated[bool, typer.Option("--wait", help="Also run the stages here, and end when the job has")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document for machines")] = False,
) -> None:
    """Run days again: a job that a running stack works through, or this command with --wait."""
    from opsintel.clock import today
    from opsintel.context import open_context
    from opsintel.llm import reruns
    from opsintel.queue import backfills, jobs
    from opsintel.settings import load_settings
    from opsintel.tenants import find_tenant
    from opsintel_pipeline.worker.inline import process_waiting

    stage = next((name for name in STAGE_NAMES if name == from_stage), None)
    if stage is None:
        raise InputError(f"There is no stage '{from_stage}'", remedy=f"Choose one of {', '.join(STAGE_NAMES)}")
    wanted = backfills.Backfill(first, last, stage, anew=anew, ceiling_usd=ceiling, batch=may_wait(batch, wait=wait))
    if fault := wanted.fault(today()):
        raise InputError(f"--{fault[0]}: {fault[1]}", remedy="Choose other days")
    settings = load_settings()
    settings.require_secrets()
    with open_context(settings) as context:
        found = find_tenant(context.database, tenant)
        days = backfills.estimate(context.database, found.id, wanted)
        with context.database.tenant_tx(found.id) as connection:
            started = reruns.start(connection, found.id, wanted)
        assert started is not None
        if wait:
            process_waiting(context)
        job = jobs.find_job(context.database, found.id, started.job_id)
    figures = {"days": len(days), "messages": sum(days.values()), "done": job.done, "failed": job.failed}
    if as_json:
        print_json({"tenant": tenant, "job": str(job.id), "state": job.state, **figures})
    elif wait:
        typer.echo(f"{job.done:,} days done, {job.failed:,} failed: job {job.id} is {job.state}")
    else:
        typer.echo(f"Job {job.id}: {len(days):,} days with {sum(days.values()):,} messages; a running stack does it")
    if job.state == "failed":
        raise FatalError(job.error, remedy="The ledger has the reason of each; once it is mended run this again")
