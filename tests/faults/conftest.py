"""The table of mutants at the end of a session."""

from __future__ import annotations

import pytest

CAUGHT = pytest.StashKey[list[tuple[str, int, str]]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash.setdefault(CAUGHT, [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    caught = config.stash.get(CAUGHT, [])
    if caught:
        terminalreporter.section("mutants")
    for name, seed, violation in caught:
        terminalreporter.write_line(f"{name:36} seed {seed:3}  {violation}")
