"""The worker's sign of life, and what a worker says that cannot start."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from opsintel.db.engine import Database
from opsintel.errors import DatabaseError
from opsintel.queue.postgres import PostgresQueue
from opsintel_pipeline.worker import loop
from opsintel_pipeline.worker.heartbeat import LONGEST_SILENCE, Heartbeat


def run(module: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {"PATH": os.environ["PATH"]}
    return subprocess.run(
        [sys.executable, "-m", module], env=kept | environment, capture_output=True, text=True, timeout=60, check=False
    )


class TestTheHeartbeat:
    def test_is_heard_after_a_round_and_not_before(self, tmp_path: Path) -> None:
        heartbeat = Heartbeat(tmp_path / "data")
        assert not heartbeat.is_heard()
        heartbeat()
        assert heartbeat.is_heard()

    def test_is_no_longer_heard_once_the_worker_is_silent(self, tmp_path: Path) -> None:
        heartbeat = Heartbeat(tmp_path)
        heartbeat()
        (file,) = tmp_path.iterdir()
        long_ago = file.stat().st_mtime - LONGEST_SILENCE - 1
        os.utime(file, (long_ago, long_ago))
        assert not heartbeat.is_heard()

    def test_that_the_disk_does_not_take_stops_nothing(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        heartbeat = Heartbeat(tmp_path / "file" / "data")
        heartbeat()
        assert not heartbeat.is_heard()

    def test_is_what_the_command_asks_for(self, tmp_path: Path) -> None:
        module = "opsintel_pipeline.worker.heartbeat"
        assert run(module, OPSINTEL_DATA_DIR=str(tmp_path)).returncode == 1
        Heartbeat(tmp_path)()
        assert run(module, OPSINTEL_DATA_DIR=str(tmp_path)).returncode == 0


class TestTheLoop:
    def test_beats_after_each_round(self, database: Database) -> None:
        stop = threading.Event()
        beats: list[int] = []

        def beat() -> None:
            beats.append(1)
            if len(beats) == 2:
                stop.set()

        loop.run(database, PostgresQueue(database), stop, beat)
        assert len(beats) == 2

    def test_does_not_beat_while_the_database_is_away(
        self, monkeypatch: pytest.MonkeyPatch, database: Database
    ) -> None:
        stop = threading.Event()

        @contextmanager
        def away() -> Iterator[None]:
            stop.set()
            raise DatabaseError("The database went away")
            yield

        monkeypatch.setattr(database, "system_tx", away)
        loop.run(database, PostgresQueue(database), stop, lambda: pytest.fail("a round that failed counted"))


class TestAWorker:
    def test_that_lacks_its_key_says_so_in_one_line(self) -> None:
        done = run("opsintel_pipeline.worker")
        assert done.returncode == 1
        assert done.stderr.startswith("opsintel: MASTER_ENCRYPTION_KEY is not set")
        assert len(done.stderr.splitlines()) == 1
