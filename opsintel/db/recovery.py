"""Recovery of a copied cluster: the embedded server replays the log up to a moment, in a folder of its own."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import psycopg

from opsintel.db import wal
from opsintel.db.embedded import as_arguments, free_port, is_alive, server_options
from opsintel.db.server_programs import ServerPrograms
from opsintel.errors import DatabaseError, InputError, StorageError

LOG = "server.log"
START_SECONDS = 60.0
STATE_LINE = 7
"""Line of postmaster.pid, counted from 0, on which the server notes its state."""

_LAST = re.compile(r"last completed transaction was at log time (\S+ \S+)")
_ENDED_BEFORE = "recovery ended before configured recovery target was reached"


def recover(
    cluster: Path, programs: ServerPrograms, archive: Path | None, to: datetime | None, options: Mapping[str, str]
) -> None:
    """Replay the log of an archive (None: only what was copied along) up to a moment (None: all of it), and stop.

    `options` are further settings of the server. Raises `InputError` when the log ends before the moment,
    `StorageError` when the disk is full, `DatabaseError` for anything else.
    """
    (cluster / LOG).unlink(missing_ok=True)
    wanted = server_options(free_port(0)) | dict(options) | {"hot_standby": "off", "log_min_messages": "log"}
    if archive is not None:
        (cluster / "recovery.signal").touch()
        programs.give(cluster / "recovery.signal")
        wanted |= {"restore_command": wal.restore_command(archive), "recovery_target_action": "promote"}
        if to is not None:
            wanted["recovery_target_time"] = to.isoformat()
    programs.run(
        "pg_ctl", "start", "-D", str(cluster), "-l", str(cluster / LOG), "-o", as_arguments(wanted), "-W",
    )  # fmt: skip
    if not _is_ready(cluster):
        _explain(cluster / LOG, to)
    programs.run("pg_ctl", "stop", "-D", str(cluster), "-w", "-m", "fast")


def _is_ready(cluster: Path) -> bool:
    """Wait until the server has replayed the log and is an ordinary one, and return whether it is.

    `pg_ctl` waits only until it has begun to.
    """
    begun = time.monotonic() + START_SECONDS
    while True:
        try:
            lines = (cluster / "postmaster.pid").read_text().split("\n")
        except FileNotFoundError:
            lines = []
        if len(lines) > STATE_LINE and lines[STATE_LINE].strip() == "ready":
            return True
        pid = lines[0] if lines else ""  # the file is there, empty, before the server writes into it
        runs = is_alive(int(pid)) if pid.isdecimal() else _is_starting(cluster)
        if not runs or (not pid and time.monotonic() > begun):
            return False
        time.sleep(0.05)


def _is_starting(cluster: Path) -> bool:
    log = cluster / LOG
    return not log.exists() or "database system is shut down" not in log.read_text(errors="replace")


def _explain(log: Path, to: datetime | None) -> None:
    text = log.read_text(errors="replace") if log.exists() else ""
    if _ENDED_BEFORE in text:
        last = _LAST.findall(text)
        reached = f"at {last[-1]} UTC" if last else "before the first change after the back-up"
        raise InputError(
            f"The log ends {reached}, not after {to}",
            remedy="Choose an earlier moment, or leave --to away for all of it",
        )
    if "No space left" in text:
        raise StorageError(
            f"The disk of {log.parent} is full", remedy="Make room, empty the data folder, run this again"
        )
    cause = next(
        (line for line in reversed(text.splitlines()) if "FATAL" in line or "PANIC" in line), "it did not start"
    )
    raise DatabaseError(f"The recovery failed: {cause}", remedy=f"See {log}")


def is_empty(url: str) -> bool:
    """Tell whether a database holds no table of anybody's; `DatabaseError` when it cannot be reached."""
    try:
        with psycopg.connect(url, connect_timeout=10) as connection:
            row = connection.execute(
                "SELECT NOT EXISTS (SELECT FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema'))"
            ).fetchone()
    except psycopg.OperationalError as error:
        raise DatabaseError(f"The database cannot be reached: {error}", remedy="Check DB_URL") from None
    assert row is not None
    return bool(row[0])
