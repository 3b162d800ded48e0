"""How many items of each provider's checklist are held by tests, said at the end."""

from __future__ import annotations

import pytest

from tests.connectors.checklists import items, missing, providers

CHECKLISTS = "test_checklists.py::test_items_are_numbered"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print it, where they were looked at."""
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.stats.get(kind, ())]
    if not any(CHECKLISTS in report.nodeid for report in reports):
        return
    terminalreporter.section("checklists of connectors")
    for provider in providers():
        listed = items(provider)
        held = sum(not missing(provider, item) for item in listed)
        terminalreporter.write_line(f"{provider}: {held} of {len(listed)} items are held by tests")
