"""Which rows there are: the modules of `bench/rows`, told apart without importing them."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path

ROWS = Path(__file__).parent / "rows"


@dataclass(frozen=True, slots=True)
class Row:
    """A row by the name of its module, with the first line of its docstring as title."""

    name: str
    title: str


def all_rows() -> list[Row]:
    """Return every row by name."""
    return [
        Row(path.stem, (ast.get_docstring(ast.parse(path.read_text())) or "").splitlines()[0].rstrip("."))
        for path in sorted(ROWS.glob("*.py"))
        if path.stem != "__init__"
    ]
