"""Word vectors from the company words keep: positive pointwise mutual information within a window, reduced by SVD.

Levy and Goldberg 2014, "Neural word embedding as implicit matrix factorization".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.utils.extmath import randomized_svd

from opsintel.embeddings.embedder import normalized
from opsintel.embeddings.words import words_of

CONTEXT_DIMENSIONS = 100
WINDOW = 6
CONTEXT_POWER = 0.75
INVERSE_FREQUENCY = 1e-3
MAX_WORDS = 20_000


def fit_contexts(
    prepared: Sequence[str], seed: int
) -> tuple[tuple[str, ...], NDArray[np.float32], NDArray[np.float32]]:
    """Return the vocabulary of masked texts, a unit vector for each of its words, and the words' weights in a mean."""
    vectorizer = CountVectorizer(
        analyzer=words_of, min_df=2 if len(prepared) >= 50 else 1, max_features=MAX_WORDS, lowercase=False
    )
    try:
        totals = np.asarray(vectorizer.fit_transform(prepared).sum(axis=0)).ravel().astype(np.float64)
    except ValueError:
        return (), np.zeros((0, CONTEXT_DIMENSIONS), np.float32), np.zeros(0, np.float32)
    vocabulary = tuple(str(word) for word in vectorizer.get_feature_names_out())
    information = _pointwise_information(_pairs(prepared, vectorizer.vocabulary_), len(vocabulary))
    rank = min(CONTEXT_DIMENSIONS, len(vocabulary))
    left, strengths, _ = randomized_svd(information, n_components=rank, n_iter=4, random_state=seed)
    vectors = normalized(left * np.sqrt(strengths))
    weights = INVERSE_FREQUENCY / (INVERSE_FREQUENCY + totals / totals.sum())
    return vocabulary, vectors, weights.astype(np.float32)


def _pairs(prepared: Iterable[str], vocabulary: dict[str, int]) -> Any:
    rows: list[NDArray[np.int32]] = []
    columns: list[NDArray[np.int32]] = []
    for text in prepared:
        places = np.array([vocabulary[word] for word in words_of(text) if word in vocabulary], np.int32)
        for distance in range(1, min(WINDOW, len(places) - 1) + 1):
            rows += [places[:-distance], places[distance:]]
            columns += [places[distance:], places[:-distance]]
    size = len(vocabulary)
    if not rows:
        return sparse.identity(size, dtype=np.float32, format="csr") * 0
    row, column = np.concatenate(rows), np.concatenate(columns)
    return sparse.coo_matrix((np.ones(len(row), np.float32), (row, column)), shape=(size, size)).tocsr()


def _pointwise_information(pairs: Any, size: int) -> Any:
    cells = pairs.tocoo()
    if not cells.sum():
        return sparse.identity(size, dtype=np.float32, format="csr") * 0
    word_totals = np.asarray(pairs.sum(axis=1)).ravel()
    context_totals = np.asarray(pairs.sum(axis=0)).ravel() ** CONTEXT_POWER
    expected = word_totals[cells.row] / word_totals.sum() * context_totals[cells.col] / context_totals.sum()
    information = np.log(np.maximum(cells.data / cells.data.sum() / expected, 1e-12))
    positive = information > 0
    return sparse.csr_matrix(
        (information[positive].astype(np.float32), (cells.row[positive], cells.col[positive])), shape=(size, size)
    )
