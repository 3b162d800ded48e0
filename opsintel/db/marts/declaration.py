"""How an analysts' view is declared: its columns, each with expression and comment, and the rows beneath.

The views belong to `opsintel_mart`, which row security binds to the tenant of `session_user` (opsintel/db/policies.py).
"""

from __future__ import annotations

from dataclasses import dataclass

SEES_TEXT = "(SELECT analyst.sees_text FROM analyst)"
"""Whether the analyst may read texts and personal data; null, and so no, for who is none."""


@dataclass(frozen=True)
class ViewColumn:
    """A column of a view: how it is made, and what it means."""

    name: str
    expression: str
    comment: str
    is_text: bool = False
    """Whether it holds texts or personal data, and is null without the grant."""


@dataclass(frozen=True)
class View:
    """A view of schema `mart`."""

    name: str
    comment: str
    columns: tuple[ViewColumn, ...]
    rows: str
    """What follows FROM."""

    def definition(self) -> str:
        """Return the statement that makes it."""
        listed = ",\n    ".join(f"{column.expression} AS {column.name}" for column in self.columns)
        return f"CREATE VIEW mart.{self.name} WITH (security_barrier = true) AS SELECT\n    {listed}\nFROM {self.rows}"


def plain(name: str, expression: str, comment: str) -> ViewColumn:
    """Return a column of ids, times, figures, or words that the product itself chose."""
    return ViewColumn(name, expression, comment)


def words(name: str, expression: str, comment: str) -> ViewColumn:
    """Return a column of words that a tenant chose.

    It is an expression, not the bare column: the planner's statistics of a column are of all tenants, and its estimate
    in EXPLAIN would tell which words are common elsewhere.
    """
    return ViewColumn(name, f"({expression} || '')", comment)


def personal(name: str, expression: str, comment: str) -> ViewColumn:
    """Return a column of texts or personal data: null for an analyst who was not granted them."""
    return ViewColumn(name, f"CASE WHEN {SEES_TEXT} THEN {expression} END", comment, is_text=True)
