"""The built-in embedder: deterministic, storable, useful at any size."""

import io

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

    def test_concepts_join_different_words_and_languages(self) -> None:
        german, spanish = "Ich möchte eine Rückerstattung", "Quiero el reembolso"
        others = ["Das Paket ist nicht da", "El router no conecta"]
        texts = [*TEXTS, german, spanish, *others] * 3
        languages = [*["en"] * 5, "de", "es", "de", "es"] * 3
        vectors = LexicalEmbedder.fit(texts, languages).embed([TEXTS[2], german, spanish, *others])
        likeness = vectors @ vectors.T
        assert likeness[0, 1] > likeness[0, 3]
        assert likeness[1, 2] > likeness[1, 3]
        assert likeness[2, 1] > likeness[2, 4]

    def test_a_language_gathers_no_texts(self) -> None:
        german = ["Der Router ist weg und die Leuchte ist aus", "Das Paket ist weg und der Nachbar ist auch weg"]
        texts = [*TEXTS, *german] * 5
        languages = [*["en"] * 5, *["de"] * 2] * 5
        plain, told = (LexicalEmbedder.fit(texts, known).embed(german) for known in (None, languages))
        assert told[0] @ told[1] < plain[0] @ plain[1]

    def test_a_state_of_another_release_is_refused(self) -> None:
        archive = io.BytesIO()
        np.savez_compressed(archive, idf=np.zeros(3))
        with pytest.raises(ValueError, match="another release"):
            LexicalEmbedder.from_bytes(archive.getvalue())

    @pytest.mark.parametrize("count", [0, 1, 2, 10])
    def test_fits_on_any_number_of_texts(self, count: int) -> None:
        vectors = LexicalEmbedder.fit(TEXTS[:1] * count).embed(TEXTS)
        assert vectors.shape == (5, 300)
        assert np.isfinite(vectors).all()

    def test_numbers_and_addresses_are_only_their_kind(self) -> None:
        assert masked("Order 4711-22 ann@example.org") == masked("order 9999-33 bob@example.net")
