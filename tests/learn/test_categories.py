"""Categories of the built-in analyser: what they know from their names, and what each correction adds."""

import numpy as np
import pytest

from opsintel.embeddings.lexical import LexicalEmbedder
from opsintel.learning.categories import USUAL_TEMPERATURE, Category, CategoryModel, Learner, temperature_of
from opsintel.learning.neighbourhood import Neighbourhood

OFFLINE = [f"my {thing} is offline since the {event}" for thing in ("hub", "router") for event in ("update", "storm")]
REFUND = [f"please {verb} the money for my {thing}" for verb in ("refund", "return") for thing in ("chair", "lamp")]
LOST = [f"the {thing} never arrived at {place}" for thing in ("parcel", "package") for place in ("home", "work")]
TEXTS = [*OFFLINE, *REFUND, *LOST]
NAMED = [Category("network/deviceOffline"), Category("Billing / Refund"), Category("delivery_lost", "parcel missing")]
NAMELESS = [Category("x1"), Category("x2"), Category("x3")]


@pytest.fixture(scope="module")
def learner() -> Learner:
    return Learner.of(LexicalEmbedder.fit(TEXTS), TEXTS)


def learnt(learner: Learner, categories: list[Category], corrections: dict[str, str]) -> CategoryModel:
    return learner.learn(categories, learner.features(list(corrections)), list(corrections.values()))


def guessed(learner: Learner, model: CategoryModel, texts: list[str]) -> list[str]:
    return [guess.category for guess in model.guess(learner.features(texts))]


class TestWithoutCorrections:
    def test_names_and_descriptions_are_words(self) -> None:
        assert [category.words for category in NAMED] == [
            "network device offline", "billing refund", "delivery lost parcel missing",
        ]  # fmt: skip

    def test_a_message_has_the_category_whose_words_are_nearest(self, learner: Learner) -> None:
        model = learnt(learner, NAMED, {})
        assert guessed(learner, model, [OFFLINE[1], REFUND[0], LOST[0]]) == [category.name for category in NAMED]

    def test_a_message_without_the_words_has_that_of_its_neighbours(self, learner: Learner) -> None:
        model = learnt(learner, NAMED, {})
        assert guessed(learner, model, ["return the money"]) == ["Billing / Refund"]

    def test_no_category_is_refused(self, learner: Learner) -> None:
        with pytest.raises(ValueError, match="no category"):
            learnt(learner, [], {})


class TestCorrections:
    def test_one_of_each_gives_a_name_that_says_nothing_its_meaning(self, learner: Learner) -> None:
        model = learnt(learner, NAMELESS, {OFFLINE[0]: "x1", REFUND[0]: "x2", LOST[0]: "x3"})
        assert guessed(learner, model, TEXTS) == ["x1"] * 4 + ["x2"] * 4 + ["x3"] * 4

    def test_outweigh_what_the_names_say(self, learner: Learner) -> None:
        swapped = {text: "Billing / Refund" for text in OFFLINE[:3]}
        model = learnt(learner, NAMED, swapped)
        assert guessed(learner, model, [OFFLINE[3]]) == ["Billing / Refund"]

    def test_the_same_ones_give_the_same_model(self) -> None:
        first, second = (Learner.of(LexicalEmbedder.fit(TEXTS), TEXTS) for _ in range(2))
        models = [learnt(one, NAMED, {REFUND[1]: "Billing / Refund"}) for one in (first, second)]
        np.testing.assert_array_equal(models[0].coefficients, models[1].coefficients)


class TestConfidence:
    def test_is_a_share_and_less_where_words_point_both_ways(self, learner: Learner) -> None:
        model = learnt(learner, NAMELESS, {OFFLINE[0]: "x1", REFUND[0]: "x2", LOST[0]: "x3"})
        clear, torn = model.guess(learner.features([OFFLINE[0], "refund the offline parcel money hub"]))
        assert 1 / 3 < torn.confidence < clear.confidence <= 1

    def test_is_measured_on_corrections_once_there_are_enough(self, learner: Learner) -> None:
        few, many = ({f"{text} {n}": name for n in range(times) for text, name in zip(TEXTS, LABELS, strict=True)}
                     for times in (1, 4))  # fmt: skip
        assert learnt(learner, NAMELESS, few).temperature == USUAL_TEMPERATURE
        assert learnt(learner, NAMELESS, many).temperature != USUAL_TEMPERATURE

    def test_a_higher_temperature_is_found_where_scores_claim_too_much(self) -> None:
        scores = np.array([[4.0, 0.0]] * 10, np.float32)
        always, mostly = np.zeros(10, np.int64), np.array([0] * 7 + [1] * 3)
        assert temperature_of(scores, always) < 1 < temperature_of(scores, mostly)
        share = 1 / (1 + np.exp(-4 / temperature_of(scores, np.array([0] * 8 + [1] * 2))))
        assert share == pytest.approx(0.8, abs=0.02)


LABELS = ["x1"] * 4 + ["x2"] * 4 + ["x3"] * 4


class TestNeighbourhood:
    def test_a_message_without_words_has_none(self, learner: Learner) -> None:
        assert not learner.features(["…"])[0, :-1].any()

    def test_one_landmark_or_none_leaves_a_vector_alone(self) -> None:
        vectors = np.eye(3, dtype=np.float32)
        for landmarks in (vectors[:0], vectors[:1]):
            features = Neighbourhood.of(landmarks).features(vectors)
            np.testing.assert_allclose(features[:, :3], features[:, 3:6])

    def test_what_says_the_same_is_no_neighbour(self) -> None:
        vectors = np.eye(3, dtype=np.float32)
        around = Neighbourhood.of(vectors).features(vectors[:1])[0, 3:6]
        assert around[1] > 0
        assert around[1] == pytest.approx(around[2])
