"""The rules of the house that a machine can hold: one direction of imports, one way to a connection."""

import ast
import re
from pathlib import Path

from importlinter.cli import lint_imports

ROOT = Path(__file__).parent.parent
DAGSTER_DATABASE = "opsintel/dagster_home.py"
"""Prepares Dagster's own database, which holds none of our tables."""

PACKAGES = ("opsintel", "opsintel_pipeline", "opsintel_api")


def sources() -> list[Path]:
    return [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]


class TestLayers:
    def test_imports_go_one_way(self) -> None:
        assert lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True) == 0


class TestConnections:
    def test_come_from_tenant_tx_and_system_tx_only(self) -> None:
        opening = re.compile(
            r"psycopg2?\.connect\(|create_engine\(|asyncpg\.(?:connect|create_pool)\(|ConnectionPool\("
        )
        elsewhere = [
            str(path.relative_to(ROOT))
            for path in sources()
            if opening.search(path.read_text()) and path.parent.name != "db"
        ]
        assert elsewhere == [DAGSTER_DATABASE]


def names_in(tree: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


class TestHygiene:
    def test_nothing_catches_everything(self) -> None:
        found = [
            f"{path.relative_to(ROOT)}:{handler.lineno}"
            for path in sources()
            for handler in ast.walk(ast.parse(path.read_text()))
            if isinstance(handler, ast.ExceptHandler)
            and (handler.type is None or {"Exception", "BaseException"} & names_in(handler.type))
            and not any(isinstance(node, ast.Raise) for node in ast.walk(handler))
        ]
        assert found == []
