"""Titles: what members share, in the way people write it, without names and numbers."""

from collections import Counter

import numpy as np

from opsintel_pipeline.issues.titles import phrases_of, title_for


def vectors(count: int) -> np.ndarray:
    rows = np.ones((count, 4), np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


class TestTitles:
    def test_are_the_phrase_that_members_share(self) -> None:
        headlines = ["Hub offline after new router", "my Hub offline again", "Hub offline since Monday", "Help please"]
        title = title_for(headlines, vectors(4), Counter(), 100)
        assert title.text == "Hub offline"
        assert title.method == "phrase"
        assert title.coverage == 0.75

    def test_fall_back_to_the_most_typical_member(self) -> None:
        rows = np.array([[1, 0], [0.7, 0.7], [0, 1]], np.float32)
        title = title_for(["Lamp flickers", "Everything is odd", "No refund"], rows, Counter(), 0)
        assert (title.text, title.method, title.example) == ("Everything is odd", "medoid", 1)

    def test_hold_no_address_link_or_number(self) -> None:
        title = title_for(["Order 4711 of ann@example.org at https://x.example lost"], vectors(1), Counter(), 0)
        assert title.text == "Order of at lost"

    def test_phrases_begin_and_end_with_words_that_tell_something(self) -> None:
        found = {phrase for phrase, _ in phrases_of("Die Lampe in der Küche flackert")}
        assert "lampe in der küche" in found
        assert "die lampe" not in found
