"""`opsintel up` with its own settings on the demo's sample, imported before: what the demo does, by other servers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from opsintel.context import Context
from opsintel.db.connect import database_urls
from opsintel.db.engine import Database
from opsintel.db.migrate import migrate
from opsintel.demo import demo_environment, demo_logins, prepare_tenants, written_sample
from opsintel.objects.store import open_objects
from opsintel.queue.ledger import pending_count
from opsintel.settings import Settings, load_settings
from opsintel.tenants import all_tenants
from opsintel_pipeline.ingest.files import import_file
from tests.canonical import Dump, dump
from tests.end_to_end.demo_process import LONGEST_SECONDS, POLL_SECONDS, free_port

STOP_SECONDS = 60.0


@dataclass(frozen=True)
class Made:
    """What a stack made: the canonical rows of each tenant, and how it answered meanwhile."""

    settings: Settings
    dumps: Mapping[str, Dump]
    readiness: Mapping[str, object]
    limit_policy: str


class UpProcess:
    """A stack on a folder of its own and given servers."""

    def __init__(self, folder: Path, servers: Mapping[str, str]) -> None:
        folder.mkdir(parents=True)
        folder.chmod(0o755)
        self._folder = folder
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        surroundings = kept | {"OPSINTEL_DATA_DIR": str(folder), "OPSINTEL_EMBEDDING_DOWNLOAD": "false"}
        self.environment = demo_environment(surroundings, free_port(), free_port()) | servers
        self.settings = load_settings(self.environment)

    def run(self) -> Made:
        """Import the sample, run the stack until nothing is left to do, stop it, and return what it made."""
        with database_urls(self.settings) as urls:
            migrate(urls.migration, login=urls.login)
            with Database(urls.service, max_size=4) as database:
                self._import(database)
                with self._running():
                    self._wait_for_work(database)
                    readiness, policy = self._ask()
                dumps = {tenant.slug: dump(database, tenant) for tenant in all_tenants(database)}
        return Made(self.settings, dumps, readiness, policy)

    def _import(self, database: Database) -> None:
        context = Context(database, open_objects(self.settings), self.settings)
        prepare_tenants(context, self.settings.data_dir)
        for source in written_sample(self.settings.data_dir):
            import_file(context, source.path, source.tenant_slug, name=source.name)

    @contextmanager
    def _running(self) -> Iterator[None]:
        with (self._folder / "err.txt").open("ab") as err:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "opsintel.cli.main", "up"], env=self.environment,
                stdin=subprocess.DEVNULL, stdout=err, stderr=err, start_new_session=True,
            )  # fmt: skip
        try:
            yield
            self._process.send_signal(signal.SIGTERM)
            assert self._process.wait(STOP_SECONDS) == 0, self._said()
        finally:
            if self._process.poll() is None:
                self._process.kill()
                self._process.wait()

    def _wait_for_work(self, database: Database) -> None:
        deadline = time.monotonic() + LONGEST_SECONDS
        while pending_count(database) or not self._answers():
            assert self._process.poll() is None, self._said()
            assert time.monotonic() < deadline, self._said()
            time.sleep(POLL_SECONDS * 4)

    def _answers(self) -> bool:
        try:
            with self._client() as client:
                return client.get("/healthz").is_success
        except httpx.TransportError:
            return False

    def _ask(self) -> tuple[dict[str, object], str]:
        """Log in and ask the API a question; return its readiness, and the limit that it told."""
        login, *_ = demo_logins(self.settings.data_dir)
        with self._client() as client:
            session = client.post("/v1/auth/login", json={"email": login.email, "password": login.password}).json()
            answer = client.get("/v1/me", headers={"Authorization": f"Bearer {session['access_token']}"})
            return client.get("/readyz").json(), answer.headers["ratelimit-policy"]

    def _client(self) -> httpx.Client:
        return httpx.Client(base_url=f"http://127.0.0.1:{self.settings.api_port}", timeout=30, trust_env=False)

    def _said(self) -> str:
        logs = sorted((self.settings.data_dir / "logs").glob("*.log"))
        ends = [f"{path.name}: {path.read_text(errors='replace')[-1500:]}" for path in logs]
        return "\n".join([(self._folder / "err.txt").read_text()[-3000:], *ends])
