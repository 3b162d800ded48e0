"""The built-in embedder: deterministic, storable, useful at any size."""

import numpy as np
import pytest

from opsintel.embeddings.lexical import LexicalEmbedder, rounded
from opsintel.embeddings.words import masked

TEXTS = [
    "my hub lost the wifi after a router change",
    "the hub is offline since we have a new router",
    "refund still not on my bank account",
    "I was charged twice, please refund the money",
    "parcel shown as delivered but nothing is here",
]


class TestLexicalEmbedder:
    def test_puts_texts_with_common_words_near_each_other(self) -> None:
        vectors = LexicalEmbedder.fit(TEXTS * 3).embed(TEXTS)
        likeness = vectors @ vectors.T
        assert likeness[0, 1] > likeness[0, 2]
        assert likeness[2, 3] > likeness[2, 4]

    def test_gives_unit_rows_and_zeros_for_no_words(self) -> None:
        vectors = LexicalEmbedder.fit(TEXTS).embed([*TEXTS, "", "…!"])
        np.testing.assert_allclose(np.linalg.norm(vectors[:5], axis=1), 1, rtol=1e-5)
        assert not vectors[5:].any()

    def test_is_the_same_for_the_same_texts_and_another_for_others(self) -> None:
        assert LexicalEmbedder.fit(TEXTS).version == LexicalEmbedder.fit(TEXTS).version
        assert LexicalEmbedder.fit(TEXTS).version != LexicalEmbedder.fit(TEXTS[:3]).version

    def test_stored_and_read_again_gives_the_same_vectors(self) -> None:
        fitted = rounded(LexicalEmbedder.fit(TEXTS))
        again = LexicalEmbedder.from_bytes(fitted.to_bytes())
        assert again.version == fitted.version
        np.testing.assert_array_equal(again.embed(TEXTS), fitted.embed(TEXTS))

    @pytest.mark.parametrize("count", [0, 1, 2, 10])
    def test_fits_on_any_number_of_texts(self, count: int) -> None:
        vectors = LexicalEmbedder.fit(TEXTS[:1] * count).embed(TEXTS)
        assert vectors.shape == (5, 300)
        assert np.isfinite(vectors).all()

    def test_numbers_and_addresses_are_only_their_kind(self) -> None:
        assert masked("Order 4711-22 ann@example.org") == masked("order 9999-33 bob@example.net")
