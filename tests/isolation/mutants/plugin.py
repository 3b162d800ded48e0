"""Plugin of pytest that makes one change of the source before anything is tested: --mutant=FILE:START."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from tests.isolation.mutants.patch import applied
from tests.isolation.mutants.source import changes

_MADE = ExitStack()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Take the place of the change."""
    parser.addoption("--mutant", default="")


def pytest_configure(config: pytest.Config) -> None:
    """Make the change for the whole run."""
    name, _, start = str(config.getoption("--mutant")).rpartition(":")
    _MADE.enter_context(applied(next(c for c in changes() if (c.file, c.start) == (name, int(start)))))


def pytest_unconfigure() -> None:
    """Take it back."""
    _MADE.close()
