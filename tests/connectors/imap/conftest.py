"""One Dovecot for the tests of a process; each test has an account of its own, and a proxy that sees what is asked."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.connectors.imap.account import Account
from tests.peers.dovecot import DovecotServer, running_dovecot
from tests.peers.imap import imap_proxy


@pytest.fixture(scope="session")
def dovecot() -> Iterator[DovecotServer]:
    folder = Path(tempfile.mkdtemp(prefix="opsintel-dovecot-"))
    try:
        with running_dovecot(folder) as running:
            yield running
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def plain_dovecot() -> Iterator[DovecotServer]:
    """A server that knows of changes only what it is asked: no CONDSTORE, no QRESYNC, no IDLE."""
    folder = Path(tempfile.mkdtemp(prefix="opsintel-dovecot-"))
    try:
        with running_dovecot(folder, without=("CONDSTORE", "QRESYNC", "IDLE")) as running:
            yield running
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def account(dovecot: DovecotServer) -> Iterator[Account]:
    with imap_proxy(dovecot.plain_port, dovecot.certificate, dovecot.key) as proxy:
        yield Account(dovecot, proxy)


@pytest.fixture
def plain_account(plain_dovecot: DovecotServer) -> Iterator[Account]:
    with imap_proxy(plain_dovecot.plain_port, plain_dovecot.certificate, plain_dovecot.key) as proxy:
        yield Account(plain_dovecot, proxy)
