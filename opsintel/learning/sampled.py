"""What people said of analyses that were put before them whether they were right or not: an honest sample.

A correction is made where something is wrong; of what is right nobody says a word. So corrections alone, and a gold set
that is made of them, say nothing of how often a confidence is right. The review queue does. Its random sample, by the
hash of the message's id, asks of whatever is there; and a field below `LOW`, in an item that is there for that, is
asked about because of its confidence, which leaves the share of right ones at that confidence as it is. All else is
chosen by being wrong, and left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, LiteralString
from uuid import UUID

import psycopg

from opsintel.learning.metrics import Judged
from opsintel.learning.review import LOW, SAMPLE, chance_of

_LABELLED: LiteralString = f"""
    WITH looked AS (
        SELECT item.id, item.message_id, item.labels, seen.provider, seen.model, seen.profile_version, seen.confidence,
               seen.output, {chance_of("item.message_id")} < %s AS is_sample,
               item.reason = 'low_confidence' AS was_unsure
        FROM review_item AS item JOIN analysis AS seen ON seen.id = item.analysis_id
        WHERE item.state IN ('confirmed', 'corrected') AND seen.status = 'done'
    ), said AS (
        SELECT DISTINCT ON (message_id, field) message_id, field, new_value FROM correction
        WHERE undone_at IS NULL AND message_id IN (SELECT message_id FROM looked)
        ORDER BY message_id, field, created_at DESC, id DESC
    )
    SELECT provider, model, profile_version, id, confidence, output, is_sample, was_unsure,
        coalesce(labels, '{{}}') || coalesce(
            (SELECT jsonb_object_agg(field, new_value) FROM said WHERE said.message_id = looked.message_id), '{{}}')
    FROM looked ORDER BY id
"""

Maker = tuple[str, str, str]
"""Provider, model and profile version of an analysis."""

_OF_ACTIONABLE = ("kind", "category", "severity")
"""Fields that say nothing of what nobody has to act on."""


def sampled(connection: psycopg.Connection) -> dict[Maker, dict[UUID, Judged]]:
    """Return what was found and said of an honest sample of analyses, by who made them and review item.

    A person who corrects an item leaves what is right: fields that were not corrected are right as they were found.
    """
    found: dict[Maker, dict[UUID, Judged]] = {}
    for *maker, item_id, confidence, output, is_sample, was_unsure, said in connection.execute(_LABELLED, (SAMPLE,)):
        provider, model, profile = maker
        values = output | {"category": " / ".join(output.get("category_path", ()))}
        labels = {
            field: said.get(field, values.get(field))
            for field, sure in _by_field(confidence, "calibrated", "left", "given").items()
            if (is_sample or (was_unsure and sure < LOW))
            and (values.get("is_actionable") or field not in _OF_ACTIONABLE)
        }
        found.setdefault((provider, model, profile), {})[item_id] = Judged(
            labels,
            values,
            _by_field(confidence, "calibrated", "left", "given"),
            _by_field(confidence, "given"),
            _by_field(confidence, "left", "given"),
        )
    return found


def _by_field(confidence: Mapping[str, Any], *parts: str) -> dict[str, float]:
    """Return the first of some parts of each confidence that there is, by the fields that can be corrected."""
    named = {"not_actionable_reason" if name == "is_actionable" else name: each for name, each in confidence.items()}
    return {name: float(next(each[part] for part in parts if part in each)) for name, each in named.items()}
