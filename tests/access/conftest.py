"""Prints which numbered check was made by which tests."""

from __future__ import annotations

import re
from collections import Counter, defaultdict

import pytest

from tests.access.checks import CHECKS, NAMED, owner_of

_NODE = re.compile(r"tests/access/(?P<file>\w+)\.py::(?:\w+::)?(?P<name>\w+)")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print a line for each number: its outcome, its tests with how many cases each had, and its owner."""
    cases: dict[int, Counter[str]] = defaultdict(Counter)
    broken = set()
    for outcome in ("passed", "failed", "error"):
        for report in terminalreporter.stats.get(outcome, ()):
            node = _NODE.match(report.nodeid)
            if node is None or (named := NAMED.fullmatch(node["name"])) is None:
                continue
            number = int(named[1])
            cases[number][f"{node['file']}::{node['name']}"] += 1
            if outcome != "passed":
                broken.add(number)
    if not cases:
        return
    terminalreporter.section("numbered checks")
    for number, title in CHECKS.items():
        outcome = "BROKEN" if number in broken else "green" if number in cases else "–"
        tests = ", ".join(f"{name} ({count})" for name, count in cases[number].items())
        terminalreporter.write_line(
            f"{number:>2}  {outcome:<6}  {owner_of(number):<10}  {title}: {tests or 'no test ran'}"
        )
