"""`python -m tests.isolation.mutants [WORD…]`: every place of isolation taken away, and what notices it.

Words choose places by what their lines hold. Ends with 1 when one survives.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import os
import sys
import tempfile
import time

from opsintel.settings import load_settings
from tests.isolation.conftest import UNLIMITED
from tests.isolation.mutants.runner import Bench, Place, caught_by_suite, open_bench, own_server, places
from tests.isolation.mutants.second_line import SECOND_LINES, SecondLine
from tests.isolation.mutants.source import Change


def main() -> int:
    """Try the places and print the table; returns how many survive, at most 1."""
    parser = argparse.ArgumentParser(description="Takes away every place of isolation, one at a time.")
    parser.add_argument("words", nargs="*", help="only places whose line holds one of these")
    chosen = parser.parse_args().words
    began = time.monotonic()
    with own_server() as server, tempfile.TemporaryDirectory() as folder:
        settings = load_settings(
            {
                "MASTER_ENCRYPTION_KEY": base64.b64encode(os.urandom(32)).decode(),
                "JWT_SECRET": base64.b64encode(os.urandom(48)).decode(),
                "OPSINTEL_DATA_DIR": folder,
                "OPSINTEL_EMBEDDING_DOWNLOAD": "false",
            }
        ).model_copy(update=UNLIMITED)
        survivors = asyncio.run(_all(server, settings, chosen))
    sys.stdout.write(f"{time.monotonic() - began:.0f} s\n")
    return min(survivors, 1)


async def _all(server, settings, chosen: list[str]) -> int:
    counts = {"caught": 0, "second line": 0, "SURVIVES": 0}
    async with open_bench(server, settings) as bench:
        found = places(bench.world.admin_url)
        for place in found:
            if chosen and not any(word in str(place) for word in chosen):
                continue
            verdict, by = await _judged(bench, place)
            counts[verdict] += 1
            sys.stdout.write(f"{verdict:11}  {str(place)[:95]:95}  {by}\n")
            sys.stdout.flush()
    told = ", ".join(f"{count} {name}" for name, count in counts.items())
    sys.stdout.write(f"{sum(counts.values())} places: {told}\n")
    return counts["SURVIVES"]


async def _judged(bench: Bench, place: Place) -> tuple[str, str]:
    if by := await bench.caught_by(place):
        return "caught", by
    if line := _second_line_of(place):
        if by := await line.caught_by(bench, place):
            return "second line", f"{line.why}; without both: {by}"
    elif isinstance(place, Change) and (by := caught_by_suite(place)):
        return "caught", by
    return "SURVIVES", ""


def _second_line_of(place: Place) -> SecondLine | None:
    return next((line for line in SECOND_LINES if line.holds_for(place)), None)


if __name__ == "__main__":
    sys.exit(main())
