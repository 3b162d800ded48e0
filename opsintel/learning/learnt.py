"""What was learnt of a tenant's messages and corrections, as it is kept: it guesses categories, and finds examples.

All of it comes out of one fit and is read again bit by bit: a run that was killed goes on with the same model and gives
the same rows.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

import numpy as np

from opsintel.embeddings.embedder import Vectors
from opsintel.embeddings.lexical import LexicalEmbedder, rounded
from opsintel.learning.categories import Category, CategoryModel, Guess, Learner
from opsintel.learning.neighbourhood import Neighbourhood

LEAST_LIKENESS = 0.35
"""Cosine from which on a corrected message is an example for another."""

LEAST_TIMES_CHANCE = 2.0
"""A guess that is less sure than so many times one out of all categories says nothing."""


@dataclass(frozen=True, slots=True)
class Corrected:
    """A message that people corrected: its words, and its category where that was corrected."""

    message_id: UUID
    text: str
    category: str | None


@dataclass(frozen=True)
class Learnt:
    """A fit, with the messages it can show as examples."""

    embedder: LexicalEmbedder
    neighbourhood: Neighbourhood
    model: CategoryModel
    example_ids: tuple[UUID, ...]
    examples: Vectors

    @classmethod
    def of(cls, categories: Sequence[Category], texts: Sequence[str], corrected: Sequence[Corrected]) -> Learnt:
        """Return what can be learnt of a tenant's texts, categories and corrections; the same gives the same.

        A correction to what is none of the categories teaches nothing, but is an example.
        """
        words = [text for category in categories for text in (category.words, *category.examples)]
        embedder = rounded(LexicalEmbedder.fit([*texts, *words]))
        neighbourhood = _rounded(Learner.of(embedder, texts).neighbourhood)
        learner = Learner.over(embedder, neighbourhood)
        names = {category.name for category in categories}
        teaching = [one for one in corrected if one.category in names]
        features = learner.features([one.text for one in teaching])
        model = learner.learn(categories, features, [one.category or "" for one in teaching])
        vectors = _half(embedder.embed([one.text for one in corrected]))
        return cls(embedder, neighbourhood, model, tuple(one.message_id for one in corrected), vectors)

    def guess(self, texts: Sequence[str]) -> list[Guess | None]:
        """Return the category of each text with its calibrated confidence; None where nothing tells."""
        if not texts:
            return []
        features = self.neighbourhood.features(self.embedder.embed(texts))
        least = LEAST_TIMES_CHANCE / max(2 * LEAST_TIMES_CHANCE, len(self.model.categories))
        known = np.asarray(features[:, :-1].any(axis=1)).tolist()
        return [
            one if is_known and one.confidence >= least else None
            for one, is_known in zip(self.model.guess(features), known, strict=True)
        ]

    def nearest(self, texts: Sequence[str], count: int, without: Collection[UUID] = ()) -> list[UUID]:
        """Return the corrected messages that are most like any of the texts, the most like first; at most `count`.

        `without`: messages that are none, such as those that the texts are of.
        """
        if not texts or not self.example_ids:
            return []
        likeness = (self.embedder.embed(texts) @ self.examples.T).max(axis=0)
        ranked = np.argsort(-likeness, kind="stable").tolist()
        order = [place for place in ranked if self.example_ids[place] not in without]
        return [self.example_ids[place] for place in order[:count] if likeness[place] >= LEAST_LIKENESS]

    def to_bytes(self) -> bytes:
        """Return an archive of arrays and JSON, nothing that runs."""
        categories = [[one.name, one.description, list(one.examples)] for one in self.model.categories]
        said = {
            "categories": categories, "temperature": self.model.temperature,
            "examples": [str(message_id) for message_id in self.example_ids],
        }  # fmt: skip
        buffer = io.BytesIO()
        np.savez(
            buffer,
            embedder=np.frombuffer(self.embedder.to_bytes(), np.uint8),
            landmarks=self.neighbourhood.vectors.astype(np.float16),
            joined=self.neighbourhood.joined.astype(np.float16),
            coefficients=self.model.coefficients,
            examples=self.examples.astype(np.float16),
            said=np.frombuffer(json.dumps(said).encode(), np.uint8),
        )
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> Learnt:
        """Return what `to_bytes` wrote; raises `ValueError` for what another release wrote."""
        with np.load(io.BytesIO(content), allow_pickle=False) as stored:
            if set(stored) != {"embedder", "landmarks", "joined", "coefficients", "examples", "said"}:
                raise ValueError("learnt by another release")
            said = json.loads(stored["said"].tobytes())
            categories = tuple(Category(name, text, tuple(examples)) for name, text, examples in said["categories"])
            return cls(
                LexicalEmbedder.from_bytes(stored["embedder"].tobytes()),
                Neighbourhood(stored["landmarks"].astype(np.float32), stored["joined"].astype(np.float32)),
                CategoryModel(categories, stored["coefficients"], said["temperature"]),
                tuple(UUID(text) for text in said["examples"]),
                stored["examples"].astype(np.float32),
            )


def version_of(content: bytes) -> str:
    """Return the identity of a fit by what `to_bytes` wrote."""
    return f"categories-{hashlib.sha256(content).hexdigest()[:16]}"


def _half(vectors: Vectors) -> Vectors:
    """Return vectors as they are after being kept."""
    return vectors.astype(np.float16).astype(np.float32)


def _rounded(neighbourhood: Neighbourhood) -> Neighbourhood:
    return replace(neighbourhood, vectors=_half(neighbourhood.vectors), joined=_half(neighbourhood.joined))
