"""The servers and programs that tests start and that no Python package brings: from packages of Debian's and npm's."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Peer:
    """A package, the marker of the tests that need it, what they try, and the program that they start."""

    package: str
    marker: str
    purpose: str
    program: str

    def path(self) -> str | None:
        """Return where the program is; None when the package is not installed."""
        return shutil.which(self.program, path=os.pathsep.join((os.defpath, os.environ.get("PATH", ""))))

    def required_path(self) -> str:
        """Return where the program is, and fail the test when it is not there."""
        found = self.path()
        assert found, f"{self.program} is missing: `make peers` installs it as root, else install {self.package}"
        return found


@dataclass(frozen=True)
class NpmPeer(Peer):
    """A package of npm's, in a folder of its own beside this file: `make peers` installs what its lock file names."""

    def path(self) -> str | None:
        """Return where the package is; None when it is not installed."""
        package = Path(__file__).parent / self.program / "node_modules" / self.package
        return str(package) if package.exists() else None


CHROMIUM = Peer("chromium", "browser", "the dashboard in a real browser", "chromium")
DOVECOT = Peer("dovecot-imapd", "dovecot", "mailboxes of a real server of IMAP", "/usr/sbin/dovecot")
RABBITMQ = Peer("rabbitmq-server", "rabbitmq", "the queue in RabbitMQ", "/usr/lib/rabbitmq/bin/rabbitmq-server")
REDIS = Peer("redis-server", "redis", "limits and locks in Redis", "redis-server")
AIMOCK = NpmPeer("@copilotkit/aimock", "aimock", "models by another hand's server", "aimock")
PEERS = (CHROMIUM, DOVECOT, RABBITMQ, REDIS)
"""Those of Debian's packages."""


def all_are_required() -> bool:
    """Tell whether a missing peer is a failure, as in CI."""
    return os.environ.get("OPSINTEL_TEST_REQUIRE") == "all"
