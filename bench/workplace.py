"""Where rows work: one embedded PostgreSQL for the whole run, as the product ships it, a database for each need."""

from __future__ import annotations

import base64
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from opsintel.context import Context
from opsintel.db.embedded import ADMIN, SERVICE, Access, EmbeddedServer
from opsintel.db.engine import Database
from opsintel.db.migrate import migrate
from opsintel.ids import new_id
from opsintel.objects.store import open_objects
from opsintel.settings import load_settings

TEMPLATE = "bench_template"


@dataclass(frozen=True)
class Installed:
    """A migrated database of its own, as an installation."""

    name: str
    context: Context
    environment: dict[str, str]
    service_url: str
    admin_url: str


class Workplace:
    """The folder of a run and the server in it."""

    def __init__(self, folder: Path, access: Access) -> None:
        self.folder = folder
        self.access = access

    def admin(self, database: str = "postgres") -> psycopg.Connection:
        """Return a connection, each statement its own transaction, of the login that row security does not bind."""
        return psycopg.connect(self.access.url(ADMIN, database), autocommit=True)

    @contextmanager
    def installation(self) -> Iterator[Installed]:
        """Yield a fresh installation; its database is dropped at the end."""
        name = f"bench_{new_id().hex}"
        self._create(name, self._template())
        with self._opened(name) as installed:
            yield installed
        with self.admin() as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")

    @contextmanager
    def copy_of(self, kept: str) -> Iterator[Installed]:
        """Yield a copy of a kept installation that nobody has open; its database is dropped at the end."""
        name = f"bench_{new_id().hex}"
        self._create(name, kept)
        with self._opened(name) as installed:
            yield installed
        with self.admin() as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")

    @contextmanager
    def kept_installation(self, name: str, fill: Callable[[Installed], None]) -> Iterator[Installed]:
        """Yield the installation of this name, which `fill` has filled once for all rows of the run."""
        if not self._exists(name):
            incomplete = f"{name}_incomplete"
            with self.admin() as connection:
                connection.execute(f"DROP DATABASE IF EXISTS {incomplete} WITH (FORCE)")
            self._create(incomplete, self._template())
            with self._opened(incomplete) as installed:
                fill(installed)
            with self.admin() as connection:
                connection.execute(f"ALTER DATABASE {incomplete} RENAME TO {name}")
        with self._opened(name) as installed:
            yield installed

    def scratch(self, name: str) -> Path:
        """Return a new, empty folder of this name."""
        folder = self.folder / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, mode=0o755)
        return folder

    @contextmanager
    def _opened(self, name: str) -> Iterator[Installed]:
        service_url = self.access.url(SERVICE, name)
        environment = {
            "DB_URL": service_url,
            "OPSINTEL_DATA_DIR": str(self.scratch(f"data-{name}")),
            "MASTER_ENCRYPTION_KEY": base64.b64encode(bytes(32)).decode(),
            "JWT_SECRET": base64.b64encode(bytes(range(48))).decode(),
            "OPSINTEL_EMBEDDING_DOWNLOAD": "false",
        }
        settings = load_settings(environment)
        with Database(service_url) as database:
            context = Context(database, open_objects(settings), settings)
            yield Installed(name, context, environment, service_url, self.access.url(ADMIN, name))

    def _template(self) -> str:
        if not self._exists(TEMPLATE):
            with self.admin() as connection:
                connection.execute(f"CREATE DATABASE {TEMPLATE}")
            migrate(self.access.url(ADMIN, TEMPLATE), login=SERVICE)
        return TEMPLATE

    def _exists(self, name: str) -> bool:
        with self.admin() as connection:
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone()
        return found is not None

    def _create(self, name: str, template: str) -> None:
        with self.admin() as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
            connection.execute(f"GRANT CONNECT ON DATABASE {name} TO {SERVICE}")
            connection.execute(f"GRANT TEMPORARY ON DATABASE {name} TO opsintel_app")


@contextmanager
def open_workplace(folder: Path | None = None) -> Iterator[Workplace]:
    """Yield the workplace in a folder; without one a temporary folder, removed at the end."""
    home = folder or Path(tempfile.mkdtemp(prefix="opsintel-bench-"))
    home.chmod(0o755)
    try:
        with EmbeddedServer(home / "server").use() as access:
            yield Workplace(home, access)
    finally:
        if folder is None:
            shutil.rmtree(home, ignore_errors=True)
