"""The rules of the house that a machine can hold: one direction of imports, one way to a connection."""

import ast
import re
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

ROOT = Path(__file__).parent.parent
DAGSTER_DATABASE = "opsintel/dagster_home.py"
"""Prepares Dagster's own database, which holds none of our tables."""

GATEKEEPER = "opsintel/access/analysts.py"
"""Makes logins of PostgreSQL, as the gatekeeper, over the connection of migrations."""

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
        assert sorted(elsewhere) == [GATEKEEPER, DAGSTER_DATABASE]


NETWORK_MODULES = frozenset(
    (
        "aiohttp",
        "ftplib",
        "h11",
        "http.client",
        "httpcore",
        "httplib2",
        "httpx",
        "imapclient",
        "imaplib",
        "nntplib",
        "poplib",
    )
    + ("requests", "smtplib", "socket", "telnetlib", "urllib.request", "urllib3", "websockets", "xmlrpc.client")
)
NETWORK_CALLS = frozenset({"create_connection", "getaddrinfo", "gethostbyname", "open_connection", "sock_connect"})
NOT_FROM_USERS = {
    "opsintel/cli/doctor.py": "whether a port of this machine is free",
    "opsintel/stack.py": "ports of this machine",
    "opsintel/connectors/gmail/transport.py": "the class of answers that google-api-python-client takes",
    "opsintel/db/embedded.py": "a port of this machine for the embedded server",
    "opsintel/embeddings/onnx.py": "weights at a pinned address, checked by their hash",
    "opsintel/mail/smtp.py": "the operator's own mail server, by OPSINTEL_SMTP_URL",
    "opsintel_pipeline/act/sheets/client.py": "Google's own address, or the operator's instead",
    "opsintel_pipeline/worker/heartbeat.py": "the name of this machine",
}
"""Who may speak to the network besides the guarded client, since no user gives the address, and why."""


def network_uses(tree: ast.AST) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Attribute) and node.attr in NETWORK_CALLS:
            found.add(node.attr)
    reached = {name for name in found for module in NETWORK_MODULES if name == module or name.startswith(f"{module}.")}
    return reached | (found & NETWORK_CALLS)


class TestWayOut:
    def test_only_the_guarded_client_speaks_to_addresses_of_users(self) -> None:
        elsewhere = {
            str(path.relative_to(ROOT))
            for path in sources()
            if path.parent != ROOT / "opsintel" / "net" and network_uses(ast.parse(path.read_text()))
        }
        assert elsewhere - NOT_FROM_USERS.keys() == set()
        assert NOT_FROM_USERS.keys() - elsewhere == set(), "these no longer need their exception"

    @pytest.mark.parametrize(
        "source",
        [
            "import httpx",
            "import requests.adapters as r",
            "from urllib import request",
            "from urllib.request import urlopen",
            "import http.client",
            "def f():\n    import socket",
            "from imaplib import IMAP4",
            "import asyncio\nasyncio.open_connection('h', 1)",
            "async def f(loop): await loop.create_connection(F, 'h', 1)",
        ],
    )
    def test_the_rule_sees_every_way_to_break_it(self, source: str) -> None:
        assert network_uses(ast.parse(source))


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
