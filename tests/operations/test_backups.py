"""What a back-up is, and one clear line for each that cannot be used."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from opsintel.backup import restore as restoring
from opsintel.backup.repository import Backup
from opsintel.backup.restore import restore
from opsintel.crypto.keyring import Keyring
from opsintel.crypto.master import MasterKeys, master_key_id
from opsintel.errors import InputError, OpsintelError, StorageError
from opsintel.settings import Settings
from opsintel.tenants import create_tenant
from tests.operations.installation import Installation


@pytest.fixture(scope="module")
def made(home: Path) -> tuple[Installation, Backup]:
    """An installation with a credential and an object, backed up and then lost."""
    installation = Installation(home)
    with installation.opened() as context:
        tenant = create_tenant(context.database, "acme", "Acme")
        Keyring(context.database, MasterKeys.of(installation.settings)).store(tenant.id, "test", b"value")
        context.objects.put(tenant.id, "raw", b"kept")
        backup = installation.back_up()
    with installation.opened():
        pass  # leaves a second segment of the log
    installation.lose()
    return installation, backup


@pytest.fixture
def copy(made: tuple[Installation, Backup], home: Path) -> Iterator[Installation]:
    """A copy of the folder of back-ups, to be damaged."""
    folder = home / "copy"
    shutil.copytree(home / "backups", folder / "backups", symlinks=True, copy_function=link)
    yield Installation(folder)
    shutil.rmtree(folder)


def refused(installation: Installation, to: str | None = None, path: Path | None = None) -> OpsintelError:
    with pytest.raises(OpsintelError) as caught:
        installation.restore_from(path or installation.repository.root, to)
    assert "\n" not in caught.value.line()
    assert caught.value.remedy
    return caught.value


def segment_name(number: int) -> str:
    """Return the file of a segment of the first timeline, while there are less than 256 of them."""
    return f"00000001{number:016X}.gz"


def log_of(installation: Installation) -> list[Path]:
    """Return the segments that a restore of the only back-up reads, in their order."""
    (backup,) = installation.repository.backups()
    first = segment_name(backup.start.segment)
    return sorted(file for file in installation.repository.wal.iterdir() if file.name >= first)


def link(source: str, target: str) -> None:
    """Share the bytes of a file: what is damaged is replaced, never written into."""
    os.link(source, target)


def rewrite(file: Path, content: bytes) -> None:
    file.unlink()
    file.write_bytes(content)


def change(file: Path, **fields: object) -> None:
    rewrite(file, json.dumps(json.loads(file.read_bytes()) | fields).encode())


class TestABackup:
    def test_names_the_master_key_it_needs_and_does_not_hold_it(self, made: tuple[Installation, Backup]) -> None:
        installation, backup = made
        assert backup.receipt.master_keys == [str(master_key_id(installation.settings.master_key()))]
        secret = installation.settings.master_encryption_key
        assert secret is not None
        for file in installation.repository.root.rglob("*"):
            if file.is_file():
                assert secret.get_secret_value().encode() not in file.read_bytes()

    def test_is_closed_to_others(self, made: tuple[Installation, Backup]) -> None:
        installation, backup = made
        assert backup.folder.parent.stat().st_mode & 0o077 == 0
        assert installation.repository.wal.stat().st_mode & 0o077 == 0

    def test_holds_each_object_once_however_many_there_are(self, made: tuple[Installation, Backup]) -> None:
        installation, backup = made
        assert backup.receipt.object_count == 1
        assert len([file for file in installation.repository.objects.rglob("*") if file.is_file()]) == 1

    def test_of_nothing_is_refused(self, tmp_path: Path) -> None:
        installation = Installation(tmp_path)
        with pytest.raises(InputError, match="nothing to back up"):
            installation.back_up()

    def test_that_finds_no_room_leaves_nothing_half_made(self, copy: Installation) -> None:
        before = copy.repository.backups()

        def fill() -> None:
            with copy.repository.new_backup() as folder:
                (folder / "half").touch()
                raise OSError(28, "No space left on device")

        with pytest.raises(StorageError, match="No space left"):
            fill()
        assert [b.folder for b in copy.repository.backups()] == [b.folder for b in before]
        assert list((copy.repository.root / "base").glob("*.part")) == []


class TestPruning:
    def test_keeps_the_newest_and_the_log_it_needs(self, copy: Installation) -> None:
        (first,) = copy.repository.backups()
        second = first.folder.with_name("20990101T000000Z")
        shutil.copytree(first.folder, second)
        change(second / "receipt.json", start="0/3000028", ended_at="2099-01-01T00:00:00+00:00")
        segments = {file.name for file in copy.repository.wal.glob("?" * 24 + ".gz")}
        assert copy.repository.prune(2) == 0
        assert copy.repository.prune(1) == 1
        assert [backup.folder for backup in copy.repository.backups()] == [second]
        left = {file.name for file in copy.repository.wal.glob("?" * 24 + ".gz")}
        assert left == {name for name in segments if name >= "000000010000000000000003"} != segments


class TestARestoreIsRefused:
    def test_into_a_folder_that_is_not_empty(self, copy: Installation) -> None:
        (copy.home / "data").mkdir()
        (copy.home / "data" / "mine").touch()
        assert "not empty" in refused(copy).message
        assert [path.name for path in (copy.home / "data").iterdir()] == ["mine"]

    def test_from_a_folder_without_back_ups(self, copy: Installation) -> None:
        assert "no finished back-up" in refused(copy, path=copy.home).message

    @pytest.mark.parametrize(
        ("harm", "says"),
        [
            (lambda folder: (folder / "receipt.json").unlink(), "no receipt.json"),
            (lambda folder: rewrite(folder / "receipt.json", b"{"), "cannot be read"),
            (lambda folder: (folder / "postgres.json").unlink(), "postgres.json is missing"),
            (lambda folder: (folder / "postgres" / "global" / "pg_control").unlink(), "pg_control is missing"),
            (lambda folder: rewrite(folder / "postgres" / "PG_VERSION", b"18."), "PG_VERSION is not what it was"),
            (lambda folder: rewrite(folder / "postgres" / "PG_VERSION", b"17\n"), "PG_VERSION is not what it was"),
            (lambda folder: rewrite(folder / "postgres" / "backup_manifest", b""), "backup_manifest cannot be read"),
            (lambda folder: shutil.rmtree(folder / "postgres" / "pg_wal"), "is missing"),
            (lambda folder: change(folder / "receipt.json", server=17), "is of PostgreSQL 17"),
            (lambda folder: change(folder / "receipt.json", format=2), "by a newer opsintel"),
        ],
    )
    def test_from_one_that_is_not_whole_or_of_another_version(
        self, copy: Installation, harm: Callable[[Path], object], says: str
    ) -> None:
        (backup,) = copy.repository.backups()
        harm(backup.folder)
        assert says in refused(copy, path=backup.folder).message
        assert not (copy.home / "data").exists()

    def test_to_a_moment_before_the_first_back_up(self, copy: Installation) -> None:
        (backup,) = copy.repository.backups()
        early = (backup.ended_at - timedelta(seconds=1)).isoformat()
        assert "the earliest restores to" in refused(copy, early).message
        assert "or later" in refused(copy, early, backup.folder).message

    def test_to_a_moment_after_the_end_of_the_log(self, copy: Installation) -> None:
        late = datetime.now(UTC) + timedelta(days=1)
        error = refused(copy, late.isoformat())
        assert error.message.startswith("The log ends ")
        assert list((copy.home / "data").iterdir()) == []

    def test_to_a_text_that_is_no_moment(self, copy: Installation) -> None:
        for text in ("yesterday", "2026-11-25T10:00:00"):
            assert "no moment with a time zone" in refused(copy, text).message

    def test_to_another_moment_where_no_log_was_kept(self, copy: Installation) -> None:
        (backup,) = copy.repository.backups()
        change(backup.folder / "receipt.json", any_moment=False)
        assert "no log was kept" in refused(copy, datetime.now(UTC).isoformat()).message

    def test_from_a_log_with_a_gap(self, copy: Installation) -> None:
        *_, last = log_of(copy)
        last.rename(last.with_name(segment_name(int(last.stem[8:], 16) + 1)))
        assert f"segment {last.stem[8:]} is missing" in refused(copy).message

    def test_from_a_log_with_a_damaged_segment(self, copy: Installation) -> None:
        segment, *_ = log_of(copy)
        rewrite(segment, segment.read_bytes()[:-9])
        assert f"{segment.name} is damaged" in refused(copy).message

    def test_where_there_is_no_room(self, copy: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(restoring.shutil, "disk_usage", lambda _: SimpleNamespace(free=1 << 20))
        assert "MB are needed" in refused(copy).message

    def test_with_a_damaged_object(self, copy: Installation) -> None:
        (file,) = (file for file in copy.repository.objects.rglob("*") if file.is_file())
        rewrite(file, b"lost")
        assert f"the object {file.name[:12]} is not what it was" in refused(copy).message
        assert list((copy.home / "data").iterdir()) == []

    def test_of_files_where_the_installation_has_a_server_of_its_own(self, copy: Installation) -> None:
        copy.variables["DB_URL"] = "postgresql://nobody@127.0.0.1:1/x"
        assert refused(copy).remedy == "Unset DB_URL"


class TestARestore:
    def test_of_a_copy_without_log_has_what_was_there(self, copy: Installation) -> None:
        (backup,) = copy.repository.backups()
        change(backup.folder / "receipt.json", any_moment=False)
        shutil.rmtree(copy.repository.wal)
        settings: Settings = copy.settings.model_copy(update={"backup_dir": None, "master_encryption_key": None})
        restored = restore(settings, backup.folder, None)
        assert restored.keys_missing == backup.receipt.master_keys
        with copy.opened() as context, context.database.system_tx() as connection:
            assert connection.execute("SELECT slug FROM tenant").fetchall() == [("acme",)]
