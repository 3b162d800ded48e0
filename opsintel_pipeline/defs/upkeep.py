"""Jobs that keep an installation in order: thin calls, each with its figures as metadata."""

from datetime import timedelta

from dagster import OpExecutionContext, in_process_executor, job, op

from opsintel.access.audit_anchors import write_anchor
from opsintel.clock import today
from opsintel_pipeline.defs.resources import Installation
from opsintel_pipeline.marts.compare import repair
from opsintel_pipeline.upkeep import retention
from opsintel_pipeline.worker.polling import count_due


@op(description="Counts the sources whose daily time has come, and fetches what is missing.")
def count_sources(context: OpExecutionContext, installation: Installation) -> None:
    """Take the census of every source that is due."""
    context.add_output_metadata({"sources": count_due(installation.open())})


@op(description="Compares roll-ups with the rows beneath them, and has the days that differ built again.")
def compare_roll_ups(context: OpExecutionContext, installation: Installation) -> None:
    """Announce the days whose roll-ups are not those of their rows."""
    repaired = repair(installation.open())
    context.add_output_metadata({"tenants": len(repaired), "days": sum(repaired.values())})


@op(description="Deletes what is older than its tenant keeps, and what the ledger finished long ago.")
def delete_old(context: OpExecutionContext, installation: Installation) -> None:
    """Delete what is past its time."""
    context.add_output_metadata(dict(retention.run(installation.open())))


@op(description="Signs the heads of the audit log that moved, and keeps them in the object store.")
def anchor_heads(context: OpExecutionContext, installation: Installation) -> None:
    """Anchor the audit log outside of the database."""
    written = write_anchor(installation.open())
    context.add_output_metadata({"heads": len(written.heads) if written else 0})


@op(description="Measures the analyses of every tenant on what its people have said, for the week that ended.")
def evaluate_analyses(context: OpExecutionContext, installation: Installation) -> None:
    """Measure the week before this one."""
    from opsintel_pipeline.learn import weekly

    context.add_output_metadata(dict(weekly.run(installation.open(), weekly.week_of(today()) - timedelta(days=7))))


@job(executor_def=in_process_executor, description="Census: what the sources hold, against what is stored.")
def census() -> None:
    """Count what is due."""
    count_sources()


@job(executor_def=in_process_executor, description="Roll-ups that differ from their rows are built again.")
def roll_ups() -> None:
    """Compare and repair."""
    compare_roll_ups()


@job(executor_def=in_process_executor, description="Retention of messages, payloads, the ledger and jobs.")
def retain() -> None:
    """Delete what is past its time."""
    delete_old()


@job(executor_def=in_process_executor, description="Heads of the audit log, signed and kept outside of the database.")
def audit_anchor() -> None:
    """Anchor what moved."""
    anchor_heads()


@job(executor_def=in_process_executor, description="How right analyses are, measured on what people have said.")
def evaluation() -> None:
    """Measure the week that ended."""
    evaluate_analyses()
