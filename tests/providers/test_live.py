"""The suite of `make live` holds at every peer, and leaves an account as it was."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from opsintel.connectors.contract import Window
from tests.live.account import LiveAccount, LiveConnection
from tests.live.contract import ReadOnlyContract
from tests.providers.account import Account

ROOT = Path(__file__).parents[2]


@pytest.fixture
def path(account: Account, tmp_path: Path) -> Path:
    """The file of a person whose account has some items, one of them with an answer."""
    account.remote.add(range(6))
    account.reply(1)
    wanted = account.wanted()
    given = {"config": wanted.config, "credential": wanted.credential, "local_servers": account.local_servers,
             "certificate": str(account.certificate) if account.certificate else None}  # fmt: skip
    file = tmp_path / "account.json"
    file.write_text(json.dumps(given))
    return file


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LiveConnection, "wait", lambda *_: None)


class TestSuite(ReadOnlyContract):
    @pytest.fixture
    def account(self, account: Account, path: Path) -> LiveAccount:  # type: ignore[override]
        return LiveAccount(account.kind, path)


def test_a_renewed_token_is_written_back(path: Path, account: Account) -> None:
    connection = LiveConnection(path, json.loads(path.read_text()))
    held = connection.credential()
    connection.renewed(held, lambda _: {"access_token": "fresh"})
    kept = json.loads(path.read_text())
    assert kept["credential"] == {**held, "access_token": "fresh"}
    assert kept["config"] == account.wanted().config
    assert len(list(account.connector().census(Window()))) == 7
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("account", ["jira"], indirect=True)
def test_make_live_runs_it(path: Path, account: Account) -> None:
    environment = {"LIVE_PROVIDER": account.kind, "LIVE_ACCOUNT": str(path), "PATH": os.environ["PATH"]}
    command = [sys.executable, "-m", "pytest", "tests/live", "-m", "live", "-p", "no:cacheprovider"]
    ended = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout
    assert "." * 8 in ended.stdout
