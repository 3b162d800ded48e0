"""The issues of a partition: its messages find their place among the tenant's durable issues, days ascending."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from uuid import UUID

import numpy as np
import psycopg
from numpy.typing import NDArray

from opsintel.context import Context
from opsintel.embeddings.embedder import Embedder
from opsintel.partitions import Partition, StageResult
from opsintel.queue.outbox import announce_days
from opsintel_pipeline.issues import assign, store
from opsintel_pipeline.issues.cluster import CENTRED_JOIN_DISTANCE, LEXICAL_JOIN_DISTANCE, MODEL_JOIN_DISTANCE
from opsintel_pipeline.issues.naming import name_issues
from opsintel_pipeline.issues.refresh import refresh_issues
from opsintel_pipeline.issues.state import DayResult, Membership
from opsintel_pipeline.issues.vectors import put_in_force, vectors_of
from opsintel_pipeline.vectors import by_model
from opsintel_pipeline.vectors.kept import Version, awaited


def run(context: Context, partition: Partition) -> StageResult:
    """Assign a day's messages and return how many members the day has. A re-run keeps memberships.

    What waits for a vector by the tenant's model is assigned once it is there.
    """
    by_model.fill(context, partition.tenant_id)
    with context.database.tenant_tx(partition.tenant_id) as connection:
        embedder = _prepare(connection, context, partition.tenant_id)
        released = store.release_left_out(connection, partition.day)
        leads = store.day_leads(connection, partition.day)
        followers = store.day_followers(connection, partition.day)
        late = _awaited(connection, embedder, [*leads, *followers])
        leads, followers = ([one for one in each if one not in late] for each in (leads, followers))
        result = DayResult()
        if leads or followers:

            def rows(message_ids: list[UUID]) -> assign.Rows:
                return _with_words(vectors_of(connection, embedder.version, message_ids))

            result = assign.day_step(
                store.load_state(connection, embedder.version),
                rows(leads),
                later=rows(store.later_leads(connection, partition.day)),
                followers=rows(followers),
                join_distance=_join_distance(embedder),
            )
            store.mark_checked(connection, [*leads, *followers])
        touched = store.store_result(connection, partition.tenant_id, result, embedder.version)
        followed = store.follow_threads(
            connection, partition.tenant_id, partition.day, result.memberships, embedder.version
        )
        touched |= {membership.issue_id for membership in followed}
        touched |= released | store.outdated_issues(connection, partition.day)
        refresh_issues(connection, partition.tenant_id, touched, embedder.version)
        other_days = _other_days(connection, result, followed, partition.day)
        announce_days(connection, partition.tenant_id, other_days, "issues changed", "marts")
        members = _members(connection, partition.day)
    named = name_issues(context, partition.tenant_id, touched, partition.day)
    return StageResult(
        members,
        {
            "assigned_now": len(result.memberships),
            "new_issues": len(result.new_issues),
            "merged": len(result.merged),
            "waiting": len(result.unassigned),
            "without_vector": len(late),
            "named": named,
            "embedder": embedder.name,
            "built_in": int(embedder.built_in),
        },
    )


def consolidate(context: Context, tenant_id: UUID) -> StageResult:
    """Merge fragments and move what is clearly misplaced, over all of a tenant; returns the memberships changed."""
    by_model.fill(context, tenant_id)
    with context.database.tenant_tx(tenant_id) as connection:
        embedder = _prepare(connection, context, tenant_id)
        state = store.load_state(connection, embedder.version)
        result = assign.consolidate(state, join_distance=_join_distance(embedder))
        touched = store.store_result(connection, tenant_id, result, embedder.version)
        refresh_issues(connection, tenant_id, touched, embedder.version)
        announce_days(connection, tenant_id, _other_days(connection, result, [], None), "issues changed", "marts")
    name_issues(context, tenant_id, touched)
    return StageResult(len(result.memberships), {"merged": len(result.merged), "new_issues": len(result.new_issues)})


def _prepare(connection: psycopg.Connection, context: Context, tenant_id: UUID) -> Embedder | Version:
    """Take the tenant's lock and make every vector there has to be; a new embedder moves the centroids too."""
    store.lock_tenant(connection, tenant_id)
    embedder, is_new = put_in_force(connection, tenant_id, context.settings)
    if is_new:
        issues = connection.execute("SELECT id FROM issue WHERE merged_into IS NULL ORDER BY number").fetchall()
        refresh_issues(connection, tenant_id, [row[0] for row in issues], embedder.version)
    return embedder


def _awaited(connection: psycopg.Connection, embedder: Embedder | Version, message_ids: list[UUID]) -> set[UUID]:
    return awaited(connection, embedder, message_ids) if isinstance(embedder, Version) else set()


def _join_distance(embedder: Embedder | Version) -> float:
    if isinstance(embedder, Version):
        return CENTRED_JOIN_DISTANCE
    return LEXICAL_JOIN_DISTANCE if embedder.built_in else MODEL_JOIN_DISTANCE


def _with_words(vectors: dict[UUID, NDArray[np.float32]]) -> dict[UUID, NDArray[np.float32]]:
    return {message_id: vector for message_id, vector in vectors.items() if vector.any()}


def _other_days(
    connection: psycopg.Connection, result: DayResult, followed: Sequence[Membership], day: date | None
) -> set[date]:
    """Return the days whose marts a step has changed, besides the one that is under way."""
    moved = [membership.message_id for membership in (*result.memberships, *followed)]
    rows = connection.execute(
        "SELECT DISTINCT partition_day FROM message WHERE id = ANY(%s) OR id IN ("
        " SELECT message_id FROM issue_member WHERE removed_at IS NULL AND issue_id = ANY(%s)"
        " AND method = 'consolidation')",
        (moved, list(result.merged.values())),
    ).fetchall()
    return {row[0] for row in rows} - {day}


def _members(connection: psycopg.Connection, day: date) -> int:
    row = connection.execute(
        "SELECT count(*) FROM issue_member JOIN message ON message.id = issue_member.message_id"
        " WHERE message.partition_day = %s AND issue_member.removed_at IS NULL",
        (day,),
    ).fetchone()
    return int(row[0]) if row else 0
