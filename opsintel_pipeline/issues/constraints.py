"""People's decisions come last and win: what must be together is, what cannot be is not."""

from __future__ import annotations

from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from opsintel_pipeline.issues.state import Constraint, DayResult, KnownIssue, Membership, TenantState


def apply_constraints(state: TenantState, result: DayResult, fresh: dict[UUID, NDArray[np.float32]]) -> None:
    """Replay every constraint over the state and record what it changed in the result."""
    for constraint in sorted(state.constraints, key=lambda c: (not c.must, c.id)):
        place_a = _issue_of(state, constraint.message_a)
        place_b = _issue_of(state, constraint.message_b)
        if constraint.must and place_a is not None and place_b is not place_a:
            _move(state, result, constraint, constraint.message_b, place_b, place_a, fresh)
        elif constraint.must and place_a is None and place_b is not None:
            _move(state, result, constraint, constraint.message_a, None, place_b, fresh)
        elif not constraint.must and place_a is not None and place_a is place_b:
            _expel(state, result, constraint, place_a)


def _issue_of(state: TenantState, message_id: UUID) -> KnownIssue | None:
    return next((issue for issue in state.issues if message_id in issue.members), None)


def _move(
    state: TenantState,
    result: DayResult,
    constraint: Constraint,
    message_id: UUID,
    source: KnownIssue | None,
    target: KnownIssue,
    fresh: dict[UUID, NDArray[np.float32]],
) -> None:
    vector = source.members.get(message_id) if source else state.unassigned.get(message_id, fresh.get(message_id))
    if vector is None:
        return
    if source is not None:
        del source.members[message_id]
        source.vector_sum = source.vector_sum - vector
        source.size -= 1
    state.unassigned.pop(message_id, None)
    distance = 1 - float(vector @ target.centroid)
    target.members[message_id] = vector
    target.vector_sum = target.vector_sum + vector
    target.size += 1
    result.memberships = [m for m in result.memberships if m.message_id != message_id]
    if message_id in result.unassigned:
        result.unassigned.remove(message_id)
    result.memberships.append(
        Membership(
            message_id,
            target.id,
            "constraint",
            round(distance, 6),
            None,
            None,
            constraint.id,
            source.id if source else None,
        )  # fmt: skip
    )


def _expel(state: TenantState, result: DayResult, constraint: Constraint, issue: KnownIssue) -> None:
    """Take the message that is farther from the centroid out; it stays without an issue until it finds another."""
    pair = (constraint.message_a, constraint.message_b)
    farther = max(pair, key=lambda m: (1 - float(issue.members[m] @ issue.centroid), m))
    vector = issue.members.pop(farther)
    issue.vector_sum = issue.vector_sum - vector
    issue.size -= 1
    state.unassigned[farther] = vector
    result.memberships = [m for m in result.memberships if m.message_id != farther]
    result.unassigned.append(farther)
