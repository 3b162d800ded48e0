"""Every byte of an installation's stores, to look for what must not be there."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import psycopg

from opsintel.people.payloads import readings


def database_bytes(admin_url: str) -> Iterator[tuple[str, bytes]]:
    """Yield (table, row) for every row of every table, as text and with its binary values as they are."""
    with psycopg.connect(admin_url) as connection:
        tables = connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
        ).fetchall()
        for (table,) in tables:
            for row in connection.execute(f'SELECT * FROM "{table}"'.encode()).fetchall():
                yield table, repr(row).encode()
                for cell in row:
                    if isinstance(cell, bytes):
                        yield table, cell
                        if cell[:2] == b"PK":
                            with np.load(io.BytesIO(cell)) as arrays:
                                yield from ((table, arrays[name].tobytes()) for name in arrays)


def folder_bytes(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield (path, content) of every file below a folder."""
    for path in folder.rglob("*"):
        if path.is_file():
            yield str(path.relative_to(folder)), path.read_bytes()


def found(places: Iterable[tuple[str, bytes]], canaries: Iterable[str]) -> set[tuple[str, str]]:
    """Return (place, canary) wherever one is, in whatever way the bytes are read."""
    wanted = {canary.casefold(): re.compile(rf"(?<!\w){re.escape(canary)}", re.IGNORECASE) for canary in canaries}
    return {
        (place, canary)
        for place, content in places
        for text in readings(content)
        for canary, written in wanted.items()
        if written.search(text)
    }
