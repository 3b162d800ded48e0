"""A provider's mailbox in memory, read by the product's own feed, and a sheet in memory, written by its own plan."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import BaseModel

from opsintel.connectors.contract import (
    Check,
    Checkpoint,
    Connector,
    Cursor,
    Manifest,
    PayloadFormat,
    ReadItem,
    Upsert,
    Window,
)
from opsintel.context import Context
from opsintel.sources.source import Source
from opsintel_pipeline.act.rows import COLUMNS, KEY_COLUMN, ExportRow
from opsintel_pipeline.act.sheets.plan import Written, merged_ranges, plan_sheet
from opsintel_pipeline.simulation.script import Script

PAGE = 2
"""Items between two checkpoints."""


class MailboxConfig(BaseModel):
    """Nothing to configure."""


@dataclass
class Mailbox:
    """Items in the order in which they came."""

    items: list[Upsert] = field(default_factory=list)

    def deliver(self, native_id: str, version: str, occurred_at: datetime) -> None:
        """Add an item, or a new version of one."""
        payload = f"{native_id} {version}".encode()
        self.items.append(Upsert(native_id, version, payload, PayloadFormat.RECORD, occurred_at))


class MailboxConnector(Connector):
    """Reads a mailbox from a place on."""

    manifest = Manifest("simulated", "Simulated", "A mailbox in memory", MailboxConfig)

    def __init__(self, mailbox: Mailbox) -> None:
        super().__init__(MailboxConfig())
        self._mailbox = mailbox

    def check(self) -> list[Check]:
        """Return nothing: there is nothing to check."""
        return []

    def read(self, stream: str, cursor: Cursor | None, until: datetime | None = None) -> Iterator[ReadItem]:
        """Yield what came after the cursor, with a checkpoint every few items."""
        del stream, until
        place = int(cursor["place"]) if cursor else 0
        while place < len(self._mailbox.items):
            yield from self._mailbox.items[place : place + PAGE]
            place = min(place + PAGE, len(self._mailbox.items))
            yield Checkpoint({"place": place})

    def census(self, window: Window) -> Iterator[tuple[str, datetime | None]]:
        """Yield what there is."""
        del window
        yield from ((item.native_id, item.occurred_at) for item in self._mailbox.items)

    def fetch(self, keys: Iterable[str]) -> Iterator[ReadItem]:
        """Yield the named items."""
        wanted = set(keys)
        yield from (item for item in self._mailbox.items if item.native_id in wanted)


@dataclass(frozen=True, slots=True)
class SimulatedSource(Source):
    """A source whose connector reads a mailbox in memory."""

    mailbox: Mailbox = field(default_factory=Mailbox)

    def connector(self, context: Context, stop: threading.Event | None = None) -> Connector:
        """Return the connector of the mailbox."""
        del context, stop
        return MailboxConnector(self.mailbox)


@dataclass
class Sheet:
    """A sheet, and what the export's ledger says of it."""

    cells: dict[tuple[int, int], object] = field(default_factory=dict)
    ledger: dict[str, Written] = field(default_factory=dict)

    def export(self, keys: Iterable[str], script: Script) -> None:
        """Bring the sheet up to date as the product's plan says; a crash may come before, between and after."""
        rows = [ExportRow(key, tuple(f"{name} of {key}" for name in COLUMNS)) for key in keys]
        header = [str(self.cells.get((1, column), "")) for column in range(1, self._width() + 1)]
        plan = plan_sheet(rows, header, self._keys(header), dict(self.ledger), "stay")
        script.point("before writing to the sheet")
        for row, column, block in merged_ranges(plan.updates):
            for down, values in enumerate(block):
                self.cells |= {(row + down, column + across): value for across, value in enumerate(values)}
        script.point("after writing to the sheet", pause=True, weight=5)
        self.ledger |= {key: Written(digest, state) for key, (state, _, digest) in plan.states.items()}

    def keys(self) -> list[str]:
        """Return the keys that stand in the sheet, each as often as it does."""
        header = [str(self.cells.get((1, column), "")) for column in range(1, self._width() + 1)]
        return [key for key in self._keys(header) if key]

    def _width(self) -> int:
        return max((column for row, column in self.cells if row == 1), default=0)

    def _keys(self, header: list[str]) -> list[str]:
        if KEY_COLUMN not in header:
            return []
        column = header.index(KEY_COLUMN) + 1
        height = max((row for row, at in self.cells if at == column), default=1)
        return [str(self.cells.get((row, column), "")) for row in range(2, height + 1)]
