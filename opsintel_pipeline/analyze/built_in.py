"""The analyses that no model makes: kind, severity and the rest by rules, categories by the nearest examples."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

import psycopg

from opsintel.learning.categories import Guess
from opsintel.taxonomy.taxonomy import JOINT, OTHER, Taxonomy
from opsintel_pipeline.analyze import prompt
from opsintel_pipeline.analyze.learnt import InForce, learnt_in_force, learnt_without, told
from opsintel_pipeline.analyze.message import MessageView
from opsintel_pipeline.analyze.profile import Analysis
from opsintel_pipeline.analyze.rows import Made, Origin
from opsintel_pipeline.analyze.rules import analyze

UNSURE = 0.1
"""Confidence of a category that is none of the taxonomy's: nothing tells."""


@dataclass(frozen=True)
class BuiltIn:
    """What a tenant has without any model."""

    taxonomy: Taxonomy
    in_force: InForce

    @classmethod
    def of(cls, connection: psycopg.Connection, tenant_id: UUID, taxonomy: Taxonomy, *, keep: bool = True) -> BuiltIn:
        """Return the built-in analyser of a tenant by a taxonomy; without `keep` nothing is stored."""
        return cls(taxonomy, learnt_in_force(connection, tenant_id, taxonomy, keep=keep))

    @classmethod
    def without(cls, connection: psycopg.Connection, taxonomy: Taxonomy, messages: Collection[UUID]) -> BuiltIn:
        """Return it as it would be where nobody had corrected some messages; nothing is stored."""
        return cls(taxonomy, InForce(learnt_without(connection, taxonomy, messages), "without"))

    def analyses(self, views: Sequence[MessageView]) -> list[Analysis]:
        """Return the analysis of each message; the same messages give the same ones."""
        found = [analyze(view) for view in views]
        asked = [place for place, one in enumerate(found) if one.is_actionable]
        guesses = self.in_force.learnt.guess([told(views[place].subject, views[place].text) for place in asked])
        for place, guess in zip(asked, guesses, strict=True):
            found[place] = _with_category(found[place], guess)
        return found

    def made(self, messages: Sequence[tuple[UUID, MessageView]]) -> list[Made]:
        """Return the analyses of messages as they are stored."""
        found = self.analyses([view for _, view in messages])
        origin = self.origin()
        return [Made(message_id, view, one, origin) for (message_id, view), one in zip(messages, found, strict=True)]

    def origin(self) -> Origin:
        """Return what such an analysis comes from."""
        return Origin(
            profile_version=prompt.version_of_rules(self.taxonomy), provenance={"categories": self.in_force.version}
        )


def _with_category(found: Analysis, guess: Guess | None) -> Analysis:
    name = OTHER if guess is None else guess.category
    confidence = UNSURE if guess is None else guess.confidence
    doubt = 0.5 if found.injection_suspected else 1.0
    return found.model_copy(
        update={
            "category_path": tuple(name.split(JOINT)),
            "confidence": found.confidence | {"category": round(confidence * doubt, 3)},
            "calibrated": {} if guess is None else {"category": round(guess.confidence, 3)},
        }
    )
