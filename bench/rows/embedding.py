"""Embedding: sentences a CPU second by the built-in embedder, against the same features by bare scikit-learn.

The peer is what one would write with scikit-learn alone, fitted the same way: hashed words and characters, concepts,
TF-IDF and the reduced components, beside averaged word vectors. Both must give the same vectors, or the row fails.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfTransformer
from sklearn.pipeline import FunctionTransformer, make_pipeline, make_union
from sklearn.preprocessing import normalize

from bench.measure import by_size, in_turns, usage
from bench.report import Bound, Report, compared, grown
from bench.texts import texts
from bench.workplace import Workplace
from opsintel.embeddings import lexical
from opsintel.embeddings.concepts import thesaurus
from opsintel.embeddings.lexical import LexicalEmbedder
from opsintel.embeddings.words import TOKEN, masked, words_of

SIZES = (100, 1_000, 10_000)
MAIN = 1_000
FITTED = 3_000
PROBLEMS = 60
ROUNDS = 9
OURS, PEER = "ours", "bare scikit-learn"


def run(workplace: Workplace) -> Report:
    """Measure sentences a CPU second at the middle size, and the CPU of ours by number of sentences and of the fit."""
    del workplace
    known = list(texts(FITTED, PROBLEMS))
    fresh = [text.body for text in texts(max(SIZES), PROBLEMS, seed=1)]
    embedder = LexicalEmbedder.fit([text.body for text in known], [text.language for text in known])
    peer = by_scikit_learn(embedder)
    sentences = fresh[:MAIN]
    np.testing.assert_allclose(embedder.embed(sentences), peer(sentences), atol=1e-4)

    def rate(embed: Callable[[list[str]], Any]) -> float:
        return MAIN / _cpu(lambda: embed(sentences))

    values = in_turns({OURS: lambda: rate(embedder.embed), PEER: lambda: rate(peer)}, ROUNDS)
    embedding = by_size(lambda size: _cpu(lambda: embedder.embed(fresh[:size])), SIZES, 3)
    fitting = by_size(lambda size: _cpu(lambda: LexicalEmbedder.fit(fresh[:size])), SIZES, 2)
    return Report(
        [compared(f"{MAIN:,} messages", "messages/CPU-s", values, ours=OURS, peer=PEER, bound=Bound(0.9, 1.5))],
        [
            grown("embedding by number of messages", "CPU-s", embedding),
            grown("fitting by number of messages", "CPU-s", fitting),
        ],
        ["Sentence models (ONNX) are measured where weights are at hand; none are here."],
    )


def by_scikit_learn(embedder: LexicalEmbedder) -> Callable[[list[str]], Any]:
    """Return a function from texts to the vectors of a fitted embedder, made of scikit-learn's parts and numpy."""
    hashed = {"n_features": lexical.HASH_FEATURES, "alternate_sign": False, "norm": None, "lowercase": False}
    features = make_pipeline(
        make_union(
            HashingVectorizer(analyzer="word", ngram_range=(1, 2), token_pattern=TOKEN.pattern, **hashed),
            HashingVectorizer(analyzer="char_wb", ngram_range=(3, 5), **hashed),
        ),
        FunctionTransformer(lambda counts: counts[:, embedder.feature_index], accept_sparse=True),
        _weights(embedder.idf),
    )
    names = thesaurus().names
    concepts = make_pipeline(
        CountVectorizer(
            analyzer=lambda text: [names[place] for place in thesaurus().concepts_of(words_of(text))],
            vocabulary=list(embedder.concepts), lowercase=False,
        ),
        _weights(embedder.concept_idf),
    )  # fmt: skip
    counts = CountVectorizer(analyzer=words_of, vocabulary=list(embedder.vocabulary), lowercase=False)
    weighted = sparse.diags(embedder.word_weights) @ embedder.word_vectors
    common, directions = embedder.common_component, embedder.language_directions

    def embed(batch: list[str]) -> Any:
        prepared = [masked(text) for text in batch]
        found = [features.transform(prepared), lexical.CONCEPT_WEIGHT * concepts.transform(prepared)]
        words = normalize(normalize(sparse.hstack(found, format="csr")) @ embedder.components)
        rows = counts.transform(prepared)
        means = rows @ weighted / np.maximum(rows.sum(axis=1).A1.reshape(-1, 1), 1)
        means -= np.outer(means @ common, common)
        vectors = normalize(np.hstack([words, lexical.CONTEXT_WEIGHT * normalize(means)]))
        return normalize(vectors - (vectors @ directions.T) @ directions)

    return embed


def _weights(idf: Any) -> TfidfTransformer:
    """Return a TF-IDF weighting that is fitted already: sublinear, rows of length 1."""
    weights = TfidfTransformer(sublinear_tf=True)
    weights.idf_ = idf.astype(np.float64)
    return weights


def _cpu(work: Callable[[], Any]) -> float:
    with usage() as used:
        work()
    return used.cpu
