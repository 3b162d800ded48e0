"""Days of a labelled set, fed as the product would feed them: for `opsintel eval clusters` and for tests."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from opsintel.embeddings.embedder import Embedder
from opsintel.embeddings.lexical import LexicalEmbedder, rounded
from opsintel.ids import derived_id
from opsintel_pipeline.issues.assign import day_step
from opsintel_pipeline.issues.cluster import LEXICAL_JOIN_DISTANCE, MODEL_JOIN_DISTANCE
from opsintel_pipeline.issues.state import TenantState
from opsintel_pipeline.issues.vectors import FIT_LIMIT, fit_is_due

SETTLED_AFTER_DAYS = 5


@dataclass(frozen=True, slots=True)
class Score:
    """How well issues fit the labels, and how steady their ids were."""

    rows: int
    labels: int
    clusters: int
    ari: float
    nmi: float
    stability: float


def simulate(
    texts: Sequence[str],
    labels: Sequence[str],
    languages: Sequence[str] | None = None,
    *,
    days: int,
    seed: int,
    sentence_model: Embedder | None = None,
    progress: Callable[[], None] = lambda: None,
) -> Score:
    """Spread the rows over days by seed, run a day step for each, and compare the issues with the labels.

    A message in no issue counts as a cluster of its own. Stability is the share of older messages whose issue id is
    what it was the day before, from the fifth day on.
    """
    order = list(range(len(texts)))
    random.Random(seed).shuffle(order)  # noqa: S311  a repeatable order, no secret
    ids = [derived_id("simulation", str(place)) for place in range(len(order))]
    shuffled = [texts[place] for place in order]
    spoken = [languages[place] if languages else "" for place in order]
    bounds = np.linspace(0, len(order), days + 1).astype(int)
    state = TenantState([])
    embedder: Embedder | None = sentence_model
    fitted, yesterday, steadiness = 0, dict[UUID, UUID | None](), []
    for day in range(days):
        start, end = int(bounds[day]), int(bounds[day + 1])
        if sentence_model is None and fit_is_due(end, fitted):
            latest = slice(max(0, end - FIT_LIMIT), end)
            embedder = rounded(LexicalEmbedder.fit(shuffled[latest], spoken[latest]))
            fitted = end
            _move_to(state, embedder, dict(zip(ids[:end], shuffled[:end], strict=True)))
        assert embedder is not None
        vectors = embedder.embed(shuffled[start:end])
        join_distance = LEXICAL_JOIN_DISTANCE if embedder.built_in else MODEL_JOIN_DISTANCE
        day_step(state, dict(zip(ids[start:end], vectors, strict=True)), join_distance=join_distance)
        today = {message_id: issue.id for issue in state.issues for message_id in issue.members}
        if day >= SETTLED_AFTER_DAYS and yesterday:
            same = sum(today.get(message_id) == issue_id for message_id, issue_id in yesterday.items())
            steadiness.append(same / len(yesterday))
        yesterday = {message_id: today.get(message_id) for message_id in ids[:end]}
        progress()
    found = [str(yesterday[message_id] or message_id) for message_id in ids]
    truth = [labels[place] for place in order]
    return Score(
        len(order),
        len(set(truth)),
        len(state.issues),
        round(float(adjusted_rand_score(truth, found)), 4),
        round(float(normalized_mutual_info_score(truth, found)), 4),
        round(float(np.mean(steadiness)) if steadiness else 1.0, 4),
    )


def _move_to(state: TenantState, embedder: Embedder, texts: dict[UUID, str]) -> None:
    """Make every vector of the state anew, as the product does when it refits."""
    vectors = dict(zip(texts, embedder.embed(list(texts.values())), strict=True))
    for issue in state.issues:
        issue.members = {message_id: vectors[message_id] for message_id in issue.members}
        issue.vector_sum = np.sum(list(issue.members.values()), axis=0)
    state.unassigned = {message_id: vectors[message_id] for message_id in state.unassigned}
