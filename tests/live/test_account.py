"""`make live PROVIDER=gmail ACCOUNT=gmail.json`: the account that a file names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.live.account import LiveAccount
from tests.live.contract import ReadOnlyContract


@pytest.fixture(scope="module")
def account() -> LiveAccount:
    return LiveAccount(os.environ["LIVE_PROVIDER"], Path(os.environ["LIVE_ACCOUNT"]))


@pytest.mark.live
class TestLive(ReadOnlyContract):
    """All of it."""
