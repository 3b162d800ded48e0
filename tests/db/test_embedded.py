"""The embedded server: kept between starts, shared, refused when it is of another version."""

import json
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from opsintel.db import embedded
from opsintel.db.embedded import ADMIN, EmbeddedServer
from opsintel.errors import DatabaseError, SettingError


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="opsintel-embedded-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)


class TestEmbeddedServer:
    def test_keeps_data_between_starts_and_stops_with_its_last_user(self, folder: Path) -> None:
        with EmbeddedServer(folder).use() as first:
            with psycopg.connect(first.url(ADMIN, "postgres"), autocommit=True) as connection:
                connection.execute("CREATE TABLE kept AS SELECT 7 AS value")
            with EmbeddedServer(folder).use() as second:
                assert second == first
            with psycopg.connect(first.url(ADMIN, "postgres")) as connection:
                assert connection.execute("SELECT value FROM kept").fetchone() == (7,)
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(first.url(ADMIN, "postgres"))
        with EmbeddedServer(folder).use() as again, psycopg.connect(again.url(ADMIN, "postgres")) as connection:
            assert connection.execute("SELECT value FROM kept").fetchone() == (7,)

    def test_runs_as_an_unprivileged_user(self, folder: Path) -> None:
        with EmbeddedServer(folder).use():
            pid = int((folder / "postgres" / "postmaster.pid").read_text().splitlines()[0])
            assert Path(f"/proc/{pid}").stat().st_uid != 0

    def test_starts_again_after_a_kill(self, folder: Path) -> None:
        server = EmbeddedServer(folder)
        with server.use():
            pid = int((folder / "postgres" / "postmaster.pid").read_text().splitlines()[0])
            os.kill(pid, signal.SIGKILL)
            while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                pass
            again = server.ensure_running()
            with psycopg.connect(again.url(ADMIN, "postgres")) as connection:
                assert connection.execute("SELECT value FROM kept").fetchone() == (7,)

    def test_starts_again_when_it_is_killed_while_it_is_looked_for(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        server = EmbeddedServer(folder)
        with server.use():
            is_running, looks = server._is_running, iter([True])
            monkeypatch.setattr(server, "_is_running", lambda: next(looks, None) or is_running())
            os.kill(int((folder / "postgres" / "postmaster.pid").read_text().splitlines()[0]), signal.SIGKILL)
            again = server.ensure_running()
            with psycopg.connect(again.url(ADMIN, "postgres")) as connection:
                assert connection.execute("SELECT value FROM kept").fetchone() == (7,)

    def test_is_taken_over_where_it_listens_though_another_port_was_noted(self, folder: Path) -> None:
        with EmbeddedServer(folder).use() as first:
            noted = json.loads((folder / "postgres.json").read_text())
            (folder / "postgres.json").write_text(json.dumps(noted | {"port": 1}))
            with EmbeddedServer(folder).use() as second:
                assert second == first
            assert json.loads((folder / "postgres.json").read_text()) == noted

    def test_whose_stop_was_left_waiting_is_started_again(self, folder: Path) -> None:
        server = EmbeddedServer(folder)
        with server.use() as access, psycopg.connect(access.url(ADMIN, "postgres")):
            pid = int((folder / "postgres" / "postmaster.pid").read_text().splitlines()[0])
            os.kill(pid, signal.SIGTERM)  # a smart stop: it waits for the connection above
            while not (folder / "postgres" / "postmaster.pid").read_text().rstrip().endswith("stopping"):
                pass
            again = server.ensure_running()
            with psycopg.connect(again.url(ADMIN, "postgres")) as connection:
                assert connection.execute("SELECT value FROM kept").fetchone() == (7,)

    def test_that_hangs_in_its_stop_is_stopped_all_the_same(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(embedded, "STOP_SECONDS", 8)
        with EmbeddedServer(folder).use():
            pid = int((folder / "postgres" / "postmaster.pid").read_text().splitlines()[0])
            found = psutil.Process(pid).children()
            (checkpointer,) = [p for p in found if "checkpointer" in Path(f"/proc/{p.pid}/cmdline").read_text()]
            checkpointer.suspend()
        assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
        with EmbeddedServer(folder).use() as again, psycopg.connect(again.url(ADMIN, "postgres")) as connection:
            assert connection.execute("SELECT value FROM kept").fetchone() == (7,)

    def test_begins_anew_where_a_killed_command_left_it_half_made(self, folder: Path) -> None:
        half_made = folder / "other" / "postgres.new-1"
        half_made.mkdir(parents=True)
        (half_made / "PG_VERSION").write_text("18\n")
        with EmbeddedServer(folder / "other").use() as access, psycopg.connect(access.url(ADMIN, "postgres")):
            assert not half_made.exists()

    def test_refuses_a_folder_of_another_major_version(self, folder: Path) -> None:
        version = folder / "postgres" / "PG_VERSION"
        kept = version.read_text()
        version.write_text("15\n")
        try:
            with pytest.raises(DatabaseError, match="PostgreSQL 15"), EmbeddedServer(folder).use():
                pass
        finally:
            version.write_text(kept)

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root starts the server as another user")
    def test_says_which_folder_its_user_cannot_reach(self, tmp_path: Path) -> None:
        closed = tmp_path / "closed"
        closed.mkdir(mode=0o700)
        with pytest.raises(SettingError, match="OPSINTEL_DATA_DIR"), EmbeddedServer(closed / "data").use():
            pass
