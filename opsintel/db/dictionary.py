"""The data dictionary: every view and table with its columns, from the declarations that become comments too."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql

from opsintel.db.marts import VIEWS, View
from opsintel.db.tables import declaration_of, metadata

_HEAD = """# Data dictionary
Made by `opsintel dictionary`; the same texts are the comments in the database.

Views of schema `mart` are for [analysts](analysts.md). Columns marked *text* are null without `--text`."""

_TABLES = """## Tables
For the product alone. *Retention* says when rows go by themselves, *erasure* what happens to them with a person."""


def dictionary() -> str:
    """Return the dictionary in Markdown, views first."""
    parts = [_HEAD, "## Views"]
    parts.extend("\n".join(_view(view)) for view in VIEWS)
    parts.append(_TABLES)
    parts.extend("\n".join(_table(metadata.tables[name])) for name in sorted(metadata.tables))
    return "\n\n".join(parts) + "\n"


def _view(view: View) -> Iterator[str]:
    yield f"### {view.name}\n{view.comment}.\n"
    yield from ("| column | meaning |", "|---|---|")
    for column in view.columns:
        yield f"| `{column.name}`{' *text*' if column.is_text else ''} | {_cell(column.comment)} |"


def _table(table: Table) -> Iterator[str]:
    declared = declaration_of(table)
    bound = f"bound by `{declared.tenant_column}`" if declared.tenant_column else "of the installation"
    yield f"### {table.name}\n{table.comment}.\n"
    yield f"{bound[:1].upper()}{bound[1:]}; retention: {declared.retention}; erasure: {declared.erasure}.\n"
    yield from ("| column | type | meaning |", "|---|---|---|")
    for column in table.columns:
        kind = column.type.compile(postgresql.dialect()).lower()  # type: ignore[no-untyped-call]
        yield f"| `{column.name}` | {kind}{', null' if column.nullable else ''} | {_cell(column.comment or '')} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
