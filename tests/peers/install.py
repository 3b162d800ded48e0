"""Install the servers that tests need from Debian's packages, as root; say plainly what cannot run otherwise."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

PACKAGES = {"chromium": "the dashboard in a real browser"}


def main() -> int:
    missing = [package for package in PACKAGES if shutil.which(package) is None]
    if not missing:
        return 0
    if os.geteuid() == 0 and shutil.which("apt-get"):
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (
            ["apt-get", "update", "-qq"],
            ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing],
        ):
            subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
        return 0
    for package in missing:
        sys.stderr.write(f"not installed, so not tested: {PACKAGES[package]} (package {package})\n")
    return 1 if os.environ.get("OPSINTEL_TEST_REQUIRE") == "all" else 0


if __name__ == "__main__":
    sys.exit(main())
