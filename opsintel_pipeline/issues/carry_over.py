"""Ids that last: today's clusters are matched to the issues that are there.

A cluster takes the id of the issue it overlaps most (assignment problem, Kuhn 1955); what is left over of a split is
new, and an issue whose members nearly all went into another's cluster is merged into that one and stays as an alias.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from uuid import UUID

import numpy as np
from scipy.optimize import linear_sum_assignment

from opsintel_pipeline.issues.cluster import Labels
from opsintel_pipeline.issues.state import Pool

LEAST_OVERLAP = 0.3
MERGE_SHARE = 0.8
MERGE_RATIO = 0.5


@dataclass(frozen=True)
class CarryOver:
    """Which issue each cluster continues, and which issues went into another."""

    issue_of_cluster: dict[int, UUID]
    merged: dict[UUID, UUID]


def carry_over(pool: Pool, labels: Labels, sizes: dict[UUID, int], frozen: set[UUID]) -> CarryOver:
    """Match clusters to issues. `sizes` are whole sizes of issues; `frozen` ones are never merged away."""
    overlap: dict[UUID, Counter[int]] = {}
    for label, issue_id in zip(labels.tolist(), pool.issue_of, strict=True):
        if issue_id is not None:
            overlap.setdefault(issue_id, Counter())[label] += 1
    if not overlap:
        return CarryOver({}, {})
    issues = sorted(overlap)
    clusters = sorted({label for counts in overlap.values() for label in counts})
    table = np.array([[overlap[issue][label] for label in clusters] for issue in issues])
    issue_of_cluster = {}
    for row, column in zip(*linear_sum_assignment(-table), strict=True):
        members = sum(overlap[issues[row]].values())
        if table[row, column] >= LEAST_OVERLAP * members:
            issue_of_cluster[clusters[column]] = issues[row]
    return CarryOver(issue_of_cluster, _merged(overlap, issue_of_cluster, sizes, frozen))


def _merged(
    overlap: dict[UUID, Counter[int]], issue_of_cluster: dict[int, UUID], sizes: dict[UUID, int], frozen: set[UUID]
) -> dict[UUID, UUID]:
    continued = set(issue_of_cluster.values())
    merged = {}
    for issue_id, counts in sorted(overlap.items()):
        if issue_id in continued or issue_id in frozen:
            continue
        label, most = max(counts.items(), key=lambda entry: (entry[1], -entry[0]))
        target = issue_of_cluster.get(label)
        fits = most >= MERGE_SHARE * sum(counts.values())
        if target is not None and fits and sizes[issue_id] <= MERGE_RATIO * sizes[target]:
            merged[issue_id] = target
    return merged
