"""The day step: new messages find their issue, or form new ones; old ones move only when the gain is clear.

New messages, recent ones without an issue and a sample of every issue's members are clustered together, which sees
more than a comparison with centroids and costs the same whatever the tenant has stored (the pool is bounded). The
clusters then take the ids that are there (carry_over.py).
"""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from opsintel.embeddings.embedder import Vectors
from opsintel.ids import new_id
from opsintel_pipeline.issues.carry_over import carry_over
from opsintel_pipeline.issues.cluster import JOIN_DISTANCE, cluster
from opsintel_pipeline.issues.constraints import apply_constraints
from opsintel_pipeline.issues.state import DayResult, KnownIssue, Membership, Pool, TenantState

POOL_SIZE = 6_000
LEAST_PER_ISSUE = 8
CLEAR_GAIN = 0.15
NEAR = 0.45
"""Cosine distance within which a message that no cluster took joins the nearest issue."""


def day_step(
    state: TenantState,
    messages: dict[UUID, NDArray[np.float32]],
    *,
    join_distance: float = JOIN_DISTANCE,
    make_id: Callable[[], UUID] = new_id,
) -> DayResult:
    """Decide the issues of a day's messages, given the state before; changes the state accordingly.

    `messages` maps ids to unit vectors, in a stable order; those that are in an issue already are left alone, so a
    re-run of a day changes nothing.
    """
    known = {message_id for issue in state.issues for message_id in issue.members}
    fresh = {message_id: vector for message_id, vector in messages.items() if message_id not in known}
    result = DayResult()
    if fresh:
        pool = _pool(state, fresh)
        labels = cluster(pool.vectors, join_distance=join_distance)
        _apply_clusters(state, pool, labels.tolist(), set(fresh), result, make_id)
    apply_constraints(state, result, fresh)
    return result


def consolidate(state: TenantState, *, join_distance: float = JOIN_DISTANCE) -> DayResult:
    """Look again at everything at hand: merge fragments and move what is clearly in the wrong place."""
    result = DayResult()
    pool = _pool(state, {})
    if pool.ids:
        labels = cluster(pool.vectors, join_distance=join_distance)
        _apply_clusters(state, pool, labels.tolist(), set(), result, new_id)
    apply_constraints(state, result, {})
    return result


def _pool(state: TenantState, fresh: dict[UUID, NDArray[np.float32]]) -> Pool:
    ids = list(fresh)
    vectors = list(fresh.values())
    issue_of: list[UUID | None] = [None] * len(ids)
    waiting = [item for item in list(state.unassigned.items())[-POOL_SIZE // 4 :] if item[0] not in fresh]
    for message_id, vector in waiting:
        ids.append(message_id)
        vectors.append(vector)
        issue_of.append(None)
    room = max(0, POOL_SIZE - len(ids))
    share = max(LEAST_PER_ISSUE, room // max(1, len(state.issues)))
    spare = room - sum(min(len(issue.members), share) for issue in state.issues)
    for issue in state.issues:
        extra = max(0, spare) // max(1, len(state.issues))
        for message_id, vector in list(issue.members.items())[-(share + extra) :]:
            ids.append(message_id)
            vectors.append(vector)
            issue_of.append(issue.id)
    rows: Vectors = np.vstack(vectors) if vectors else np.zeros((0, 1), np.float32)
    return Pool(ids, rows, issue_of)


def _apply_clusters(
    state: TenantState,
    pool: Pool,
    labels: list[int],
    fresh: set[UUID],
    result: DayResult,
    make_id: Callable[[], UUID],
) -> None:
    by_id = {issue.id: issue for issue in state.issues}
    sizes = {issue.id: issue.size for issue in state.issues}
    carried = carry_over(pool, np.asarray(labels), sizes, _bound_apart(state))
    for source, target in carried.merged.items():
        _merge(state, by_id, source, target)
    result.merged.update(carried.merged)
    clusters: dict[int, list[int]] = {}
    for place, label in enumerate(labels):
        clusters.setdefault(label, []).append(place)
    for label, places in clusters.items():
        free = [place for place in places if pool.issue_of[place] is None]
        issue_id = carried.issue_of_cluster.get(label)
        if issue_id is None and len(free) >= 2:
            issue_id = make_id()
            by_id[issue_id] = KnownIssue(issue_id, np.zeros(pool.vectors.shape[1], np.float32), 0, {})
            state.issues.append(by_id[issue_id])
            result.new_issues.append(issue_id)
        if issue_id is not None:
            for place in free:
                _add(by_id[issue_id], pool.ids[place], pool.vectors[place])
    _settle(state, pool, labels, carried.issue_of_cluster, by_id, fresh, result)


def _settle(
    state: TenantState,
    pool: Pool,
    labels: list[int],
    issue_of_cluster: dict[int, UUID],
    by_id: dict[UUID, KnownIssue],
    fresh: set[UUID],
    result: DayResult,
) -> None:
    """Record every decision with its distance and runner-up; move old members only when the gain is clear."""
    place_of = {message_id: issue.id for issue in state.issues for message_id in issue.members}
    ordered = list(state.issues)
    centroids = np.array([issue.centroid for issue in ordered]) if ordered else np.zeros((0, 1), np.float32)
    distances = 1 - pool.vectors @ centroids.T if ordered else np.zeros((len(pool.ids), 0), np.float32)
    column = {issue.id: place for place, issue in enumerate(ordered)}
    for place, message_id in enumerate(pool.ids):
        row = distances[place]
        now_in = place_of.get(message_id)
        if pool.issue_of[place] is not None:
            target = issue_of_cluster.get(labels[place])
            if now_in is None or target is None or target == now_in:
                continue
            if row[column[now_in]] - row[column[target]] > CLEAR_GAIN:
                _remove(by_id[now_in], message_id)
                _add(by_id[target], message_id, pool.vectors[place])
                result.memberships.append(_membership(message_id, target, "move", row, ordered, column, now_in))
        elif now_in is not None:
            state.unassigned.pop(message_id, None)
            result.memberships.append(_membership(message_id, now_in, "cluster", row, ordered, column))
        elif len(row) and float(row.min()) <= NEAR:
            target = ordered[int(row.argmin())].id
            _add(by_id[target], message_id, pool.vectors[place])
            state.unassigned.pop(message_id, None)
            result.memberships.append(_membership(message_id, target, "centroid", row, ordered, column))
        else:
            state.unassigned[message_id] = pool.vectors[place]
            if message_id in fresh:
                result.unassigned.append(message_id)


def _membership(
    message_id: UUID,
    issue_id: UUID,
    method: str,
    distances: NDArray[np.float32],
    ordered: list[KnownIssue],
    column: dict[UUID, int],
    moved_from: UUID | None = None,
) -> Membership:
    own = column[issue_id]
    others = np.delete(np.arange(len(ordered)), own)
    second = int(others[distances[others].argmin()]) if len(others) else None
    return Membership(
        message_id,
        issue_id,
        method,
        round(float(distances[own]), 6),
        ordered[second].id if second is not None else None,
        round(float(distances[second]), 6) if second is not None else None,
        moved_from=moved_from,
    )


def _bound_apart(state: TenantState) -> set[UUID]:
    """Return the issues that hold a message of a cannot-link: merging them away could undo a person's decision."""
    bound = {m for c in state.constraints if not c.must for m in (c.message_a, c.message_b)}
    return {issue.id for issue in state.issues if bound & issue.members.keys()}


def _merge(state: TenantState, by_id: dict[UUID, KnownIssue], source: UUID, target: UUID) -> None:
    gone = by_id.pop(source)
    kept = by_id[target]
    kept.vector_sum = kept.vector_sum + gone.vector_sum
    kept.size += gone.size
    kept.members |= gone.members
    state.issues.remove(gone)


def _add(issue: KnownIssue, message_id: UUID, vector: NDArray[np.float32]) -> None:
    issue.members[message_id] = vector
    issue.vector_sum = issue.vector_sum + vector
    issue.size += 1


def _remove(issue: KnownIssue, message_id: UUID) -> None:
    issue.vector_sum = issue.vector_sum - issue.members.pop(message_id)
    issue.size -= 1
