"""The servers and programs that tests start and that no Python package brings: each from a package of Debian's."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass


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


CHROMIUM = Peer("chromium", "browser", "the dashboard in a real browser", "chromium")
DOVECOT = Peer("dovecot-imapd", "dovecot", "mailboxes of a real server of IMAP", "/usr/sbin/dovecot")
RABBITMQ = Peer("rabbitmq-server", "rabbitmq", "the queue in RabbitMQ", "/usr/lib/rabbitmq/bin/rabbitmq-server")
REDIS = Peer("redis-server", "redis", "limits and locks in Redis", "redis-server")
PEERS = (CHROMIUM, DOVECOT, RABBITMQ, REDIS)


def all_are_required() -> bool:
    """Tell whether a missing peer is a failure, as in CI."""
    return os.environ.get("OPSINTEL_TEST_REQUIRE") == "all"
