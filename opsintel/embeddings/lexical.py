"""The built-in lexical embedder: nothing to download, fitted on a tenant's own messages.

Two views side by side: T, TF-IDF of words and of characters within words, reduced by SVD; and P, word vectors from
positive pointwise mutual information within a window (Levy and Goldberg 2014), averaged with smooth inverse frequency
and without their first component (Arora, Liang and Ma 2017). It is not a language model: paraphrases without common
words and other languages are beyond it, and wherever its results are seen it says so.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer
from sklearn.utils.extmath import randomized_svd

from opsintel.embeddings.embedder import Vectors, normalized

WORD_DIMENSIONS = 200
CONTEXT_DIMENSIONS = 100
CONTEXT_WEIGHT = 0.6
WINDOW = 6
CONTEXT_POWER = 0.75
INVERSE_FREQUENCY = 1e-3
MAX_FIT_TEXTS = 30_000
MAX_WORDS = 20_000
HASH_FEATURES = 1 << 17
MAX_CHARACTERS = 2_000

_TOKEN = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?|\d+")
_MASKS = (
    (re.compile(r"https?://\S+|www\.\S+"), " url "),
    (re.compile(r"\S+@\S+\.\w+"), " email "),
    (re.compile(r"\d+(?:[.,:/-]\d+)+|\d{3,}"), " number "),
)


def masked(text: str) -> str:
    """Return a text in lower case with addresses and numbers replaced by their kind: they name no problem."""
    text = unicodedata.normalize("NFKC", text[:MAX_CHARACTERS]).lower()
    for pattern, kind in _MASKS:
        text = pattern.sub(kind, text)
    return text


def words_of(text: str) -> list[str]:
    """Return the words of a masked text."""
    return _TOKEN.findall(text)


def _features() -> tuple[HashingVectorizer, HashingVectorizer]:
    shared = {"n_features": HASH_FEATURES, "alternate_sign": False, "norm": None, "dtype": np.float32}
    return (
        HashingVectorizer(analyzer="word", ngram_range=(1, 2), token_pattern=_TOKEN.pattern, lowercase=False, **shared),
        HashingVectorizer(analyzer="char_wb", ngram_range=(3, 5), lowercase=False, **shared),
    )


def _counts(texts: Sequence[str]) -> Any:
    blocks = [vectorizer.transform(texts) for vectorizer in _features()]
    counts = sparse.hstack(blocks, format="csr", dtype=np.float32)
    counts.data = 1 + np.log(counts.data)
    return counts


@dataclass(frozen=True)
class LexicalEmbedder:
    """A fitted lexical embedder; implements `Embedder`."""

    idf: NDArray[np.float32]
    word_components: NDArray[np.float32]
    feature_index: NDArray[np.int32]
    vocabulary: tuple[str, ...]
    word_vectors: NDArray[np.float32]
    word_weights: NDArray[np.float32]
    common_component: NDArray[np.float32]
    version: str = ""

    name = "lexical"
    built_in = True

    @property
    def dimensions(self) -> int:
        """Length of a vector."""
        return WORD_DIMENSIONS + CONTEXT_DIMENSIONS

    @classmethod
    def fit(cls, texts: Sequence[str], seed: int = 0) -> LexicalEmbedder:
        """Return an embedder fitted on texts; the same texts and seed give the same one, at any number of texts."""
        prepared = [masked(text) for text in _sample(texts, seed)]
        idf, feature_index, components = _fit_words(prepared, seed)
        vocabulary, vectors, weights = _fit_contexts(prepared, seed)
        fitted = cls(
            idf, components, feature_index, vocabulary, vectors, weights, np.zeros(vectors.shape[1], np.float32)
        )
        means = fitted._context_means(prepared)
        fitted = cls(idf, components, feature_index, vocabulary, vectors, weights, _first_direction(means, seed))
        return cls(**{**fitted.__dict__, "version": f"lexical-{hashlib.sha256(fitted.to_bytes()).hexdigest()[:16]}"})

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return one unit row for each text; zeros for a text without known features."""
        prepared = [masked(text) for text in texts]
        if not prepared:
            return np.zeros((0, self.dimensions), np.float32)
        weighted = _counts(prepared)[:, self.feature_index].multiply(self.idf).tocsr()
        words = _padded(normalized(weighted @ self.word_components), WORD_DIMENSIONS)
        means = self._context_means(prepared)
        means = means - np.outer(means @ self.common_component, self.common_component)
        contexts = _padded(normalized(means), CONTEXT_DIMENSIONS)
        return normalized(np.hstack([words, CONTEXT_WEIGHT * contexts]))

    def to_bytes(self) -> bytes:
        """Return the fitted model as an npz archive; it holds arrays and JSON, nothing that runs."""
        buffer = io.BytesIO()
        np.savez_compressed(
            buffer,
            idf=self.idf.astype(np.float16),
            word_components=self.word_components.astype(np.float16),
            feature_index=self.feature_index,
            vocabulary=np.frombuffer(json.dumps(self.vocabulary, ensure_ascii=False).encode(), np.uint8),
            word_vectors=self.word_vectors.astype(np.float16),
            word_weights=self.word_weights.astype(np.float16),
            common_component=self.common_component.astype(np.float16),
            version=np.frombuffer(self.version.encode(), np.uint8),
        )
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> LexicalEmbedder:
        """Return the model that `to_bytes` wrote."""
        with np.load(io.BytesIO(content), allow_pickle=False) as stored:
            return cls(
                stored["idf"].astype(np.float32),
                stored["word_components"].astype(np.float32),
                stored["feature_index"],
                tuple(json.loads(stored["vocabulary"].tobytes())),
                stored["word_vectors"].astype(np.float32),
                stored["word_weights"].astype(np.float32),
                stored["common_component"].astype(np.float32),
                stored["version"].tobytes().decode(),
            )

    def _context_means(self, prepared: Sequence[str]) -> NDArray[np.float32]:
        index = {word: place for place, word in enumerate(self.vocabulary)}
        means = np.zeros((len(prepared), self.word_vectors.shape[1]), np.float32)
        for row, text in enumerate(prepared):
            places = [index[word] for word in words_of(text) if word in index]
            if places:
                means[row] = self.word_weights[places] @ self.word_vectors[places] / len(places)
        return means


def rounded(embedder: LexicalEmbedder) -> LexicalEmbedder:
    """Return the embedder as it is after being stored, so that fresh and stored ones give the same vectors."""
    return LexicalEmbedder.from_bytes(embedder.to_bytes())


def _sample(texts: Sequence[str], seed: int) -> Sequence[str]:
    if len(texts) <= MAX_FIT_TEXTS:
        return texts
    chosen = np.random.default_rng(seed).choice(len(texts), MAX_FIT_TEXTS, replace=False)
    return [texts[place] for place in sorted(chosen)]


def _fit_words(
    prepared: Sequence[str], seed: int
) -> tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.float32]]:
    counts: Any = _counts(prepared) if prepared else sparse.csr_matrix(np.zeros((0, 2 * HASH_FEATURES), np.float32))
    frequency = np.asarray((counts > 0).sum(axis=0)).ravel()
    least = 2 if len(prepared) >= 200 else 1
    index = np.flatnonzero(frequency >= least).astype(np.int32)
    idf = np.asarray(np.log((1 + len(prepared)) / (1 + frequency[index])) + 1, dtype=np.float32)
    weighted = counts[:, index].multiply(idf).tocsr()
    lengths = np.sqrt(np.asarray(weighted.multiply(weighted).sum(axis=1)).ravel())
    weighted = sparse.diags(1 / np.where(lengths > 0, lengths, 1)) @ weighted
    components = _components(weighted, WORD_DIMENSIONS, seed)
    return idf, index, components


def _components(matrix: Any, dimensions: int, seed: int) -> NDArray[np.float32]:
    rank = min(dimensions, *matrix.shape)
    if rank < 1:
        return np.zeros((matrix.shape[1], 0), np.float32)
    _, _, right = randomized_svd(matrix, n_components=rank, n_iter=4, random_state=seed)
    return np.ascontiguousarray(right.T, dtype=np.float32)


def _fit_contexts(
    prepared: Sequence[str], seed: int
) -> tuple[tuple[str, ...], NDArray[np.float32], NDArray[np.float32]]:
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
    if cells.nnz == 0:
        return sparse.identity(size, dtype=np.float32, format="csr") * 0
    word_totals = np.asarray(pairs.sum(axis=1)).ravel()
    context_totals = np.asarray(pairs.sum(axis=0)).ravel() ** CONTEXT_POWER
    expected = word_totals[cells.row] / word_totals.sum() * context_totals[cells.col] / context_totals.sum()
    information = np.log(np.maximum(cells.data / cells.data.sum() / expected, 1e-12))
    positive = information > 0
    return sparse.csr_matrix(
        (information[positive].astype(np.float32), (cells.row[positive], cells.col[positive])), shape=(size, size)
    )


def _first_direction(rows: NDArray[np.float32], seed: int) -> NDArray[np.float32]:
    if min(rows.shape) < 2 or not rows.any():
        return np.zeros(rows.shape[1], np.float32)
    _, _, right = randomized_svd(rows, n_components=1, n_iter=4, random_state=seed)
    return np.asarray(right[0], np.float32)


def _padded(rows: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    return np.pad(rows, ((0, 0), (0, width - rows.shape[1]))) if rows.shape[1] < width else rows
