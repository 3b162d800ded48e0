"""The day step: new messages find their issue, or form new ones; old ones move only when the gain is clear.

New messages, recent ones without an issue, a sample of every issue's members and messages of other days that wait for
their own step are clustered together, which sees more than a comparison with centroids and costs the same whatever the
tenant has stored (the pool is bounded). The clusters then take the ids that are there (carry_over.py).
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

FOLLOW = 0.5
"""The same for a follower."""

Rows = dict[UUID, NDArray[np.float32]]
"""Unit vectors by message, in a stable order."""


def day_step(
    state: TenantState,
    messages: Rows,
    *,
    later: Rows | None = None,
    followers: Rows | None = None,
    join_distance: float = JOIN_DISTANCE,
    make_id: Callable[[], UUID] = new_id,
) -> DayResult:
    """Decide the issues of a day's messages, given the state before; changes the state accordingly.

    Those of `messages` that are in an issue already are left alone, so a re-run of a day changes nothing. What `later`
    days hold is company for them and is not decided on. `followers` form no issue, they only join one that is near.
    """
    known = {message_id for issue in state.issues for message_id in issue.members}
    fresh = {message_id: vector for message_id, vector in messages.items() if message_id not in known}
    result = DayResult()
    if fresh:
        pool = _pool(state, fresh, later or {})
        labels = cluster(pool.vectors, join_distance=join_distance)
        _apply_clusters(state, pool, labels.tolist(), set(fresh), result, make_id)
    _follow(state, followers or {}, result)
    apply_constraints(state, result, fresh)
    return result


def consolidate(state: TenantState, *, join_distance: float = JOIN_DISTANCE) -> DayResult:
    """Look again at everything at hand: merge fragments and move what is clearly in the wrong place."""
    result = DayResult()
    pool = _pool(state, {}, {})
    if pool.ids:
        labels = cluster(pool.vectors, join_distance=join_distance)
        _apply_clusters(state, pool, labels.tolist(), set(), result, new_id)
    apply_constraints(state, result, {})
    return result


def _pool(state: TenantState, fresh: Rows, later: Rows) -> Pool:
    issue_of: dict[UUID, UUID | None] = dict.fromkeys(fresh)
    rows = dict(fresh)
    waiting = [item for item in state.unassigned.items() if item[0] not in fresh][-POOL_SIZE // 4 :]
    rows.update(waiting)
    company = [item for item in later.items() if item[0] not in rows][: POOL_SIZE // 4]
    room = max(0, POOL_SIZE - len(rows) - len(company))
    share = max(LEAST_PER_ISSUE, room // max(1, len(state.issues)))
    spare = room - sum(min(len(issue.members), share) for issue in state.issues)
    for issue in state.issues:
        extra = max(0, spare) // max(1, len(state.issues))
        members = list(issue.members.items())[-(share + extra) :]
        rows.update(members)
        issue_of.update(dict.fromkeys((message_id for message_id, _ in members), issue.id))
    decided = len(rows)
    rows.update(company)
    vectors: Vectors = np.vstack(list(rows.values())) if rows else np.zeros((0, 1), np.float32)
    return Pool(list(rows), vectors, [issue_of.get(message_id) for message_id in rows], decided)


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
    places_of: dict[int, list[int]] = {}
    for place, label in enumerate(labels):
        places_of.setdefault(label, []).append(place)
    issue_of_cluster = dict(carried.issue_of_cluster)
    moves = _clear_moves(pool, labels, places_of, issue_of_cluster, carried.merged)
    for label, places in places_of.items():
        joining = [p for p in places if p < pool.decided and (pool.issue_of[p] is None or p in moves)]
        issue_id = issue_of_cluster.get(label)
        company = sum(place >= pool.decided for place in places)
        if issue_id is None and joining and len(joining) + company >= 2:
            issue_id = make_id()
            issue_of_cluster[label] = issue_id
            by_id[issue_id] = KnownIssue(issue_id, np.zeros(pool.vectors.shape[1], np.float32), 0, {})
            state.issues.append(by_id[issue_id])
            result.new_issues.append(issue_id)
        if issue_id is None:
            continue
        for place in joining:
            before = pool.issue_of[place]
            if before is not None:
                _remove(by_id[carried.merged.get(before, before)], pool.ids[place])
            _add(by_id[issue_id], pool.ids[place], pool.vectors[place])
    _settle(state, pool, by_id, fresh, result, carried.merged)


def _clear_moves(
    pool: Pool,
    labels: list[int],
    places_of: dict[int, list[int]],
    issue_of_cluster: dict[int, UUID],
    merged: dict[UUID, UUID],
) -> set[int]:
    """Return the places of members that belong elsewhere now, with a clear gain.

    The members of an issue that today's clustering puts together into another cluster are judged as one group: by how
    much nearer they are, on average, to the rest of that cluster than to the cluster that continues their issue.
    """
    home = {issue_id: label for label, issue_id in issue_of_cluster.items()}
    groups: dict[tuple[UUID, int], list[int]] = {}
    for place, (label, issue_id) in enumerate(zip(labels, pool.issue_of, strict=True)):
        if issue_id is None:
            continue
        issue_id = merged.get(issue_id, issue_id)
        if home.get(issue_id, label) != label:
            groups.setdefault((issue_id, label), []).append(place)
    sums = {label: pool.vectors[places].sum(axis=0) for label, places in places_of.items()}
    moves: set[int] = set()
    for (issue_id, label), places in groups.items():
        vectors = pool.vectors[places]
        rest = sums[label] - vectors
        stay = sums[home[issue_id]]
        gain = _cosines(vectors, rest) - _cosines(vectors, stay[None, :])
        if float(gain.mean()) > CLEAR_GAIN:
            moves.update(places)
    return moves


def _cosines(rows: Vectors, others: Vectors) -> Vectors:
    lengths = np.linalg.norm(others, axis=1)
    return np.asarray((rows * others).sum(axis=1) / np.where(lengths > 0, lengths, 1), np.float32)


def _settle(
    state: TenantState,
    pool: Pool,
    by_id: dict[UUID, KnownIssue],
    fresh: set[UUID],
    result: DayResult,
    merged: dict[UUID, UUID],
) -> None:
    """Record every decision with its distance and runner-up."""
    place_of = {message_id: issue.id for issue in state.issues for message_id in issue.members}
    ordered = list(state.issues)
    centroids = np.array([issue.centroid for issue in ordered]) if ordered else np.zeros((0, 1), np.float32)
    distances = 1 - pool.vectors @ centroids.T if ordered else np.zeros((len(pool.ids), 0), np.float32)
    column = {issue.id: place for place, issue in enumerate(ordered)}
    for place, message_id in enumerate(pool.ids[: pool.decided]):
        row = distances[place]
        now_in = place_of.get(message_id)
        before = pool.issue_of[place]
        if before is not None:
            before = merged.get(before, before)
            if now_in is not None and now_in != before:
                result.memberships.append(_membership(message_id, now_in, "move", row, ordered, column, before))
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


def _follow(state: TenantState, followers: Rows, result: DayResult) -> None:
    """Let each follower join the nearest issue, if that is near enough."""
    ordered = list(state.issues)
    if not followers or not ordered:
        return
    column = {issue.id: place for place, issue in enumerate(ordered)}
    distances = 1 - np.vstack(list(followers.values())) @ np.array([issue.centroid for issue in ordered]).T
    for row, (message_id, vector) in zip(distances, followers.items(), strict=True):
        if float(row.min()) <= FOLLOW:
            target = ordered[int(row.argmin())]
            _add(target, message_id, vector)
            result.memberships.append(_membership(message_id, target.id, "centroid", row, ordered, column))


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
