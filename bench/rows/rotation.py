"""Rotation of the master key: every tenant's data key wrapped anew, against unwrapping and wrapping in memory."""

from __future__ import annotations

import os
import time
from collections import deque

import psycopg

from bench.measure import Spread, by_size
from bench.report import Bound, Line, Report, grown
from bench.workplace import Installed, Workplace
from opsintel.crypto.master import MasterKeys
from opsintel.crypto.rotation import census, rotate_master
from opsintel.ids import new_id

SIZES = (100, 1_000, 10_000)
ROUNDS = 3
MOST_SECONDS, AIM_SECONDS = 5.0, 2.0


def run(workplace: Workplace) -> Report:
    """Measure the seconds of a rotation at three numbers of tenants, each followed by one back again."""
    keys = os.urandom(32), os.urandom(32)
    rings = deque([MasterKeys(keys[0], [keys[1]]), MasterKeys(keys[1], [keys[0]])])
    with workplace.installation() as installed:

        def cost(size: int) -> float:
            _fill(installed, size, rings[0])
            rings.rotate()
            return _rotate(installed, size, rings[0])

        costs = by_size(cost, SIZES, ROUNDS)
    largest, limit = costs[SIZES[-1]], [_in_memory(rings[0]) for _ in range(ROUNDS)]
    what = f"{SIZES[-1]:,} tenants"
    lines = [
        Line(what, "s", Spread.of(largest), bound=Bound(MOST_SECONDS, AIM_SECONDS, at_most=True)),
        Line(what, "s", Spread.of(largest), "the same cryptography in memory", Spread.of(limit)),
    ]
    return Report(lines, [grown("a rotation", "s", costs)])


def _rotate(installed: Installed, size: int, ring: MasterKeys) -> float:
    began = time.perf_counter()
    *_, last = rotate_master(installed.context.database, ring)
    seconds = time.perf_counter() - began
    if last.rewrapped != size or census(installed.context.database, ring).current != size:
        raise AssertionError(f"{last} of {size}")
    return seconds


def _in_memory(ring: MasterKeys) -> float:
    wrapped = []
    for _ in range(SIZES[-1]):
        tenant, key = new_id(), new_id()
        wrapped.append((tenant, key, ring.wrap(tenant, key, os.urandom(32))))
    began = time.perf_counter()
    for tenant, key, value in wrapped:
        ring.wrap(tenant, key, ring.unwrap(tenant, key, value))
    return time.perf_counter() - began


def _fill(installed: Installed, size: int, ring: MasterKeys) -> None:
    """Give an installation so many tenants, each with a data key and none else."""
    with psycopg.connect(installed.admin_url, autocommit=True) as connection:
        connection.execute("TRUNCATE tenant CASCADE")
        tenants = [(new_id(), new_id()) for _ in range(size)]
        with connection.cursor() as cursor:
            with cursor.copy("COPY tenant (id, slug, name) FROM STDIN") as copy:
                for number, (tenant, _) in enumerate(tenants):
                    copy.write_row((tenant, f"t{number}", "T"))
            with cursor.copy("COPY data_key (tenant_id, id, master_key_id, wrapped) FROM STDIN") as copy:
                for tenant, key in tenants:
                    wrapped = ring.wrap(tenant, key, os.urandom(32))
                    copy.write_row((tenant, key, str(ring.current_id), wrapped))
        connection.execute("ANALYZE")
