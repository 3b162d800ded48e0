"""Two-stage clustering: many small communities in a neighbour graph, then their centroids joined by average link.

Each vector is first smoothed with its nearest neighbours. The graph joins mutual likes: its edges are weighted by the
Jaccard overlap of neighbour sets (Jarvis and Patrick 1973); communities come from Leiden with the constant Potts model
(Traag, Waltman and van Eck 2019). Few vectors need no graph, which would see neighbours where there are none: up to
`FEW` they are smoothed once and joined by average link directly. One setting for every tenant; the same input in the
same order gives the same result.
"""

from __future__ import annotations

import graspologic_native
import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage

from opsintel.embeddings.embedder import Vectors, normalized

SMOOTHING_NEIGHBOURS = 8
SMOOTHING_ROUNDS = 2
GRAPH_NEIGHBOURS = 15
COMMUNITY_RESOLUTION = 0.015
FEW = 1_000
FEW_NEIGHBOURS = 4
FEW_JOIN_FACTOR = 1.27
"""Single vectors lie farther apart than centroids of communities: the cut for them is that much wider."""
JOIN_DISTANCE = 0.55
LEXICAL_JOIN_DISTANCE = 0.55
MODEL_JOIN_DISTANCE = 0.25
CENTRED_JOIN_DISTANCE = 0.4
"""Of vectors by a provider's model, whose common part is taken out; between the two others, and not measured."""
BLOCK = 1024
SEED = 0

Labels = NDArray[np.int64]


def nearest(vectors: Vectors, count: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return, for each row, the places and similarities of its `count` nearest other rows, nearest first.

    Exact, in blocks: memory grows with the rows, time with their square.
    """
    size = len(vectors)
    count = max(0, min(count, size - 1))
    places = np.zeros((size, count), np.int64)
    similarities = np.zeros((size, count), np.float32)
    for start in range(0, size, BLOCK) if count else ():
        block = vectors[start : start + BLOCK] @ vectors.T
        rows = np.arange(len(block))
        block[rows, start + rows] = -np.inf
        top = np.argpartition(-block, count - 1, axis=1)[:, :count]
        found = np.take_along_axis(block, top, axis=1)
        order = np.lexsort((top, -found), axis=1)
        places[start : start + len(block)] = np.take_along_axis(top, order, axis=1)
        similarities[start : start + len(block)] = np.take_along_axis(found, order, axis=1)
    return places, similarities


def smoothed(vectors: Vectors, neighbours: int, rounds: int) -> Vectors:
    """Return each vector with the mean of its nearest neighbours added, some rounds over."""
    for _ in range(rounds):
        places, _similarities = nearest(vectors, neighbours)
        if places.shape[1]:
            vectors = normalized(vectors + vectors[places].mean(axis=1))
    return vectors


def cluster(vectors: Vectors, *, join_distance: float = JOIN_DISTANCE) -> Labels:
    """Return a label for each row, 0 and up in order of first appearance; rows of zeros stand alone."""
    filled = vectors.any(axis=1)
    if not filled.all():
        labels = np.arange(len(vectors), dtype=np.int64) + len(vectors)
        labels[filled] = cluster(vectors[filled], join_distance=join_distance)
        return _renumbered(labels)
    size = len(vectors)
    if size < 3:
        return _small(vectors, join_distance)
    if size <= FEW:
        few = smoothed(vectors, min(FEW_NEIGHBOURS, size // 3), 1)
        return _renumbered(_average_link(few, join_distance * FEW_JOIN_FACTOR))
    smooth = smoothed(vectors, SMOOTHING_NEIGHBOURS, SMOOTHING_ROUNDS)
    communities = _communities(smooth)
    centroids = normalized(_sums(smooth, communities))
    return _renumbered(_average_link(centroids, join_distance)[communities])


def _average_link(vectors: Vectors, distance: float) -> Labels:
    if len(vectors) < 2:
        return np.zeros(len(vectors), np.int64)
    joined = linkage(vectors, "average", metric="cosine")
    return np.asarray(fcluster(np.nan_to_num(joined, nan=1.0), distance, "distance"), np.int64)


def _small(vectors: Vectors, join_distance: float) -> Labels:
    if len(vectors) == 2 and float(vectors[0] @ vectors[1]) >= 1 - join_distance:
        return np.zeros(2, np.int64)
    return np.arange(len(vectors), dtype=np.int64)


def _communities(vectors: Vectors) -> Labels:
    places, similarities = nearest(vectors, min(GRAPH_NEIGHBOURS, max(2, len(vectors) // 4)))
    edges = _jaccard_edges(places, similarities)
    labels = np.full(len(vectors), -1, np.int64)
    if edges:
        _, partition = graspologic_native.leiden(
            edges=edges, starting_communities=None, resolution=COMMUNITY_RESOLUTION, randomness=0.001, iterations=2,
            use_modularity=False, seed=SEED, trials=1,
        )  # fmt: skip
        for node, community in partition.items():
            labels[int(node)] = community
    alone = np.flatnonzero(labels < 0)
    labels[alone] = labels.max() + 1 + np.arange(len(alone))
    return _renumbered(labels)


def _jaccard_edges(places: NDArray[np.int64], similarities: NDArray[np.float32]) -> list[tuple[str, str, float]]:
    neighbours = [set(row) | {place} for place, row in enumerate(places.tolist())]
    edges: dict[tuple[int, int], float] = {}
    for row, (columns, likenesses) in enumerate(zip(places.tolist(), similarities.tolist(), strict=True)):
        for column, likeness in zip(columns, likenesses, strict=True):
            key = (row, column) if row < column else (column, row)
            if key in edges or likeness <= 0:
                continue
            common = len(neighbours[row] & neighbours[column])
            weight = common / (len(neighbours[row]) + len(neighbours[column]) - common)
            if weight > 0:
                edges[key] = weight
    return [(str(row), str(column), weight) for (row, column), weight in sorted(edges.items())]


def _sums(vectors: Vectors, labels: Labels) -> NDArray[np.float32]:
    sums = np.zeros((int(labels.max()) + 1, vectors.shape[1]), np.float32)
    np.add.at(sums, labels, vectors)
    return sums


def _renumbered(labels: Labels) -> Labels:
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    order = np.argsort(np.argsort(first))
    return np.asarray(order[inverse], np.int64)
