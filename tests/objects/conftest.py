"""The object store on local disk and on two real S3 servers."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from opsintel.objects.store import ObjectStore, open_objects
from opsintel.settings import Settings, load_settings
from tests.peers.s3 import KINDS, S3Server, running_s3


def with_bucket(settings: Settings, environment: dict[str, str]) -> Settings:
    """Return settings of the same installation with an S3 server."""
    given = load_settings(environment)
    names = ("s3_bucket", "s3_endpoint", "s3_access_key_id", "s3_secret_access_key")
    return settings.model_copy(update={name: getattr(given, name) for name in names})


@pytest.fixture(scope="session")
def s3_servers() -> Iterator[dict[str, S3Server]]:
    """The servers by kind, each with a bucket; they end with the session."""
    folder = Path(tempfile.mkdtemp(prefix="opsintel-s3-"))
    for kind in KINDS:
        (folder / kind).mkdir()
    try:
        with running_s3("moto", folder / "moto") as moto, running_s3("rclone", folder / "rclone") as rclone:
            yield {"moto": moto, "rclone": rclone}
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def rclone(s3_servers: dict[str, S3Server]) -> Iterator[S3Server]:
    """The server that checks signatures and keeps what it stores; a test may kill it."""
    server = s3_servers["rclone"]
    yield server
    server.kill()
    server.start()


@pytest.fixture(params=["disk", *KINDS])
def objects(request: pytest.FixtureRequest, settings: Settings) -> ObjectStore:
    """One of the stores."""
    if request.param == "disk":
        return open_objects(settings)
    server: S3Server = request.getfixturevalue("s3_servers")[request.param]
    return open_objects(with_bucket(settings, server.environment))
