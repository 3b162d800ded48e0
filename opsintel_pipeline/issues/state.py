"""What the day step knows of a tenant, and what it decides: plain data, without any database."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from opsintel.embeddings.embedder import Vectors


@dataclass(eq=False)
class KnownIssue:
    """An issue as it stands: the sum of its members' vectors, their number, and the members at hand.

    `members` may be a sample (the most recent): the sum and the size speak for all of them.
    """

    id: UUID
    vector_sum: NDArray[np.float32]
    size: int
    members: dict[UUID, NDArray[np.float32]]

    @property
    def centroid(self) -> NDArray[np.float32]:
        """Return the direction of the mean of its members, of length 1."""
        length = float(np.linalg.norm(self.vector_sum))
        return np.asarray(self.vector_sum / length if length else self.vector_sum, np.float32)


@dataclass(frozen=True, slots=True)
class Constraint:
    """A person's decision: two messages belong together (`must`) or never do."""

    id: UUID
    must: bool
    message_a: UUID
    message_b: UUID


@dataclass
class TenantState:
    """All issues of a tenant, messages without one, and the decisions of people."""

    issues: list[KnownIssue]
    unassigned: dict[UUID, NDArray[np.float32]] = field(default_factory=dict)
    constraints: list[Constraint] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Membership:
    """Why a message is in an issue."""

    message_id: UUID
    issue_id: UUID
    method: str
    distance: float
    runner_up: UUID | None
    runner_up_distance: float | None
    decided_by: UUID | None = None
    moved_from: UUID | None = None


@dataclass
class DayResult:
    """What a day step decided; everything it does not name stays as it was."""

    memberships: list[Membership] = field(default_factory=list)
    new_issues: list[UUID] = field(default_factory=list)
    merged: dict[UUID, UUID] = field(default_factory=dict)
    unassigned: list[UUID] = field(default_factory=list)


@dataclass(frozen=True)
class Pool:
    """Messages that are clustered together: ids, vectors, and the issue each is in (None when in none).

    The first `decided` of them are decided on; the others, of days still to come, are only company.
    """

    ids: list[UUID]
    vectors: Vectors
    issue_of: list[UUID | None]
    decided: int
