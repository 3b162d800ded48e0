"""Row security: shared buffers of the API's statements, against the same with an explicit WHERE and no policies.

The peer reads through views of one tenant's rows (`WHERE tenant_id = ...`, taken in by the planner) as a login that no
policy binds: the statements are the same to the letter.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import psycopg
from psycopg import sql

from bench.history import DAYS, History, history
from bench.measure import Spread
from bench.reader import Reader, buffers, open_free_reader, open_reader
from bench.report import Bound, Line, Report
from bench.workplace import Workplace
from opsintel.clock import today
from opsintel.db.tables import declaration_of, metadata
from opsintel_api.reading import statement

SIZE = 10_000
NEIGHBOURS = [SIZE] * 11
"""Tenants of the same size: none of them is most of a table, as in an installation of many."""
ROUNDS = 3
SPAN = 30
SCHEMA = "explicit"


def run(workplace: Workplace) -> Report:
    """Measure the shared buffers of every question by both ways, caches warm."""
    with history(workplace, SIZE, NEIGHBOURS) as past:
        _make_views(past)
        with open_reader(past) as bound, open_free_reader(past, SCHEMA) as free:
            asked = questions(bound)
            found = {name: _measure(bound, free, text, values) for name, (text, values) in asked.items()}
    ours, peer = (sum(pair[place] for pair in found.values()) for place in (0, 1))
    worst = max(found, key=lambda name: found[name][0] / found[name][1])
    limit = Bound(1.01, 1.0, at_most=True)
    lines = [
        _line(f"{len(found)} statements together", ours, peer, limit),
        _line(f"the statement with the highest ratio: {worst}", *found[worst], limit),
    ]
    return Report(lines, notes=[f"{name}: {pair[0]:.0f} / {pair[1]:.0f} buffers" for name, pair in found.items()])


def questions(reader: Reader) -> dict[str, tuple[str, tuple[Any, ...]]]:
    """Return statements with their values by name."""
    last, first = today(), today() - timedelta(days=SPAN - 1)
    long_ago = last - timedelta(days=DAYS)
    issue = reader.rows("SELECT id FROM issue ORDER BY number LIMIT 1 OFFSET 20")[0][0]
    message = reader.rows("SELECT id FROM message ORDER BY sorted_at DESC LIMIT 1 OFFSET 999")[0][0]
    source = reader.rows("SELECT id FROM source ORDER BY id LIMIT 1")[0][0]
    key = reader.rows("SELECT jsonb_build_array(sorted_at, id)::text FROM message WHERE id = $1", message)[0][0]
    listed = (last, None, None, None, None, "recent", None, 51)
    found = {
        "issues": ("issues", listed),
        "issues, open and severe": ("issues", (last, "open", 3, *listed[3:])),
        "issues, by words": ("issues", (last, None, None, "problem 7", *listed[4:])),
        "issues, by volume": ("issues", (*listed[:5], "volume", None, 51)),
        "issue": ("issue", (last, issue)),
        "members": ("members", (issue, None, 51)),
        "messages": ("messages", (first, last, None, None, None, None, None, None, 51)),
        "messages, deep": ("messages", (long_ago, last, None, None, None, None, None, key, 51)),
        "messages, by kind and severity": ("messages", (first, last, None, "billing", 1, True, None, None, 51)),
        "messages, by source": ("messages", (first, last, source, None, None, None, None, None, 51)),
        "message": ("message", (message,)),
        "overview": ("overview", (first, last)),
        "series by severity": ("timeseries_severity", (first, last, "messages")),
        "series by source": ("timeseries_source", (first, last, "messages")),
        "series by kind": ("timeseries_kind", (first, last, "messages")),
        "series of customers": ("timeseries_customers", (first, last, "customers")),
        "series by issue": ("timeseries_issue", (first, last, "messages")),
        "series of one issue": ("timeseries_one_issue", (first, last, "messages", issue)),
        "search": ("search", ("invoice", "text", None, "", 50)),
        "sources": ("sources", (last,)),
    }
    return {name: (statement(file), values) for name, (file, values) in found.items()}


def _measure(bound: Reader, free: Reader, text: str, values: tuple[Any, ...]) -> tuple[float, float]:
    """Return the least buffers of some rounds by both ways; the answers must be the same."""
    if bound.rows(text, *values) != free.rows(text, *values):
        raise AssertionError("the answers differ")
    ours = min(buffers(bound.plan(text, *values)) for _ in range(ROUNDS))
    return ours, min(buffers(free.plan(text, *values)) for _ in range(ROUNDS))


def _line(what: str, ours: float, peer: float, bound: Bound) -> Line:
    ratio = Spread.of([ours / peer])
    return Line(what, "buffers", Spread.of([ours]), "explicit WHERE, no policies", Spread.of([peer]), ratio, bound)


def _make_views(past: History) -> None:
    with psycopg.connect(past.installed.admin_url) as connection:
        connection.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE; CREATE SCHEMA {SCHEMA}")
        for table in metadata.sorted_tables:
            column = declaration_of(table).tenant_column
            if column is not None:
                connection.execute(
                    sql.SQL("CREATE VIEW {}.{} AS SELECT * FROM public.{} WHERE {} = {}").format(
                        sql.Identifier(SCHEMA), sql.Identifier(table.name), sql.Identifier(table.name),
                        sql.Identifier(column), sql.Literal(past.tenant_id),
                    )
                )  # fmt: skip
