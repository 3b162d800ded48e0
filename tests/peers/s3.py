"""Real S3 servers as the tests' own children: moto (conditional writes, no check of keys) and rclone (the reverse)."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from tests.peers.child import ChildServer

ACCESS_KEY, SECRET_KEY = "AKIATESTTESTTESTTEST", "a-secret-key-of-the-tests"
BUCKET = "opsintel-tests"
KINDS = ("moto", "rclone")


class S3Server(ChildServer):
    """A server of a kind; with rclone what it stores outlives a `kill`."""

    def __init__(self, kind: str, folder: Path) -> None:
        super().__init__(folder)
        self.kind = kind

    @property
    def environment(self) -> dict[str, str]:
        """The settings of an installation that uses it."""
        return {
            "S3_BUCKET": BUCKET,
            "S3_ENDPOINT": f"http://127.0.0.1:{self.port}",
            "OPSINTEL_S3_ACCESS_KEY_ID": ACCESS_KEY,
            "OPSINTEL_S3_SECRET_ACCESS_KEY": SECRET_KEY,
        }

    def start(self) -> None:
        """Start it, and return once it takes connections."""
        (self._folder / "data").mkdir(exist_ok=True)
        scripts = Path(sys.executable).parent
        command = {
            "moto": (str(scripts / "moto_server"), "-H", "127.0.0.1", "-p", str(self.port)),
            "rclone": (
                str(scripts / "rclone"), "serve", "s3", "--addr", f"127.0.0.1:{self.port}",
                "--auth-key", f"{ACCESS_KEY},{SECRET_KEY}", "--config", "/dev/null", str(self._folder / "data"),
            ),
        }[self.kind]  # fmt: skip
        self.run(*command)

    def make_bucket(self) -> None:
        """Make the bucket of the tests."""
        with self.client() as client:
            client.create_bucket(Bucket=BUCKET)

    def keys(self, prefix: str = "") -> list[str]:
        """Return the keys in the bucket, as another client sees them."""
        with self.client() as client:
            pages = client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
            return [item["Key"] for page in pages for item in page.get("Contents", [])]

    @contextmanager
    def client(self) -> Iterator[Any]:
        """Yield Amazon's own client of it."""
        made = boto3.client(
            "s3", endpoint_url=f"http://127.0.0.1:{self.port}", aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY, region_name="us-east-1", config=Config(s3={"addressing_style": "path"}),
        )  # fmt: skip
        try:
            yield made
        finally:
            made.close()


@contextmanager
def running_s3(kind: str, folder: Path) -> Iterator[S3Server]:
    """Yield a server with an empty bucket; it is gone at the end."""
    server = S3Server(kind, folder)
    try:
        server.start()
        server.make_bucket()
        yield server
    finally:
        server.kill()
