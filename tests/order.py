"""Which files of tests share a process, and which begin: the longest, so that none is alone at the end."""

from __future__ import annotations

from typing import Any

from xdist.scheduler import LoadFileScheduling

TOGETHER = ("tests/end_to_end/",)
"""Folders whose files share what is dear: one undisturbed demo, with which all others are compared."""

FIRST = (
    "tests/end_to_end/",
    "tests/deploy/test_processes.py",
    "tests/cli/test_commands.py",
    "tests/erasure/",
    "tests/browser/",
    "tests/isolation/test_routes.py",
    "tests/api/test_contract.py",
    "tests/scaling/",
    "tests/faults/",
    "tests/operations/",
    "tests/access/",
)


def place_of(file: str) -> int:
    """Return the place of a file, or of a test's whole name, in the order; those that are not named come last."""
    return next((place for place, name in enumerate(FIRST) if file.startswith(name)), len(FIRST))


class Files(LoadFileScheduling):
    """Gives out files one by one, and some folders whole."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return next((folder for folder in TOGETHER if file.startswith(folder)), file)


def scheduler(config: Any, log: Any) -> Files | None:
    """Return the scheduler of a run by files; None leaves another way to pytest-xdist."""
    return Files(config, log) if config.getoption("dist") == "loadfile" else None
