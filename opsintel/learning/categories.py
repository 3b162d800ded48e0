"""Categories by the nearest described and corrected examples, with no model server and no weights.

A category's own words are its first example; each correction is one more. The tenant's other messages, without any
label, serve twice: as the neighbourhood in which a message is seen (neighbourhood.py), and as examples of what the
first fit says of them (self-training, Yarowsky 1995). The confidence is calibrated by temperature (Guo et al. 2017) on
examples that the fit had not seen.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from opsintel.embeddings.embedder import Embedder, Vectors
from opsintel.learning.neighbourhood import Neighbourhood
from opsintel.learning.regression import fit_coefficients, probabilities

SELF_TRAINED = 2_000
"""Unlabelled messages that the second fit learns from, at most."""
SELF_WEIGHT = 0.5
"""Their weight, all together, against that of what people said."""
LEAST_CERTAINTY = 1.0
"""How much more than nothing the first fit must know of them, in messages of which it is sure."""
FOLDS, FOLDS_OF_MANY, MANY = 5, 3, 200
"""Parts that corrections are cut into to measure the temperature: each is guessed by what the others taught."""
LEAST_TO_CALIBRATE = 15
"""Corrections from which on the temperature is measured on them; before, it is that of the sets of docs/learning.md."""
MOST_HELD_OUT = 400
USUAL_TEMPERATURE = 0.7
_TEMPERATURES = (0.1, 3.0)

_JOINTS = re.compile(r"(?<=[a-zß-ÿ])(?=[A-ZÀ-Þ])|[\W_]+")

Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Category:
    """One of the tenant's categories: its name, levels joined by ' / ', and what it says of itself."""

    name: str
    description: str = ""
    examples: tuple[str, ...] = ()
    """Each counts as much as a correction."""

    @property
    def words(self) -> str:
        """Return what its name and description say, as words."""
        return " ".join(f"{_JOINTS.sub(' ', self.name)} {self.description}".split()).lower()


@dataclass(frozen=True, slots=True)
class Guess:
    """A category and the share of such guesses that are right."""

    category: str
    confidence: float


@dataclass(frozen=True)
class CategoryModel:
    """Categories as learnt from some corrections; `learn` makes it."""

    categories: tuple[Category, ...]
    coefficients: Vectors
    temperature: float

    def guess(self, features: Vectors) -> list[Guess]:
        """Return the category of each message, by its features in the neighbourhood that it was learnt in."""
        shares = probabilities(features @ self.coefficients.T / self.temperature)
        best = shares.argmax(axis=1)
        return [
            Guess(self.categories[place].name, float(shares[row, place])) for row, place in enumerate(best.tolist())
        ]


@dataclass(frozen=True)
class Described:
    """What categories say of themselves: features, each with the place of its category, of so many."""

    features: Vectors
    places: Places
    count: int


@dataclass(frozen=True)
class Learner:
    """What can be known of a tenant's messages before anybody has corrected one."""

    embedder: Embedder
    neighbourhood: Neighbourhood
    unlabelled: Vectors

    @classmethod
    def of(cls, embedder: Embedder, texts: Sequence[str], seed: int = 0) -> Learner:
        """Return a learner that has read texts, which nobody has labelled."""
        return cls.over(embedder, Neighbourhood.of(embedder.embed(texts), seed))

    @classmethod
    def over(cls, embedder: Embedder, neighbourhood: Neighbourhood) -> Learner:
        """Return a learner in a neighbourhood that is there already."""
        return cls(embedder, neighbourhood, neighbourhood.features(neighbourhood.vectors[:SELF_TRAINED]))

    def features(self, texts: Sequence[str]) -> Vectors:
        """Return what a model is asked with about texts."""
        return self.neighbourhood.features(self.embedder.embed(texts))

    def learn(self, categories: Sequence[Category], features: Vectors, corrected: Sequence[str]) -> CategoryModel:
        """Return the model of what people said of messages: their features, and the name of each one's category.

        The same categories and corrections give the same model. Raises `ValueError` without a category.
        """
        if not categories:
            raise ValueError("no category to choose from")
        place_of = {category.name: place for place, category in enumerate(categories)}
        places = np.array([place_of[name] for name in corrected], np.int64)
        described = self._described(categories)
        temperature = self._temperature(described, features, places)
        return CategoryModel(tuple(categories), self._fitted(described, features, places), temperature)

    def _described(self, categories: Sequence[Category]) -> Described:
        """Return the features of what categories say of themselves; those without words say nothing."""
        said = [(place, text) for place, one in enumerate(categories) for text in (one.words, *one.examples) if text]
        places = np.array([place for place, _ in said], np.int64)
        return Described(self.features([text for _, text in said]), places, len(categories))

    def _fitted(self, described: Described, features: Vectors, places: Places) -> Vectors:
        """Return the coefficients, from descriptions and corrections, then also from what these say of the rest."""
        count = described.count
        rows = np.concatenate([described.features, features])
        classes = np.concatenate([described.places, places])
        weights = np.ones(len(rows), np.float32)
        first = fit_coefficients(rows, classes, weights, count)
        shares = probabilities(self.unlabelled @ first.T)
        certainty = shares.max(axis=1, initial=0.0) - 1 / count
        if certainty.sum() < LEAST_CERTAINTY:
            return first
        added = certainty * (SELF_WEIGHT * len(rows) / certainty.sum())
        return fit_coefficients(
            np.concatenate([rows, self.unlabelled]),
            np.concatenate([classes, shares.argmax(axis=1)]),
            np.concatenate([weights, added.astype(np.float32)]),
            count,
        )

    def _temperature(self, described: Described, features: Vectors, places: Places) -> float:
        """Return by what the scores are divided, so that a confidence is the share of guesses that are right."""
        if len(places) < LEAST_TO_CALIBRATE:
            return USUAL_TEMPERATURE
        order = np.random.default_rng(0).permutation(len(places))
        folds = FOLDS if len(order) < MANY else FOLDS_OF_MANY
        size = min(MOST_HELD_OUT, -(-len(order) // folds))
        scores, truth = [], []
        for start in range(0, min(len(order), MOST_HELD_OUT), size):
            held, kept = order[start : start + size], np.concatenate([order[:start], order[start + size :]])
            scores.append(features[held] @ self._fitted(described, features[kept], places[kept]).T)
            truth.append(places[held])
        return temperature_of(np.concatenate(scores), np.concatenate(truth))


def temperature_of(scores: Vectors, places: Places) -> float:
    """Return the temperature at which scores explain the true places best."""
    rows = np.arange(len(places))

    def surprise(logarithm: float) -> float:
        return -float(log_softmax(scores / np.exp(logarithm), axis=1)[rows, places].mean())

    found = minimize_scalar(surprise, bounds=tuple(np.log(_TEMPERATURES)), method="bounded")
    return float(np.exp(found.x))
