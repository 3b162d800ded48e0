"""Clustering: a day's update of a tenant's issues, against clustering all of the tenant's messages again.

The day is the real stage on the database: its vectors, the sample of what is known, the decision, the rows, the titles.
The peer reads every vector and clusters them. Both with one thread of linear algebra, as runs have.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

import numpy as np
import psycopg
from pgvector.psycopg import register_vector
from threadpoolctl import threadpool_limits

from bench.measure import Spread, in_turns, peak_memory, timed
from bench.report import Bound, Line, Report, compared, grown
from bench.texts import Text, texts
from bench.workplace import Installed, Workplace
from opsintel.clock import today
from opsintel.embeddings.embedder import Embedder
from opsintel.ids import new_id
from opsintel.partitions import Partition
from opsintel.tenants import create_tenant
from opsintel_pipeline.issues import run as issues
from opsintel_pipeline.issues.cluster import cluster
from opsintel_pipeline.issues.refresh import refresh_issues
from opsintel_pipeline.issues.vectors import current_embedder, vectors_of
from opsintel_pipeline.vectors.words import text_to_embed

SIZES = (1_000, 10_000, 100_000)
DAY = 300
"""New messages of a day, whatever the history."""
ROUNDS = 3
PAGE = 2_000
LARGEST_PEER = 10_000
WHY_NOT_LARGER = "above, its exact search of neighbours takes a quarter of an hour a round"
OURS, PEER = "a day's update", "clustering all again"
DOUBLING = Bound(0.38, at_most=True)
"""Exponent of a cost that grows 1.3 times with each doubling."""


@dataclass(frozen=True)
class Tenant:
    """A tenant with a history, its messages in issues already."""

    id: UUID
    slug: str
    size: int


def run(workplace: Workplace) -> Report:
    """Measure the day at three sizes of history, all again at those where it ends in reasonable time."""
    lines, days, memory = [], {}, {}
    with workplace.installation() as installed, threadpool_limits(1):
        for size in SIZES:
            values, memory[size] = _measure(installed, size)
            days[size] = values[OURS]
            what = f"{DAY} new messages on {size:,}"
            if PEER in values:
                lines.append(compared(what, "s", values, ours=OURS, peer=PEER))
            else:
                lines.append(Line(what, "s", Spread.of(values[OURS]), bound=Bound(60, 10, at_most=True)))
    what = f"peak memory of a day on {SIZES[-1]:,}"
    lines.append(Line(what, "MiB", Spread.of(memory[SIZES[-1]]), bound=Bound(4096, at_most=True)))
    return Report(
        lines,
        [
            grown("a day by messages stored", "s", days, DOUBLING),
            grown("peak memory by messages stored", "MiB", memory),
        ],
        [f"Clustering all again is measured up to {LARGEST_PEER:,} messages: {WHY_NOT_LARGER}."],
    )


def _measure(installed: Installed, size: int) -> tuple[dict[str, list[float]], list[float]]:
    """Return the seconds of both, round by round, and the process's peak of memory in a day, in MiB."""
    tenant = _tenant(installed, size)
    contenders = {OURS: lambda: update(installed, tenant)}
    if size <= LARGEST_PEER:
        contenders[PEER] = lambda: timed(lambda: all_again(installed, tenant))
    with peak_memory() as peak:
        update(installed, tenant)
        memory = [peak()]
    return in_turns(contenders, ROUNDS), memory


def update(installed: Installed, tenant: Tenant) -> float:
    """Bring a day of new messages, return the seconds of the stage that finds their issues, take them away again."""
    day = today()
    with psycopg.connect(installed.admin_url) as connection:
        _write(connection, tenant.id, list(texts(DAY, _problems(tenant.size), seed=1)), day, is_new=True)
    seconds = timed(lambda: issues.run(installed.context, Partition(day, tenant.id, tenant.slug)))
    with psycopg.connect(installed.admin_url) as connection:
        connection.execute("UPDATE issue SET example_message_id = NULL WHERE tenant_id = %s", (tenant.id,))
        connection.execute("DELETE FROM message WHERE tenant_id = %s AND partition_day = %s", (tenant.id, day))
        connection.execute(
            "DELETE FROM issue WHERE tenant_id = %s AND NOT EXISTS (SELECT FROM issue_member WHERE"
            " issue_member.tenant_id = issue.tenant_id AND issue_id = issue.id AND removed_at IS NULL)",
            (tenant.id,),
        )
    return seconds


def all_again(installed: Installed, tenant: Tenant) -> None:
    """Read the vectors of all messages and cluster them."""
    with installed.context.database.tenant_tx(tenant.id) as connection:
        embedder, _ = current_embedder(connection, tenant.id, installed.context.settings)
        ids = [row[0] for row in connection.execute("SELECT message_id FROM embedding ORDER BY message_id").fetchall()]
        vectors = vectors_of(connection, embedder.version, ids)
    cluster(np.vstack(list(vectors.values())))


def _tenant(installed: Installed, size: int) -> Tenant:
    """Return a tenant with so many messages, each in the issue of the problem it was made of."""
    slug = f"history-{size}"
    tenant_id = create_tenant(installed.context.database, slug, slug).id
    made = list(texts(size, _problems(size)))
    with psycopg.connect(installed.admin_url) as connection:
        connection.execute("SET session_replication_role = replica")
        ids = _write(connection, tenant_id, made, today() - timedelta(days=500), is_new=False)
        connection.commit()
        connection.execute("ANALYZE")
    with installed.context.database.tenant_tx(tenant_id) as connection:
        embedder, _ = current_embedder(connection, tenant_id, installed.context.settings)
    with psycopg.connect(installed.admin_url) as connection:
        connection.execute("SET session_replication_role = replica")
        _write_vectors(connection, tenant_id, ids, made, embedder)
        connection.commit()
        connection.execute("ANALYZE embedding")
    with installed.context.database.tenant_tx(tenant_id) as connection:
        _write_issues(connection, tenant_id, ids, made, embedder.version)
    with psycopg.connect(installed.admin_url, autocommit=True) as admin:
        admin.execute("VACUUM (ANALYZE)")
    return Tenant(tenant_id, slug, size)


def _problems(size: int) -> int:
    """Return how many problems a tenant of this size has: ten times the messages, three times the problems."""
    return round(30 * math.sqrt(size / 1_000))


def _write(
    connection: psycopg.Connection, tenant_id: UUID, made: Sequence[Text], day: date, *, is_new: bool
) -> list[UUID]:
    ids = [new_id() for _ in made]
    with connection.cursor() as cursor:
        with cursor.copy(
            "COPY message (tenant_id, id, kind, partition_day, occurred_at, content_hash, direction, visibility,"
            " subject, text, language, issue_checked_at) FROM STDIN"
        ) as copy:
            for message_id, text in zip(ids, made, strict=True):
                checked = None if is_new else day
                fixed = (tenant_id, message_id, "email", day, day, message_id.bytes, "inbound", "public")
                copy.write_row((*fixed, text.subject, text.body, text.language, checked))
        with cursor.copy(
            "COPY analysis (tenant_id, id, message_id, partition_day, profile_version, input_hash, status,"
            " is_actionable, kind, category, severity, impact, urgency, sentiment, title, summary, output, provider,"
            " model, built_in) FROM STDIN"
        ) as copy:
            for message_id, text in zip(ids, made, strict=True):
                found = ("default-1", b"", "done", True, "complaint", "Product", 3, "individual", "week", 0)
                said = (text.subject[:80], text.body[:240], "{}", "built-in", "rules-1", True)
                copy.write_row((tenant_id, new_id(), message_id, day, *found, *said))
    return ids


def _write_vectors(
    connection: psycopg.Connection, tenant_id: UUID, ids: Sequence[UUID], made: Sequence[Text], embedder: Embedder
) -> None:
    register_vector(connection)
    statement = "COPY embedding (tenant_id, message_id, model_version, vector) FROM STDIN (FORMAT binary)"
    with connection.cursor().copy(statement) as copy:
        copy.set_types(["uuid", "uuid", "text", "vector"])
        for start in range(0, len(ids), PAGE):
            page = [text_to_embed("email", text.subject, text.body) for text in made[start : start + PAGE]]
            for message_id, vector in zip(ids[start : start + PAGE], embedder.embed(page), strict=True):
                copy.write_row((tenant_id, message_id, embedder.version, vector))


def _write_issues(
    connection: psycopg.Connection, tenant_id: UUID, ids: Sequence[UUID], made: Sequence[Text], version: str
) -> None:
    issue_of = {problem: new_id() for problem in sorted({text.problem for text in made})}
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO issue (tenant_id, id, number, title, title_method, severity) VALUES (%s, %s, %s, '', '', 5)",
            [(tenant_id, issue_id, number) for number, issue_id in enumerate(issue_of.values(), 1)],
        )
        cursor.executemany(
            "INSERT INTO issue_member (tenant_id, id, issue_id, message_id, method, distance, model_version)"
            " VALUES (%s, %s, %s, %s, 'cluster', 0.3, %s)",
            [
                (tenant_id, new_id(), issue_of[text.problem], message_id, version)
                for message_id, text in zip(ids, made, strict=True)
            ],
        )
    refresh_issues(connection, tenant_id, issue_of.values(), version)
