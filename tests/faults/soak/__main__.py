"""`make soak MINUTES=10 QUEUE=rabbitmq`: the event plane under load while things fail; exit code 1 if it gives way."""

from __future__ import annotations

import argparse
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from tests.faults.soak.breaking import Breaking
from tests.faults.soak.mail import Mail
from tests.faults.soak.report import Report, judge
from tests.faults.soak.stack import Stack, running_stack

STEP_SECONDS = 0.1
SETTLE_SECONDS = 300.0
OBJECTS_DISK = "256m"


def main() -> int:
    """Run the soak, print its report and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--queue", choices=("rabbitmq", "postgres"), default="rabbitmq")
    parser.add_argument("--rate", type=float, default=20, help="messages a second")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="opsintel-soak-"))
    folder.chmod(0o755)
    try:
        with _small_disk(folder / "data") as ballast, running_stack(folder, given.queue) as stack:
            report = soak(stack, given.minutes, given.rate, random.Random(given.seed), ballast)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    sys.stdout.write("\n".join([f"soak with the queue in {given.queue}, seed {given.seed}", *report.lines()]) + "\n")
    return 1 if report.failures() else 0


def soak(stack: Stack, minutes: float, rate: float, chosen: random.Random, ballast: Path | None) -> Report:
    """Break the stack for so many minutes, let it come to rest, and judge it."""
    mail = Mail(stack.files(), rate, seed=1)
    breaking = Breaking(stack, chosen, ballast)
    breaking.start()
    until = time.monotonic() + minutes * 60
    try:
        while time.monotonic() < until:
            breaking.step()
            time.sleep(STEP_SECONDS)
    finally:
        mail.stop()
        breaking.mend()
    _settle(stack, mail.count)
    with stack.owner() as owner:
        return judge(owner, mail.count, minutes, breaking.faults, breaking.kills)


def _settle(stack: Stack, messages: int) -> None:
    """Return once nothing waits any more, or after `SETTLE_SECONDS`."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while time.monotonic() < deadline and not _is_at_rest(stack, messages):
        for component in stack.components:
            component.ensure_running()
        time.sleep(1)


def _is_at_rest(stack: Stack, messages: int) -> bool:
    try:
        with stack.owner() as owner:
            row = owner.execute(
                "SELECT (SELECT count(*) FROM raw_payload) >= %s AND NOT EXISTS (SELECT FROM outbox)"
                " AND NOT EXISTS (SELECT FROM queue_message) AND NOT EXISTS (SELECT FROM batch WHERE state = 'open')"
                " AND NOT EXISTS (SELECT FROM work WHERE state IN ('pending', 'batched'))",
                (messages,),
            ).fetchone()
    except psycopg.OperationalError:
        return False
    return row is not None and bool(row[0])


@contextmanager
def _small_disk(folder: Path) -> Iterator[Path | None]:
    """Give the objects a small disk; yields the file that fills it, None where mounting is refused."""
    folder.mkdir(mode=0o755)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={OBJECTS_DISK}", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        sys.stderr.write("No small disk can be mounted here: the soak goes without one that is full\n")
        yield None
        return
    try:
        yield folder / "ballast"
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)


if __name__ == "__main__":
    sys.exit(main())
