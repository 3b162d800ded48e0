"""The stages in their order, and how one of them is run over many partitions: one's fault never stops the others."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from importlib import import_module
from traceback import walk_tb
from types import MappingProxyType
from typing import Protocol, cast
from uuid import UUID

import psycopg

from opsintel.context import Context
from opsintel.errors import DatabaseError, OpsintelError
from opsintel.logs.redact import Redactor, secrets_of
from opsintel.partitions import Partition, StageName, StageResult
from opsintel.settings import Settings
from opsintel.tracing import tracing

logger = logging.getLogger(__name__)

NO_TRACES: Mapping[tuple[UUID, date], str] = MappingProxyType({})

STAGE_FAULTS = (
    OpsintelError,
    psycopg.Error,
    OSError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    ImportError,
    LookupError,
    MemoryError,
    NameError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What the data of one partition can provoke; anything else ends the run."""


class StageFunction(Protocol):
    """What a stage offers (docs/architecture.md, "Stages")."""

    def __call__(self, context: Context, partition: Partition) -> StageResult:
        """Do the stage's work on one partition."""
        ...


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage: the asset it makes, where its function is, and whether one call serves all days of a tenant."""

    asset: StageName
    module: str
    whole_tenant: bool = False

    def function(self) -> StageFunction:
        """Return the stage's function; its module is loaded now, not when definitions are."""
        return cast(StageFunction, import_module(self.module).run)


STAGES = (
    Stage("raw_messages", "opsintel_pipeline.ingest.census"),
    Stage("messages", "opsintel_pipeline.normalize.run"),
    Stage("analyses", "opsintel_pipeline.analyze.run"),
    Stage("issues", "opsintel_pipeline.issues.run"),
    Stage("marts", "opsintel_pipeline.marts.run"),
    Stage("sheet_exports", "opsintel_pipeline.act.sheets.run", whole_tenant=True),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a stage ended on a partition: its result, or the error as one line without content of messages."""

    partition: Partition
    seconds: float
    result: StageResult | None = None
    error: str | None = None


def run_stage(
    context: Context, stage: Stage, partitions: Sequence[Partition], traces: Mapping[tuple[UUID, date], str] = NO_TRACES
) -> Iterator[Outcome]:
    """Run a stage on each partition and yield how it ended; days of a tenant go ascending.

    A stage for the whole tenant is called once, on the tenant's latest day, and its outcome stands for all days.
    `traces` are those of the partitions, by tenant and day. Raises `DatabaseError` when the database went away: then
    no partition is to blame.
    """

    def run_traced(partition: Partition) -> Outcome:
        with tracing(traces.get((partition.tenant_id, partition.day), ""), partition.tenant_slug):
            return _run_one(context, stage, partition)

    days: dict[UUID, list[Partition]] = {}
    for partition in sorted(partitions, key=lambda p: (p.tenant_slug, p.day)):
        days.setdefault(partition.tenant_id, []).append(partition)
    for of_tenant in days.values():
        if stage.whole_tenant:
            latest = run_traced(of_tenant[-1])
            yield from (Outcome(day, latest.seconds, latest.result, latest.error) for day in of_tenant)
        else:
            yield from (run_traced(day) for day in of_tenant)


def _run_one(context: Context, stage: Stage, partition: Partition) -> Outcome:
    start = time.monotonic()
    try:
        result = stage.function()(context, partition)
    except STAGE_FAULTS as error:
        if isinstance(error, DatabaseError):
            raise
        line = describe(error, context.settings)
        logger.error("%s of %s failed: %s", stage.asset, partition.key, line)
        return Outcome(partition, time.monotonic() - start, error=line)
    seconds = time.monotonic() - start
    logger.info("%s of %s: %d rows in %.2f s", stage.asset, partition.key, result.rows, seconds)
    return Outcome(partition, seconds, result)


def describe(error: BaseException, settings: Settings) -> str:
    """Return an error as one line that holds no content of messages: our own text, else its kind and place.

    Our own text may repeat what a server or library said: secrets in it are hidden.
    """
    if isinstance(error, OpsintelError):
        return Redactor(secrets_of(settings))(error.line())
    frames = [(frame.f_globals.get("__name__", ""), line) for frame, line in walk_tb(error.__traceback__)]
    ours = [(name, line) for name, line in frames if name.startswith("opsintel")]
    place = " at {}:{}".format(*(ours or frames)[-1]) if frames else ""
    code = f" {error.sqlstate}" if isinstance(error, psycopg.Error) and error.sqlstate else ""
    return f"{type(error).__name__}{code}{place}"
