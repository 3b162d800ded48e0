"""How much better categories become with corrections: the learning curve on labelled messages."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import f1_score

from opsintel.embeddings.lexical import LexicalEmbedder
from opsintel.learning.calibration import calibration_error
from opsintel.learning.categories import Category, Guess, Learner

CORRECTIONS = (0, 1, 3, 10, 30)
"""Corrections of each category, as far as it has so many messages."""
HELD_OUT = 0.5
MOST_HELD_OUT = 2_000

Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Point:
    """What was right on held-out messages after so many corrections of each category: means over the seeds."""

    corrections: int
    accuracy: float
    accuracy_spread: float
    macro_f1: float
    macro_f1_spread: float
    calibration_error: float
    cpu_seconds: float


def learning_curve(
    texts: Sequence[str],
    labels: Sequence[str],
    *,
    seed: int = 0,
    repeats: int = 3,
    progress: Callable[[], object] = lambda: None,
) -> list[Point]:
    """Return a point for each number of corrections; spread is the standard deviation over `repeats` draws.

    The embedder reads every text, the held-out ones too, never a held-out label: a tenant's messages are all there
    before anybody has corrected one. Half of each category is held out; a category that has one message has it to
    learn from. CPU seconds are those of learning and of guessing, reading the texts once left out.
    """
    learner = Learner.of(LexicalEmbedder.fit(texts, seed=seed), texts, seed)
    categories = [Category(name) for name in dict.fromkeys(labels)]
    features = learner.features(texts)
    truth = np.array(labels)
    measured: dict[int, list[tuple[float, ...]]] = {corrections: [] for corrections in CORRECTIONS}
    for draw in range(repeats):
        held_out, pools = _split(truth, seed + draw)
        for corrections in CORRECTIONS:
            shown = np.concatenate([pool[:corrections] for pool in pools])
            began = time.process_time()
            model = learner.learn(categories, features[shown], truth[shown].tolist())
            guesses = model.guess(features[held_out])
            spent = time.process_time() - began
            measured[corrections].append((*_measures(guesses, truth[held_out].tolist()), spent))
            progress()
    return [_point(corrections, values) for corrections, values in measured.items()]


def _split(labels: NDArray[np.str_], seed: int) -> tuple[Places, list[Places]]:
    """Return the held-out places, and those of each category to draw corrections from."""
    chance = np.random.default_rng(seed)
    order = chance.permutation(len(labels))
    held_out, pools = [], []
    for name in dict.fromkeys(labels.tolist()):
        places = order[labels[order] == name]
        size = int(len(places) * HELD_OUT)
        held_out.append(places[:size])
        pools.append(places[size:])
    return chance.permutation(np.concatenate(held_out))[:MOST_HELD_OUT], pools


def _measures(guesses: Sequence[Guess], truth: Sequence[str]) -> Iterator[float]:
    guessed = [guess.category for guess in guesses]
    right = np.array([guess == true for guess, true in zip(guessed, truth, strict=True)])
    yield float(right.mean())
    yield float(f1_score(truth, guessed, average="macro", labels=sorted(set(truth)), zero_division=0))
    yield calibration_error(np.array([guess.confidence for guess in guesses]), right)


def _point(corrections: int, values: Sequence[tuple[float, ...]]) -> Point:
    means, spreads = np.mean(values, axis=0), np.std(values, axis=0)
    figures = (means[0], spreads[0], means[1], spreads[1], means[2], means[3])
    return Point(corrections, *(round(float(figure), 4) for figure in figures))
