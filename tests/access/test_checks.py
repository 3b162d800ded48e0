"""Every numbered check that is owed here has a test that is named after it."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.access.checks import CHECKS, NAMED, OWED_BY, owner_of


def numbers_tested() -> set[int]:
    """Return the numbers of the tests in this folder."""
    named = (
        NAMED.fullmatch(node.name)
        for path in Path(__file__).parent.glob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    return {int(found[1]) for found in named if found}


class TestNumbers:
    def test_that_access_owes_have_a_test(self):
        owed = {number for number in CHECKS if owner_of(number) == "access"}
        assert owed - numbers_tested() == set()

    def test_are_those_of_the_list(self):
        assert set(CHECKS) == set(range(1, 69))
        assert numbers_tested() | frozenset().union(*OWED_BY.values()) <= set(CHECKS)
