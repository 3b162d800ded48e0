"""Which stored messages the filters of their sources select: only these are analysed, and all that follows of it.

A filter never deletes. It is evaluated on what is stored, whatever the provider evaluated before, so the result does
not depend on the provider. An occurrence is selected by the filter of its source; a message, by any source that it is
still in. Ages that a filter names count from when it came into force, so that a day that is run again selects the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import LiteralString
from uuid import UUID

import psycopg

from opsintel.errors import InputError
from opsintel.filters.document import tree_of
from opsintel.filters.plan import simplified
from opsintel.filters.sql import matching
from opsintel.filters.syntax import Age, And, Measure, Named, Node, terms
from opsintel.filters.text import written

FOUND_LATER = ("kind", "category", "state")
"""Names that only an analysis or an issue has."""

TREE: LiteralString = (
    "(SELECT tree FROM filter_version AS chosen"
    " WHERE chosen.filter_id = source.filter_id AND chosen.version = source.filter_version)"
)
"""What the filter of a row of `source` says; null for none."""


Place = tuple[UUID, str]
"""A source, and the id of an item there."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A filter in force: what it says, and since when."""

    tree: Node
    since: datetime


def require_selecting(tree: Node) -> None:
    """Raise `InputError` for a filter that asks for what is only known of messages that were analysed."""
    for term in terms(tree):
        if isinstance(term, Measure) or (isinstance(term, Named) and term.field in FOUND_LATER):
            raise InputError(
                f"{written(term)} asks for what the analysis finds, and the filter of a source says what is analysed",
                remedy="Take it out; searches and rules know it",
            )


def covers(earlier: Chosen, later: Chosen) -> bool:
    """Tell whether the earlier filter surely selects all that the later one does: each of its terms stands there too.

    False where it may not. An age of the earlier one reaches further back; the opposite holds of `older_than:`.
    """
    held = set(_conjuncts(later.tree))
    return all(part in held and not _moves_on(part) for part in _conjuncts(earlier.tree))


def judge(connection: psycopg.Connection, places: Sequence[Place]) -> set[date]:
    """Say of what was stored in some places whether it is selected, and return the days on which that has changed.

    In the caller's transaction, which no change of these filters overtakes. It costs next to nothing for a tenant none
    of whose sources has a filter.
    """
    has_filter = _locked(connection, {source_id for source_id, _ in places})
    if not any(has_filter.values()):
        anywhere = connection.execute("SELECT FROM source WHERE filter_id IS NOT NULL LIMIT 1").fetchone()
        if anywhere is None:
            return set()
    return _judged(connection, places, has_filter)


def judge_anew(connection: psycopg.Connection, places: Sequence[Place]) -> set[date]:
    """Do the same where the filter of the places' source has just changed, or was taken off."""
    return _judged(connection, places, _locked(connection, {source_id for source_id, _ in places}))


def _locked(connection: psycopg.Connection, source_ids: Collection[UUID]) -> dict[UUID, bool]:
    """Return which of some sources have a filter; whoever changes it waits until the transaction has ended."""
    return dict(
        connection.execute(
            "SELECT id, filter_id IS NOT NULL FROM source WHERE id = ANY(%s) ORDER BY id FOR KEY SHARE",
            (list(source_ids),),
        ).fetchall()
    )


def _judged(connection: psycopg.Connection, places: Sequence[Place], has_filter: Mapping[UUID, bool]) -> set[date]:
    held = defaultdict[UUID, set[UUID]](set)
    for source_id, message_id in connection.execute(
        "SELECT place.source_id, place.message_id FROM unnest(%s::uuid[], %s::text[]) AS wanted (source_id, native_id)"
        " JOIN message_occurrence AS place USING (source_id, native_id)",
        ([source_id for source_id, _ in places], [native_id for _, native_id in places]),
    ):
        held[source_id].add(message_id)
    for source_id, message_ids in held.items():
        selected = _matching(connection, source_id, message_ids) if has_filter.get(source_id) else message_ids
        connection.execute(
            "UPDATE message_occurrence SET selected = NOT selected WHERE source_id = %(source)s"
            " AND message_id = ANY(%(all)s) AND selected <> (message_id = ANY(%(selected)s))",
            {"source": source_id, "all": list(message_ids), "selected": list(selected)},
        )
    return _settle(connection, set().union(*held.values()))


def _matching(connection: psycopg.Connection, source_id: UUID, message_ids: Collection[UUID]) -> set[UUID]:
    row = connection.execute(f"SELECT {TREE}, filtered_at FROM source WHERE id = %s", (source_id,)).fetchone()
    assert row is not None
    return {found for found, _ in matching(connection, tree_of(row[0]), row[1], among=message_ids)}


def _settle(connection: psycopg.Connection, message_ids: Collection[UUID]) -> set[date]:
    """Have messages be selected as their places are, and return the days on which that has changed.

    What is left out keeps its analyses, none of which is current; what is selected again has its latest one back, and
    goes through the issues anew. The stages do the rest on those days.
    """
    changed = connection.execute(
        """
        WITH changing AS (
            SELECT id FROM message WHERE id = ANY(%s) AND deleted_at IS NULL AND selected <> EXISTS (
                SELECT FROM message_occurrence AS place
                WHERE place.message_id = message.id AND place.deleted_at IS NULL AND place.selected)
            ORDER BY id FOR UPDATE)
        UPDATE message SET selected = NOT selected, issue_checked_at = CASE WHEN selected THEN issue_checked_at END
        FROM changing WHERE message.id = changing.id RETURNING message.id, selected, partition_day
        """,
        (list(message_ids),),
    ).fetchall()
    connection.execute(
        "UPDATE analysis SET current = false WHERE current AND message_id = ANY(%s)",
        ([message_id for message_id, is_selected, _ in changed if not is_selected],),
    )
    connection.execute(
        "UPDATE analysis SET current = true FROM (SELECT DISTINCT ON (message_id) id FROM analysis"
        " WHERE message_id = ANY(%s) ORDER BY message_id, created_at DESC, id DESC) AS latest"
        " WHERE analysis.id = latest.id AND NOT analysis.current",
        ([message_id for message_id, is_selected, _ in changed if is_selected],),
    )
    return {day for _, _, day in changed}


def _conjuncts(tree: Node) -> tuple[Node, ...]:
    plain = simplified(tree)
    return plain.parts if isinstance(plain, And) else (plain,)


def _moves_on(part: Node) -> bool:
    """Tell whether a part of a filter may select more as time goes by."""
    return not (isinstance(part, Age) and part.side == "after") and any(isinstance(term, Age) for term in terms(part))
