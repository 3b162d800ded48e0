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

    def test_hold_no_address_link_or_code(self) -> None:
        headline = "Order AB-4711 of ann@example.org at https://x.example lost"
        assert title_for([headline], vectors(1), Counter(), 0).text == "Order … of … at … lost"

    def test_keep_the_small_numbers_that_a_sentence_needs(self) -> None:
        assert title_for(["Salmon at 11 degrees"], vectors(1), Counter(), 0).text == "Salmon at 11 degrees"

    def test_join_no_words_across_a_number(self) -> None:
        assert "salmon at degrees" not in {phrase for phrase, _ in phrases_of("Salmon at 11 degrees")}

    def test_do_not_take_a_phrase_that_other_issues_share(self) -> None:
        headlines = ["Lamp Care charged twice", "Lamp Care taken two times", "charged twice for Lamp Care"]
        background = Counter({"lamp care": 9, "charged twice": 2})
        assert title_for(headlines, vectors(3), background, 60).text == "Charged twice"

    def test_phrases_begin_and_end_with_words_that_tell_something(self) -> None:
        found = {phrase for phrase, _ in phrases_of("Die Lampe in der Küche flackert")}
        assert "lampe in der küche" in found
        assert "die lampe" not in found
