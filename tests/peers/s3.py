"""Real S3 servers as the tests' own children: moto (conditional writes, no check of keys) and rclone (the reverse)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from tests.peers.rabbitmq import ENDS_WITH_US, free_ports, listens

START_SECONDS = 60.0
POLL_SECONDS = 0.05
ACCESS_KEY, SECRET_KEY = "AKIATESTTESTTESTTEST", "a-secret-key-of-the-tests"
BUCKET = "opsintel-tests"
KINDS = ("moto", "rclone")


class S3Server:
    """A server of a kind; with rclone what it stores outlives a `kill`."""

    def __init__(self, kind: str, folder: Path) -> None:
        (self.port,) = free_ports(1)
        self.kind = kind
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

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
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", ENDS_WITH_US, "sh", *command],
                stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        deadline = time.monotonic() + START_SECONDS
        while not listens(self.port):
            assert self._process.poll() is None, self.log()
            assert time.monotonic() < deadline, self.log()
            time.sleep(POLL_SECONDS)

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

    def kill(self) -> None:
        """End it at once."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            assert self._process.stdin is not None
            self._process.stdin.close()
            self._process.wait()
            self._process = None

    def log(self) -> str:
        """Return the end of what it printed."""
        return (self._folder / "log").read_text(errors="replace")[-3000:]


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
