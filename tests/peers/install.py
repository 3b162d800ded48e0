"""Install the servers that tests need from Debian's packages, as root; say plainly what cannot run otherwise."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.peers.catalogue import PEERS, all_are_required

POLICY = Path("/usr/sbin/policy-rc.d")
NOTHING_STARTS = "#!/bin/sh\nexit 101\n"


def main() -> int:
    missing = [peer for peer in PEERS if peer.path() is None]
    if not missing:
        return 0
    if os.geteuid() == 0 and shutil.which("apt-get"):
        with without_starting_services():
            install([peer.package for peer in missing])
        return 0
    for peer in missing:
        sys.stderr.write(f"not installed, so not tested: {peer.purpose} (package {peer.package})\n")
    return 1 if all_are_required() else 0


def install(packages: list[str]) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (
        ["apt-get", "update", "-qq"],
        ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages],
    ):
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)


@contextmanager
def without_starting_services() -> Iterator[None]:
    """Have packages start no service: the tests start their own, on free ports."""
    if POLICY.exists():
        yield
        return
    POLICY.write_text(NOTHING_STARTS)
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink()


if __name__ == "__main__":
    sys.exit(main())
