"""The analyses that no model makes: kind, severity and the rest by rules, categories of the tenant's taxonomy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from opsintel.taxonomy.taxonomy import OTHER, Taxonomy
from opsintel_pipeline.analyze import prompt
from opsintel_pipeline.analyze.message import MessageView
from opsintel_pipeline.analyze.profile import Analysis
from opsintel_pipeline.analyze.rows import Made, Origin
from opsintel_pipeline.analyze.rules import analyze


@dataclass(frozen=True)
class BuiltIn:
    """What a tenant has without any model."""

    taxonomy: Taxonomy

    def analyses(self, views: Sequence[MessageView]) -> list[Analysis]:
        """Return the analysis of each message; the same messages give the same ones."""
        return [self._of_the_taxonomy(analyze(view)) for view in views]

    def made(self, messages: Sequence[tuple[UUID, MessageView]]) -> list[Made]:
        """Return the analyses of messages as they are stored."""
        found = self.analyses([view for _, view in messages])
        origin = self.origin()
        return [Made(message_id, view, one, origin) for (message_id, view), one in zip(messages, found, strict=True)]

    def origin(self) -> Origin:
        """Return what such an analysis comes from."""
        return Origin(profile_version=prompt.version_of_rules(self.taxonomy))

    def _of_the_taxonomy(self, found: Analysis) -> Analysis:
        if not found.category_path or " / ".join(found.category_path) in self.taxonomy.names:
            return found
        return found.model_copy(update={"category_path": (OTHER,)})
