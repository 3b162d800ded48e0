"""How many real replies are split right, by us and by the usual library, said at the end."""

from __future__ import annotations

import pytest

from tests.normalize.replies import email_reply_parser, ours, replies, shares


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print it, where they were looked at."""
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.stats.get(kind, ())]
    count = len(list(replies()))
    if not count or not any("test_replies.py::test_more_is_right" in report.nodeid for report in reports):
        return
    terminalreporter.section(f"{count} replies of talon and reply-parser")
    for name, parser in (("opsintel", ours), ("email-reply-parser", email_reply_parser)):
        every, text, lines = shares(parser)
        terminalreporter.write_line(
            f"{name}: all lines right in {every:.1%} of the replies, new text in {text:.1%}; {lines:.1%} of lines right"
        )
