"""The master key is changed while everything goes on, and whatever happens meanwhile."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from uuid import UUID

import psycopg
import pytest
from typer.testing import CliRunner, Result

from opsintel.cli.main import app
from opsintel.crypto import rotation
from opsintel.crypto.keyring import Keyring, destroy_data_keys
from opsintel.crypto.master import MasterKeys
from opsintel.crypto.rotation import Census, Progress, census, rotate_master
from opsintel.db.engine import Database
from opsintel.db.tables import metadata
from opsintel.errors import FatalError, SealError
from opsintel.settings import Settings
from opsintel.tenants import create_tenant, find_tenant

TENANTS = 7
SECRET = b"credential of %d"


@dataclass
class Installation:
    """Tenants with a credential each, under an old master key."""

    database: Database
    old: bytes
    new: bytes
    rows: list[tuple[UUID, UUID]]

    @property
    def ring(self) -> MasterKeys:
        return MasterKeys(self.new, [self.old])

    def opened(self, masters: MasterKeys) -> int:
        """Return how many credentials open; each that does must be the right one."""
        found = 0
        for number, (tenant, row) in enumerate(self.rows):
            try:
                assert Keyring(self.database, masters).open(tenant, row).reveal() == SECRET % number
            except SealError:
                continue
            found += 1
        return found


@pytest.fixture
def installed(database: Database, admin_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installation]:
    monkeypatch.setattr(rotation, "PAGE", 3)
    old, new = os.urandom(32), os.urandom(32)
    keyring, rows = Keyring(database, MasterKeys(old)), []
    for number in range(TENANTS):
        tenant = create_tenant(database, f"tenant-{number}", "T").id
        rows.append((tenant, keyring.store(tenant, "test", SECRET % number)))
    yield Installation(database, old, new, rows)
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute("TRUNCATE tenant CASCADE")


class TestOnline:
    def test_everything_opens_before_between_pages_and_after(self, installed: Installation) -> None:
        assert installed.opened(installed.ring) == TENANTS
        steps = []
        for progress in rotate_master(installed.database, installed.ring):
            steps.append(progress)
            assert installed.opened(installed.ring) == TENANTS
            tenant = create_tenant(installed.database, f"meanwhile-{len(steps)}", "T").id
            row = Keyring(installed.database, installed.ring).store(tenant, "test", b"new")
            assert Keyring(installed.database, installed.ring).open(tenant, row).reveal() == b"new"
        assert steps == [Progress(3, 0, 4), Progress(6, 0, 1), Progress(7, 0, 0)]
        assert census(installed.database, installed.ring) == Census(TENANTS + 3, 0, 0, 0)
        assert installed.opened(MasterKeys(installed.new)) == TENANTS
        assert installed.opened(MasterKeys(installed.old)) == 0

    def test_credentials_themselves_are_not_touched(self, installed: Installation, admin_url: str) -> None:
        with psycopg.connect(admin_url, autocommit=True) as admin:
            before = admin.execute("SELECT * FROM secret ORDER BY id").fetchall()
            list(rotate_master(installed.database, installed.ring))
            assert admin.execute("SELECT * FROM secret ORDER BY id").fetchall() == before

    def test_again_changes_nothing(self, installed: Installation, admin_url: str) -> None:
        list(rotate_master(installed.database, installed.ring))
        with psycopg.connect(admin_url, autocommit=True) as admin:
            before = admin.execute("SELECT * FROM data_key ORDER BY id").fetchall()
            assert list(rotate_master(installed.database, installed.ring)) == [Progress(0, 0, 0)]
            assert admin.execute("SELECT * FROM data_key ORDER BY id").fetchall() == before

    def test_two_at_once_share_the_work(self, installed: Installation) -> None:
        with ThreadPoolExecutor(4) as pool:
            runs = [pool.submit(lambda: list(rotate_master(installed.database, installed.ring))[-1]) for _ in range(4)]
        assert sum(run.result().rewrapped for run in runs) == TENANTS
        assert installed.opened(MasterKeys(installed.new)) == TENANTS

    def test_what_was_wrapped_before_does_not_open_with_the_new_key_alone(
        self, installed: Installation, admin_url: str
    ) -> None:
        with psycopg.connect(admin_url, autocommit=True) as admin:
            before = admin.execute("SELECT wrapped, id FROM data_key").fetchall()
            list(rotate_master(installed.database, installed.ring))
            for wrapped, key_id in before:
                admin.execute("UPDATE data_key SET wrapped = %s WHERE id = %s", (wrapped, key_id))
        assert installed.opened(MasterKeys(installed.new)) == 0

    def test_keys_that_do_not_open_are_counted_and_left(self, installed: Installation) -> None:
        other = os.urandom(32)
        tenant = create_tenant(installed.database, "other", "T").id
        row = Keyring(installed.database, MasterKeys(other)).store(tenant, "test", b"kept")
        assert list(rotate_master(installed.database, installed.ring))[-1] == Progress(TENANTS, 1, 0)
        assert census(installed.database, installed.ring) == Census(TENANTS, 0, 1, 0)
        assert Keyring(installed.database, MasterKeys(other)).open(tenant, row).reveal() == b"kept"

    def test_destroyed_keys_stay_destroyed(self, installed: Installation) -> None:
        tenant, row = installed.rows[2]
        with installed.database.tenant_tx(tenant) as connection:
            destroy_data_keys(connection, tenant)
        assert list(rotate_master(installed.database, installed.ring))[-1] == Progress(TENANTS - 1, 0, 0)
        assert census(installed.database, installed.ring) == Census(TENANTS - 1, 0, 0, 1)
        with pytest.raises(SealError, match="destroyed"):
            Keyring(installed.database, installed.ring).open(tenant, row)

    def test_it_is_audited_with_its_figures(self, installed: Installation, admin_url: str) -> None:
        list(rotate_master(installed.database, installed.ring))
        with psycopg.connect(admin_url) as admin:
            entries = admin.execute(
                "SELECT action, details FROM audit_log WHERE subject_id = %s ORDER BY seq",
                (str(installed.ring.current_id),),
            ).fetchall()
        assert entries == [
            ("keys.master_rotation_started", {"rewrapped": 0, "unopened": 0, "left": TENANTS}),
            ("keys.master_rotation_ended", {"rewrapped": TENANTS, "unopened": 0, "left": 0}),
        ]


DYING = """
import base64, sys
from opsintel.crypto import rotation
from opsintel.crypto.master import MasterKeys
from opsintel.db.engine import Database
url, new, old, page, inside = sys.argv[1:]
rotation.PAGE = 1
write = rotation._write
def slow(connection, masters, rows):
    write(connection, masters, rows)
    if inside == "inside" and rotation.done == int(page):
        print("now", flush=True); sys.stdin.read()
    rotation.done += 1
rotation.done, rotation._write = 0, slow
with Database(url) as database:
    for step in rotation.rotate_master(database, MasterKeys(base64.b64decode(new), [base64.b64decode(old)])):
        if inside == "between" and rotation.done == int(page):
            print("now", flush=True); sys.stdin.read()
"""


class TestKill:
    @pytest.mark.parametrize("moment", ["inside", "between"])
    @pytest.mark.parametrize("page", [1, 4, 6])
    def test_a_rotation_that_is_killed_goes_on_where_it_stopped(
        self, installed: Installation, database_url: str, page: int, moment: str
    ) -> None:
        keys = [base64.b64encode(key).decode() for key in (installed.new, installed.old)]
        command = [sys.executable, "-c", DYING, database_url, *keys, str(page), moment]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == "now\n"
            child.send_signal(signal.SIGKILL)
        assert census(installed.database, installed.ring) == Census(page, TENANTS - page, 0, 0)
        assert installed.opened(installed.ring) == TENANTS
        assert list(rotate_master(installed.database, installed.ring))[-1].rewrapped == TENANTS - page
        assert installed.opened(MasterKeys(installed.new)) == TENANTS


class TestRole:
    def test_sees_wrapped_keys_and_nothing_else(self, installed: Installation) -> None:
        with installed.database.keys_tx() as connection:
            found = connection.execute("SELECT tenant_id, id, master_key_id, wrapped FROM data_key").fetchall()
            assert len(found) == TENANTS
        statements = [f"SELECT * FROM {table.name}" for table in metadata.sorted_tables]
        statements += ["SELECT retired_at FROM data_key", "DELETE FROM data_key", "UPDATE data_key SET tenant_id = id"]
        statements += [f"INSERT INTO {name} DEFAULT VALUES" for name in ("data_key", "audit_log", "secret")]
        for statement in statements:
            with pytest.raises(psycopg.errors.InsufficientPrivilege), installed.database.keys_tx() as connection:
                connection.execute(statement.encode())

    def test_is_the_only_way_to_the_keys_of_all_tenants(self, installed: Installation) -> None:
        for statement in ("SELECT wrapped FROM data_key", "UPDATE data_key SET wrapped = ''"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege), installed.database.system_tx() as connection:
                connection.execute(statement.encode())


class TestDataKeys:
    def test_a_new_one_seals_everything_anew_and_the_old_one_is_gone(
        self, installed: Installation, admin_url: str
    ) -> None:
        keyring, (tenant, row) = Keyring(installed.database, installed.ring), installed.rows[0]
        more = [keyring.store(tenant, "test", b"more %d" % number) for number in range(3)]
        with psycopg.connect(admin_url, autocommit=True) as admin:
            old_rows = admin.execute(
                "SELECT id, sealed, version FROM secret WHERE tenant_id = %s", (tenant,)
            ).fetchall()
            [(old_key,)] = admin.execute("SELECT id FROM data_key WHERE tenant_id = %s", (tenant,)).fetchall()
            with installed.database.tenant_tx(tenant) as connection:
                assert keyring.rotate_data_key(connection, tenant) == 4
            [(new_key,)] = admin.execute("SELECT id FROM data_key WHERE tenant_id = %s", (tenant,)).fetchall()
            assert new_key != old_key
            assert keyring.open(tenant, row).reveal() == SECRET % 0
            assert [keyring.open(tenant, one).reveal() for one in more] == [b"more 0", b"more 1", b"more 2"]
            for secret_id, sealed, version in old_rows:
                admin.execute("UPDATE secret SET sealed = %s, version = %s WHERE id = %s", (sealed, version, secret_id))
                with pytest.raises(SealError):
                    keyring.open(tenant, secret_id)

    def test_one_that_does_not_open_stops_it_and_changes_nothing(self, installed: Installation) -> None:
        tenant, row = installed.rows[1]
        keyring = Keyring(installed.database, MasterKeys(os.urandom(32)))
        with pytest.raises(SealError), installed.database.tenant_tx(tenant) as connection:
            keyring.rotate_data_key(connection, tenant)
        assert Keyring(installed.database, installed.ring).open(tenant, row).reveal() == SECRET % 1


class TestCommand:
    Run = Callable[..., Result]

    @pytest.fixture
    def run(self, installed: Installation, settings: Settings, monkeypatch: pytest.MonkeyPatch, admin_url: str) -> Run:
        monkeypatch.setenv("DB_URL", settings.db_url or "")
        monkeypatch.setenv("OPSINTEL_MIGRATION_URL", admin_url)
        monkeypatch.setenv("OPSINTEL_DATA_DIR", str(settings.data_dir))
        monkeypatch.setenv("JWT_SECRET", settings.jwt_key().decode())
        monkeypatch.setenv("MASTER_ENCRYPTION_KEY", base64.b64encode(installed.new).decode())
        return lambda *arguments: CliRunner().invoke(app, list(arguments))

    def test_rotates_with_the_old_key_from_the_settings(
        self, run: Run, installed: Installation, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("OPSINTEL_PREVIOUS_MASTER_KEYS", base64.b64encode(installed.old).decode())
        assert f"0 data keys under it, {TENANTS} under previous" in run("keys", "status").stdout
        assert "warning master keys" in run("doctor").stdout
        assert run("keys", "rotate-master").stdout.splitlines()[-1] == "7 data keys wrapped anew, 0 left"
        assert "passed  master keys" in run("doctor").stdout
        monkeypatch.delenv("OPSINTEL_PREVIOUS_MASTER_KEYS")
        status = json.loads(run("keys", "status", "--json").stdout)
        assert (status["current"], status["previous"], status["unknown"]) == (TENANTS, 0, 0)

    def test_or_from_a_file(self, run: Run, installed: Installation, tmp_path: object) -> None:
        path = f"{tmp_path}/old"
        with open(path, "w") as file:
            file.write(base64.b64encode(installed.old).decode() + "\n")
        assert run("keys", "rotate-master", "--old", path).exit_code == 0
        assert installed.opened(MasterKeys(installed.new)) == TENANTS
        for content in ("short", "", "\x00"):
            with open(path, "w") as file:
                file.write(content)
            assert "base64" in str(run("keys", "rotate-master", "--old", path).exception)

    def test_says_when_a_key_is_missing(self, run: Run, installed: Installation) -> None:
        failed = run("keys", "rotate-master").exception
        assert isinstance(failed, FatalError)
        assert failed.line().startswith("7 data keys open with none of the keys at hand. Give the key")
        assert "failed  master keys" in run("doctor").stdout
        assert installed.opened(MasterKeys(installed.old)) == TENANTS

    def test_rotates_a_tenant_s_data_key(
        self, run: Run, installed: Installation, monkeypatch: pytest.MonkeyPatch, admin_url: str
    ) -> None:
        monkeypatch.setenv("OPSINTEL_PREVIOUS_MASTER_KEYS", base64.b64encode(installed.old).decode())
        assert json.loads(run("keys", "rotate-data", "tenant-3", "--json").stdout) == {
            "tenant": "tenant-3",
            "credentials": 1,
        }
        assert installed.opened(installed.ring) == TENANTS
        tenant = find_tenant(installed.database, "tenant-3").id
        with psycopg.connect(admin_url) as admin:
            actions = admin.execute("SELECT action FROM audit_log WHERE tenant_id = %s", (tenant,)).fetchall()
        assert actions == [("keys.data_key_rotated",)]

    def test_shows_no_key(self, run: Run, installed: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OPSINTEL_PREVIOUS_MASTER_KEYS", base64.b64encode(installed.old).decode())
        for command in (("keys", "status"), ("keys", "rotate-master", "--json"), ("doctor",), ("settings",)):
            shown = run(*command)
            for key in (installed.old, installed.new):
                assert base64.b64encode(key).decode()[:-1] not in f"{shown.output} {shown.exception}"
