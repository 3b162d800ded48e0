"""How many rules of the lint caught their violation, said at the end."""

from __future__ import annotations

import pytest

CATCHES = "test_lint.py::TestRules::test_catch_their_violation"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print it, where they ran."""
    caught, missed = (
        sum(CATCHES in report.nodeid for report in terminalreporter.stats.get(outcome, ()))
        for outcome in ("passed", "failed")
    )
    if caught or missed:
        terminalreporter.section("lint of the catalogue")
        terminalreporter.write_line(f"{caught} of {caught + missed} rules catch their violation")
