"""The rules of the house that a machine can hold: one direction of imports, one way to a connection."""

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


class TestHygiene:
    def test_nothing_catches_everything(self) -> None:
        broad = re.compile(r"except(?: \(?(?:Base)?Exception\)?)?(?: as \w+)?:\s*$", re.MULTILINE)
        found = [
            str(path.relative_to(ROOT))
            for path in sources()
            if any("raise" not in path.read_text()[m.end() : m.end() + 200] for m in broad.finditer(path.read_text()))
        ]
        assert found == []
