"""The demos' folder, and the undisturbed demo that the others are compared with."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.kills import Comparison


@pytest.fixture(scope="session")
def comparison() -> Iterator[Comparison]:
    """Runs demos in a folder that the server's unprivileged user can reach."""
    folder = Path(tempfile.mkdtemp(prefix="opsintel-demo-"))
    folder.chmod(0o755)
    yield Comparison(folder)
    shutil.rmtree(folder, ignore_errors=True)
