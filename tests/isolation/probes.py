"""All that tries isolation, as functions with a name: what a mutant has to get past."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from fastapi import FastAPI
from sqlalchemy import Table

from tests.isolation import accounts, analysts, channels, interference, streams, tables, twins
from tests.isolation.attacks import operations
from tests.isolation.routes import Trial
from tests.isolation.rows import TABLES
from tests.isolation.world import Channel, World

Run = Callable[[World, FastAPI], Awaitable[None]]


@dataclass(frozen=True)
class Probe:
    """A test on the first tenants of a world; `test` is its name in the suite."""

    test: str
    run: Run


def rows_of(of: Sequence[Table]) -> Probe:
    """Return the probe of some tables' rows; it passes where there are none."""

    async def run(world: World, app: FastAPI) -> None:
        scanner = world.scanner()
        full = [table for table in of if table in TABLES]
        tables.read_own(world, scanner, full)
        for attempt in (tables.read_others, tables.change_others):
            attempt(world, scanner, world.pairs[:1], full)
        tables.act_as_each_role(world, scanner, world.pairs[:1], of)
        assert not scanner.foreign, scanner.foreign[0]

    return Probe("test_tables TestEveryTable", run)


async def _routes(world: World, app: FastAPI) -> None:
    trial = Trial(world, app, world.scanner())
    for operation in operations():
        if operation.is_protected and operation.reads:
            await trial.ask_for_own(world.tenants[0], operation)
    for one, other in (world.tenants[:2], world.tenants[1::-1]):
        for operation in operations():
            if operation.is_protected and (operation.reads or operation.places):
                await trial.ask_for_others(one, other, operation)
    faults = trial.scanner.foreign + trial.told
    assert not faults, faults[0]


async def _cursors(world: World, app: FastAPI) -> None:
    trial = Trial(world, app, world.scanner())
    for operation in operations():
        if operation.is_protected and operation.reads:
            await trial.use_cursors_of(world.tenants[1], operation, world.tenants[:1])
    faults = trial.scanner.foreign + trial.told
    assert not faults, faults[0]


def _channel(channel: Channel) -> Probe:
    async def run(world: World, app: FastAPI) -> None:
        scanner = world.scanner()
        await channel(world, app, scanner)
        assert not scanner.foreign, scanner.foreign[0]

    return Probe(f"test_channels {channel.__name__}", run)


def _twins(act: twins.Act) -> Probe:
    async def run(world: World, app: FastAPI) -> None:
        twins.leave_the_other_alone(world, act)

    return Probe(f"test_twins {act.__name__}", run)


EVERY_CHANNEL = (
    *channels.CHANNELS, *streams.CHANNELS, *analysts.CHANNELS, *accounts.CHANNELS, *interference.CHANNELS,
)  # fmt: skip

_SLOW = interference.answers_do_not_depend_on_others

PROBES = (
    *(_channel(channel) for channel in EVERY_CHANNEL if channel is not _SLOW),
    *(_twins(act) for act in twins.ACTS),
    Probe("test_routes TestEveryRoute", _routes),
    Probe("test_routes cursors", _cursors),
    rows_of(tables.BOUND),
    _channel(_SLOW),
)
"""In the order in which they are asked: what is quick first."""
