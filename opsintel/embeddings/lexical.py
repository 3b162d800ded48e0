"""The built-in lexical embedder: nothing to download, fitted on a tenant's own messages.

Two views side by side. T: TF-IDF of words, of characters within words and of the concepts that a shipped thesaurus
finds in the words (concepts.py), reduced by SVD. P: word vectors from the company words keep (contexts.py), averaged
with smooth inverse frequency and without their first component (Arora, Liang and Ma 2017). What only tells the language
of a text is taken out, so that a language gathers no messages. It is not a language model: paraphrases without common
words or concepts are beyond it, and wherever its results are seen it says so.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.utils.extmath import randomized_svd

from opsintel.embeddings.concepts import thesaurus
from opsintel.embeddings.contexts import CONTEXT_DIMENSIONS, fit_contexts
from opsintel.embeddings.embedder import Vectors, normalized
from opsintel.embeddings.words import TOKEN, masked, words_of

WORD_DIMENSIONS = 200
CONTEXT_WEIGHT = 0.6
CONCEPT_WEIGHT = 0.6
MAX_FIT_TEXTS = 30_000
HASH_FEATURES = 1 << 17
LEAST_OF_A_LANGUAGE = 5
LEAST_SHARE_OF_A_LANGUAGE = 0.02
"""Texts, and share of them, from which on a language is told apart: a few wrongly detected ones are none."""

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class LexicalEmbedder:
    """A fitted lexical embedder; implements `Embedder`.

    `components` has a row for each hashed feature of `feature_index`, then one for each of `concepts`.
    """

    idf: Floats
    feature_index: NDArray[np.int32]
    concepts: tuple[str, ...]
    concept_idf: Floats
    components: Floats
    vocabulary: tuple[str, ...]
    word_vectors: Floats
    word_weights: Floats
    common_component: Floats
    language_directions: Floats
    version: str = ""

    name = "lexical"
    built_in = True

    @property
    def dimensions(self) -> int:
        """Length of a vector."""
        return WORD_DIMENSIONS + CONTEXT_DIMENSIONS

    @classmethod
    def fit(cls, texts: Sequence[str], languages: Sequence[str] | None = None, seed: int = 0) -> LexicalEmbedder:
        """Return an embedder fitted on texts; the same texts and seed give the same one, at any number of texts.

        `languages` are those of the texts (any codes; "" where unknown).
        """
        places = _sample(len(texts), seed)
        prepared = [masked(texts[place]) for place in places]
        features, concepts = _counts(prepared), _concept_counts(prepared)
        frequency = _document_frequency(features)
        index = np.flatnonzero(frequency >= (2 if len(prepared) >= 200 else 1)).astype(np.int32)
        concept_frequency = _document_frequency(concepts)
        used = np.flatnonzero(concept_frequency)
        idf, concept_idf = _idf(frequency[index], len(prepared)), _idf(concept_frequency[used], len(prepared))
        weighted = _joined(features[:, index], idf, concepts[:, used], concept_idf)
        names = tuple(thesaurus().names[place] for place in used)
        fitted = cls(
            idf, index, names, concept_idf, _components(weighted, WORD_DIMENSIONS, seed),
            *fit_contexts(prepared, seed), np.zeros(0, np.float32), np.zeros((0, 0), np.float32),
        )  # fmt: skip
        fitted = replace(fitted, common_component=_first_direction(fitted._context_means(prepared), seed))
        if languages is not None:
            of_language = np.array([languages[place] for place in places])
            fitted = replace(fitted, language_directions=_language_directions(fitted._embed(prepared), of_language))
        return replace(fitted, version=f"lexical-{hashlib.sha256(fitted.to_bytes()).hexdigest()[:16]}")

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return one unit row for each text; zeros for a text without known features."""
        prepared = [masked(text) for text in texts]
        return self._embed(prepared) if prepared else np.zeros((0, self.dimensions), np.float32)

    def to_bytes(self) -> bytes:
        """Return the fitted model as an npz archive; it holds arrays and JSON, nothing that runs."""
        buffer = io.BytesIO()
        arrays = {name: getattr(self, name).astype(np.float16) for name in _FLOATS}
        texts = {name: np.frombuffer(json.dumps(getattr(self, name)).encode(), np.uint8) for name in _TEXTS}
        everything: dict[str, Any] = {"feature_index": self.feature_index, **arrays, **texts}
        np.savez_compressed(buffer, **everything)
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> LexicalEmbedder:
        """Return the model that `to_bytes` wrote; `ValueError` for what an older release wrote."""
        with np.load(io.BytesIO(content), allow_pickle=False) as stored:
            if set(stored) != {"feature_index", *_FLOATS, *_TEXTS}:
                raise ValueError("a fitted embedder of another release")
            arrays = {name: stored[name].astype(np.float32) for name in _FLOATS}
            texts = {name: json.loads(stored[name].tobytes()) for name in _TEXTS}
            return cls(
                feature_index=stored["feature_index"],
                concepts=tuple(texts["concepts"]),
                vocabulary=tuple(texts["vocabulary"]),
                version=texts["version"],
                **arrays,
            )

    def _embed(self, prepared: Sequence[str]) -> Vectors:
        features = _counts(prepared)[:, self.feature_index]
        concepts = _concept_counts(prepared)[:, self._concept_places()]
        weighted = _joined(features, self.idf, concepts, self.concept_idf)
        words = _padded(normalized(np.asarray(weighted @ self.components, np.float32)), WORD_DIMENSIONS)
        means = self._context_means(prepared)
        if self.common_component.size:
            means = means - np.outer(means @ self.common_component, self.common_component)
        contexts = _padded(normalized(means), CONTEXT_DIMENSIONS)
        vectors = normalized(np.hstack([words, CONTEXT_WEIGHT * contexts]))
        if self.language_directions.size:
            directions = self.language_directions
            vectors = normalized(vectors - (vectors @ directions.T) @ directions)
        return vectors

    def _concept_places(self) -> list[int]:
        """Return the columns of the concepts in today's counts; one gone from the thesaurus has the empty last one."""
        names = thesaurus().names
        place_of = {name: place for place, name in enumerate(names)}
        return [place_of.get(name, len(names)) for name in self.concepts]

    def _context_means(self, prepared: Sequence[str]) -> Floats:
        index = {word: place for place, word in enumerate(self.vocabulary)}
        means = np.zeros((len(prepared), self.word_vectors.shape[1]), np.float32)
        for row, text in enumerate(prepared):
            places = [index[word] for word in words_of(text) if word in index]
            if places:
                means[row] = self.word_weights[places] @ self.word_vectors[places] / len(places)
        return means


_FLOATS = (
    "idf", "concept_idf", "components", "word_vectors", "word_weights", "common_component", "language_directions",
)  # fmt: skip
_TEXTS = ("concepts", "vocabulary", "version")


def rounded(embedder: LexicalEmbedder) -> LexicalEmbedder:
    """Return the embedder as it is after being stored, so that fresh and stored ones give the same vectors."""
    return LexicalEmbedder.from_bytes(embedder.to_bytes())


def _features() -> tuple[HashingVectorizer, HashingVectorizer]:
    shared = {"n_features": HASH_FEATURES, "alternate_sign": False, "norm": None, "dtype": np.float32}
    return (
        HashingVectorizer(analyzer="word", ngram_range=(1, 2), token_pattern=TOKEN.pattern, lowercase=False, **shared),
        HashingVectorizer(analyzer="char_wb", ngram_range=(3, 5), lowercase=False, **shared),
    )


def _counts(prepared: Sequence[str]) -> Any:
    if not prepared:
        return sparse.csr_matrix(np.zeros((0, 2 * HASH_FEATURES), np.float32))
    blocks = [vectorizer.transform(prepared) for vectorizer in _features()]
    return _sublinear(sparse.hstack(blocks, format="csr", dtype=np.float32))


def _concept_counts(prepared: Sequence[str]) -> Any:
    """Return how often each concept occurs; one column more than there are concepts, always empty."""
    known = thesaurus()
    found = [known.concepts_of(words_of(text)) for text in prepared]
    columns = np.array([concept for concepts in found for concept in concepts], np.int64)
    rows = np.repeat(np.arange(len(found)), np.array([len(concepts) for concepts in found], np.int64))
    ones = np.ones(len(columns), np.float32)
    return _sublinear(sparse.csr_matrix((ones, (rows, columns)), shape=(len(prepared), len(known.names) + 1)))


def _sublinear(counts: Any) -> Any:
    counts.data = 1 + np.log(counts.data)
    return counts


def _document_frequency(counts: Any) -> NDArray[np.int64]:
    return np.asarray((counts > 0).sum(axis=0)).ravel()


def _idf(frequency: NDArray[np.int64], texts: int) -> Floats:
    return np.asarray(np.log((1 + texts) / (1 + frequency)) + 1, dtype=np.float32)


def _joined(features: Any, idf: Floats, concepts: Any, concept_idf: Floats) -> Any:
    """Return TF-IDF rows of length 1: features and concepts each of length 1, then weighted."""
    blocks = (_unit(features.multiply(idf)), CONCEPT_WEIGHT * _unit(concepts.multiply(concept_idf)))
    return _unit(sparse.hstack(blocks, format="csr", dtype=np.float32))


def _unit(rows: Any) -> Any:
    rows = rows.tocsr()
    lengths = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)).ravel())
    return sparse.diags(1 / np.where(lengths > 0, lengths, 1)) @ rows


def _sample(count: int, seed: int) -> Sequence[int]:
    if count <= MAX_FIT_TEXTS:
        return range(count)
    chosen: list[int] = np.random.default_rng(seed).choice(count, MAX_FIT_TEXTS, replace=False).tolist()
    return sorted(chosen)


def _components(matrix: Any, dimensions: int, seed: int) -> Floats:
    rank = min(dimensions, *matrix.shape)
    if rank < 1:
        return np.zeros((matrix.shape[1], 0), np.float32)
    _, _, right = randomized_svd(matrix, n_components=rank, n_iter=4, random_state=seed)
    return np.ascontiguousarray(right.T, dtype=np.float32)


def _first_direction(rows: Floats, seed: int) -> Floats:
    if min(rows.shape) < 2 or not rows.any():
        return np.zeros(rows.shape[1], np.float32)
    _, _, right = randomized_svd(rows, n_components=1, n_iter=4, random_state=seed)
    return np.asarray(right[0], np.float32)


def _language_directions(vectors: Vectors, languages: NDArray[np.str_]) -> Floats:
    """Return the directions, of length 1 and at right angles, in which the means of the languages differ."""
    names, counts = np.unique(languages, return_counts=True)
    least = max(LEAST_OF_A_LANGUAGE, LEAST_SHARE_OF_A_LANGUAGE * len(languages))
    told_apart = [name for name, count in zip(names, counts, strict=True) if name and count >= least]
    if len(told_apart) < 2:
        return np.zeros((0, vectors.shape[1]), np.float32)
    centre = vectors.mean(axis=0)
    means = np.array([vectors[languages == name].mean(axis=0) - centre for name in told_apart])
    _, strengths, right = np.linalg.svd(means, full_matrices=False)
    return np.asarray(right[: len(told_apart) - 1][strengths[: len(told_apart) - 1] > 1e-3], np.float32)


def _padded(rows: Floats, width: int) -> Floats:
    return np.pad(rows, ((0, 0), (0, width - rows.shape[1]))) if rows.shape[1] < width else rows
