from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from opsintel.errors import InputError
from tests.connectors.contract import STREAM, ConnectorContract, last_cursor, open_source, upserts
from tests.connectors.sources import mail


def deliver(path: Path, name: str, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    (path / name).write_bytes(content)


class TestContract(ConnectorContract):
    kind = "maildir"

    def make(self, folder: Path, numbers: Iterable[int]) -> Path:
        path = folder / "Maildir"
        for name in ("cur", "new", "tmp"):
            (path / name).mkdir(parents=True)
        self.grow(path, numbers)
        return path

    def grow(self, path: Path, numbers: Iterable[int]) -> None:
        for number in numbers:
            # Names need not sort in the order of delivery.
            deliver(path / "cur", f"{(number * 7919) % 10007:05}.M{number}.host:2,S", mail(number))

    def spoil(self, path: Path) -> None:
        deliver(path / "new", "5.M1.host", b"")
        self.grow(path, [900])

    def hostile(self, folder: Path) -> Path:
        path = self.make(folder, range(2))
        (path / "cur" / "1.link:2,").symlink_to("/etc/passwd")
        (path / "new" / "1.loop").symlink_to(path)
        deliver(path / "new", "1.\udcff\udcfe.host", b"\x00\xff\x00")
        return path


class TestFlags:
    def test_reading_a_mail_does_not_make_it_new(self, tmp_path: Path) -> None:
        contract = TestContract()
        path = contract.make(tmp_path, range(3))
        deliver(path / "new", "77.M77.host", mail(77))
        cursor = last_cursor(contract.open(path).read(STREAM, None))
        (path / "new" / "77.M77.host").rename(path / "cur" / "77.M77.host:2,RS")
        assert list(contract.open(path).read(STREAM, cursor)) == []


class TestFolders:
    def test_sub_folders_give_the_channel(self, tmp_path: Path) -> None:
        path = TestContract().make(tmp_path, [1])
        for name in ("cur", "new"):
            (path / ".Archive.2026" / name).mkdir(parents=True)
        deliver(path / ".Archive.2026" / "cur", "2.host:2,S", mail(2))
        items = upserts(open_source("maildir", path).read(STREAM, None))
        assert {item.channel for item in items} == {"INBOX", "Archive/2026"}

    def test_mails_still_being_written_are_left_alone(self, tmp_path: Path) -> None:
        path = TestContract().make(tmp_path, [1])
        deliver(path / "tmp", "2.host", mail(2))
        assert len(upserts(open_source("maildir", path).read(STREAM, None))) == 1

    def test_a_folder_without_cur_and_new_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="no Maildir"):
            open_source("maildir", tmp_path).check_usable()
