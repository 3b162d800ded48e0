"""Text that a spreadsheet would take for a formula, made text."""

from __future__ import annotations

import re

from opsintel_pipeline.act.rows import Cell

# What programs pass over before a formula: blanks, controls, quotation marks, characters without width.
_PASSED_OVER = (
    '[ \\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\xa0\\xad"`'
    "\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f-\u2064\u3000\ufeff]"
)
_FORMULA = re.compile(rf"(\A|[\n\r\t;\x85])({_PASSED_OVER}*+)(?=[=+\-@＝＋－＠﹢﹣﹦﹫])")
_SEPARATED_AT_ONCE = ("\t", "\r", "\n")


def as_text(value: Cell) -> Cell:
    """Return a CSV cell of which no spreadsheet takes a part for a formula: such a part gets an apostrophe in front.

    A part is the cell, each of its lines, and what follows a tab or semicolon, where a program may divide it
    (https://owasp.org/www-community/attacks/CSV_Injection). Numbers stay numbers.
    """
    if not isinstance(value, str):
        return value
    guarded = _FORMULA.sub(r"\1'\2", value)
    return f"'{guarded}" if guarded.startswith(_SEPARATED_AT_ONCE) else guarded
