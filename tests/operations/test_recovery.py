"""How it is seen that a server has replayed its log."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from opsintel.db import recovery


def test_a_server_that_has_not_written_its_file_yet_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "postmaster.pid"
    file.touch()

    def wait(seconds: float) -> None:
        del seconds
        file.write_text("\n".join([str(os.getpid()), *["-"] * (recovery.STATE_LINE - 1), "ready   ", ""]))

    monkeypatch.setattr(recovery.time, "sleep", wait)
    assert recovery._is_ready(tmp_path)
