"""What has to be written to a sheet: a pure function of the rows, the sheet as it is, and the export ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from opsintel_pipeline.act.rows import COLUMNS, KEY_COLUMN, Cell, ExportRow

DeletedRows = Literal["stay", "return"]


@dataclass(frozen=True, slots=True)
class Written:
    """The ledger's line of a row: what was last written, and in which state it is."""

    digest: bytes
    state: str


@dataclass(frozen=True, slots=True)
class Update:
    """Cells of one row from one column on; row and column count from 1."""

    row: int
    column: int
    cells: tuple[Cell, ...]


@dataclass
class SheetPlan:
    """The writes, and what the ledger will say of each row."""

    updates: list[Update] = field(default_factory=list)
    rows_needed: int = 0
    columns_needed: int = 0
    key_column: int = 1
    new_header: bool = False
    states: dict[str, tuple[str, int | None, bytes]] = field(default_factory=dict)


def plan_sheet(
    rows: Sequence[ExportRow],
    header: Sequence[str],
    keys: Sequence[str],
    ledger: Mapping[str, Written],
    deleted_rows: DeletedRows,
) -> SheetPlan:
    """Return the writes that bring a sheet up to date.

    `header` is the sheet's first row; `keys` the key column below it, "" for rows of people's own. Our columns are
    found by their names wherever people moved them; a missing one is added at the right. With nothing new the plan
    is empty.
    """
    plan = SheetPlan()
    columns = _columns(plan, header)
    place_of = {key: place for place, key in enumerate(keys, start=2) if key}
    next_row = max(len(keys) + 2, 2)
    for row in rows:
        known = ledger.get(row.key)
        place = place_of.get(row.key)
        was_there = known is not None and known.state in ("written", "deleted_by_person")
        if place is None and was_there and deleted_rows == "stay":
            plan.states[row.key] = ("deleted_by_person", None, row.digest)
            continue
        if place is None:
            place, next_row = next_row, next_row + 1
        elif known is not None and known.digest == row.digest and known.state == "written":
            continue
        _write(plan, columns, place, row.key, row.cells)
        plan.states[row.key] = ("written", place, row.digest)
    _withdraw(plan, columns, {row.key for row in rows}, place_of, ledger)
    plan.rows_needed = max(plan.rows_needed, next_row - 1)
    return plan


def _columns(plan: SheetPlan, header: Sequence[str]) -> dict[str, int]:
    names = [name.strip() for name in header]
    columns: dict[str, int] = {}
    for name in (KEY_COLUMN, *COLUMNS):
        if name not in names:
            plan.new_header = plan.new_header or name == KEY_COLUMN
            names.append(name)
            plan.updates.append(Update(1, len(names), (name,)))
        columns[name] = names.index(name) + 1
    plan.columns_needed = len(names)
    plan.key_column = columns[KEY_COLUMN]
    return columns


def _write(plan: SheetPlan, columns: Mapping[str, int], place: int, key: str, cells: Sequence[Cell]) -> None:
    wanted = sorted([(columns[KEY_COLUMN], key), *((columns[n], c) for n, c in zip(COLUMNS, cells, strict=True))])
    start = 0
    for end in range(1, len(wanted) + 1):
        if end == len(wanted) or wanted[end][0] != wanted[end - 1][0] + 1:
            run = wanted[start:end]
            plan.updates.append(Update(place, run[0][0], tuple(cell for _, cell in run)))
            start = end


def _withdraw(
    plan: SheetPlan,
    columns: Mapping[str, int],
    wanted: set[str],
    place_of: Mapping[str, int],
    ledger: Mapping[str, Written],
) -> None:
    """Empty our cells of rows whose issue is gone; the row itself and people's cells stay."""
    for key, known in sorted(ledger.items()):
        if key in wanted or known.state not in ("written", "planned"):
            continue
        if key in place_of:
            cells = tuple("withdrawn" if name == "State" else "" for name in COLUMNS)
            _write(plan, columns, place_of[key], key, cells)
        plan.states[key] = ("withdrawn", place_of.get(key), known.digest)


def merged_ranges(updates: Sequence[Update]) -> list[tuple[int, int, list[list[Cell]]]]:
    """Return (row, column, cells) blocks: updates of equal columns in rows that follow each other become one."""
    blocks: list[tuple[int, int, list[list[Cell]]]] = []
    for update in sorted(updates, key=lambda u: (u.column, len(u.cells), u.row)):
        if blocks:
            row, column, cells = blocks[-1]
            if column == update.column and len(cells[0]) == len(update.cells) and row + len(cells) == update.row:
                cells.append(list(update.cells))
                continue
        blocks.append((update.row, update.column, [list(update.cells)]))
    return blocks
