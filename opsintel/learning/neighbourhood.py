"""Where a message lies among the tenant's other messages: its own vector beside that of its neighbourhood.

Two messages without a common word can have neighbours in common. A vector is joined twice with the mean of its nearest
landmarks, which are messages of the tenant that need no label.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from opsintel.embeddings.embedder import Vectors, normalized

MAX_LANDMARKS = 6_000
NEIGHBOURS = 8
CONSTANT = 0.2
"""Value of the column that stands for how common a category is."""
_SAME = 0.9999
"""Above this cosine a landmark is the message itself, or says the same, and tells nothing new."""
_PAGE = 500


@dataclass(frozen=True)
class Neighbourhood:
    """Landmarks of a tenant: their vectors, and the same joined once with those around them."""

    vectors: Vectors
    joined: Vectors

    @classmethod
    def of(cls, vectors: Vectors, seed: int = 0) -> Neighbourhood:
        """Return a neighbourhood of `MAX_LANDMARKS` of the vectors at most, in an order that the seed sets."""
        used = vectors[vectors.any(axis=1)]
        used = used[np.random.default_rng(seed).permutation(len(used))[:MAX_LANDMARKS]]
        return cls(used, _joined(used, used, _nearest(used, used)))

    def features(self, vectors: Vectors) -> Vectors:
        """Return a row for each vector: itself, its neighbourhood and a constant, each weighted."""
        near = _nearest(vectors, self.vectors)
        around = _joined(_joined(vectors, self.vectors, near), self.joined, near)
        around[~vectors.any(axis=1)] = 0  # without a word there is no place to be in
        constant = np.full((len(vectors), 1), CONSTANT, np.float32)
        return np.hstack([vectors / np.sqrt(2), around / np.sqrt(2), constant], dtype=np.float32)


def _joined(vectors: Vectors, landmarks: Vectors, near: NDArray[np.int64]) -> Vectors:
    return normalized(vectors + landmarks[near].mean(axis=1)) if near.size else vectors.copy()


def _nearest(vectors: Vectors, landmarks: Vectors) -> NDArray[np.int64]:
    """Return the places of each vector's nearest landmarks, nearest first; those of the same words are passed over."""
    count = min(NEIGHBOURS, max(0, len(landmarks) - 1))
    if not count:
        return np.zeros((len(vectors), 0), np.int64)
    pages = [np.zeros((0, count), np.int64)]
    for start in range(0, len(vectors), _PAGE):
        cosines = vectors[start : start + _PAGE] @ landmarks.T
        cosines[cosines > _SAME] = -1.0
        near = np.argpartition(-cosines, count - 1, axis=1)[:, :count]
        order = np.argsort(-np.take_along_axis(cosines, near, axis=1), axis=1, kind="stable")
        pages.append(np.take_along_axis(near, order, axis=1))
    return np.concatenate(pages)
