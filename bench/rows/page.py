"""Deep page: the message list from a cursor, against the same statement with OFFSET."""

from __future__ import annotations

import json
from datetime import timedelta
from functools import partial

from bench.history import DAYS, history
from bench.measure import in_turns
from bench.reader import Reader, open_reader
from bench.report import Bound, Report, compared, grown
from bench.workplace import Workplace
from opsintel.clock import today
from opsintel_api.reading import statement

SIZE = 100_000
DEPTHS = (500, 5_000, 50_000)
LIMIT = 51
"""Rows asked for: a page of 50, and one more that tells whether there are more."""
ROUNDS = 7
OURS, OFFSET = "cursor", "OFFSET"
FLAT = Bound(0.1, at_most=True)


def run(workplace: Workplace) -> Report:
    """Measure a page at three depths of a list of all messages."""
    with history(workplace, SIZE) as past, open_reader(past) as reader:
        values = {depth: _measure(reader, depth) for depth in DEPTHS}
    return Report(
        [
            compared(
                f"page of 50 at row {depth:,} of {SIZE:,}", "ms", values[depth], ours=OURS, peer=OFFSET,
                bound=Bound(50) if depth == DEPTHS[-1] else None, inverted=True,
            )
            for depth in DEPTHS
        ],
        [
            grown("a page by its depth", "ms", {depth: values[depth][OURS] for depth in DEPTHS}, FLAT),
            grown("OFFSET by its depth", "ms", {depth: values[depth][OFFSET] for depth in DEPTHS}),
        ],
    )  # fmt: skip


def _measure(reader: Reader, depth: int) -> dict[str, list[float]]:
    """Return the milliseconds of a page by both ways, which must give the same rows."""
    filters = (today() - timedelta(days=DAYS), today(), None, None, None, None, None)
    listed = statement("messages")
    with_offset = listed.replace("LIMIT $9", f"OFFSET {depth} LIMIT $9")
    keys = json.dumps(json.loads(reader.rows(with_offset, *filters, None, 1)[0][1]))
    before = reader.rows(listed.replace("LIMIT $9", f"OFFSET {depth - 1} LIMIT $9"), *filters, None, 1)[0][1]
    by_cursor = reader.rows(listed, *filters, before, LIMIT)
    if by_cursor != reader.rows(with_offset, *filters, None, LIMIT) or json.loads(by_cursor[0][1]) != json.loads(keys):
        raise AssertionError("the two pages differ")
    return in_turns(
        {
            OURS: partial(reader.milliseconds, listed, *filters, before, LIMIT),
            OFFSET: partial(reader.milliseconds, with_offset, *filters, None, LIMIT),
        },
        ROUNDS,
    )
