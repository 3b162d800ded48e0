"""`python -m bench.child ROW FOLDER OUTPUT`: measure one row in a process of its own, so that none inherits another's.

Writes {"report"} or, where the row cannot run, {"reason"} to OUTPUT.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path

from bench.report import CannotRun
from bench.workplace import open_workplace


def main(name: str, folder: Path, output: Path) -> None:
    """Measure the row and write what it found."""
    try:
        row = import_module(f"bench.rows.{name}")
        with open_workplace(folder) as workplace:
            found = {"report": row.run(workplace).as_json()}
    except CannotRun as error:
        found = {"reason": error.line()}
    output.write_text(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
