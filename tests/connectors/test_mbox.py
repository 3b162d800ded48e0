from __future__ import annotations

import hashlib
import mailbox
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsintel.connectors.contract import Failure, Tombstone
from opsintel.connectors.files import growing
from opsintel.connectors.mbox import parse
from opsintel.errors import InputError, StorageError
from tests.connectors.contract import STREAM, ConnectorContract, failures, last_cursor, open_source, upserts
from tests.connectors.sources import mail, mbox_entry


class TestContract(ConnectorContract):
    kind = "mbox"

    def make(self, folder: Path, numbers: Iterable[int]) -> Path:
        path = folder / "mail"
        path.write_bytes(b"".join(mbox_entry(mail(number)) for number in numbers))
        return path

    def grow(self, path: Path, numbers: Iterable[int]) -> None:
        with path.open("ab") as file:
            file.writelines(mbox_entry(mail(number)) for number in numbers)

    def spoil(self, path: Path) -> None:
        with path.open("ab") as file:
            file.write(mbox_entry(b"") + mbox_entry(mail(900)))

    def hostile(self, folder: Path) -> Path:
        path = folder / "mail"
        path.write_bytes(
            b"From " * 5000 + b"\n\nFrom \n\n" + b"From \x00\xff\n" * 3000 + mbox_entry(b"\x00Date: \xff\n\n\x00")
        )
        return path


def read(path: Path) -> list[bytes]:
    return [item.payload for item in upserts(open_source("mbox", path).read(STREAM, None))]


def write(folder: Path, content: bytes) -> Path:
    path = folder / "box"
    path.write_bytes(content)
    return path


class TestBoundaries:
    def test_text_that_begins_with_from_does_not_split_a_mail(self, tmp_path: Path) -> None:
        body = "Hello\n\nFrom my house at 10:30 I see\nnothing.\n\nFrom here: more\nFrom there 2026\n"
        assert read(write(tmp_path, mbox_entry(mail(1, body=body)) + mbox_entry(mail(2)))) == [
            mail(1, body=body),
            mail(2),
        ]

    def test_quoted_separators_are_unquoted(self, tmp_path: Path) -> None:
        path = write(tmp_path, mbox_entry(mail(1, body="a\n>From b\n>>From c\n> From d\n")))
        assert read(path) == [mail(1, body="a\nFrom b\n>From c\n> From d\n")]

    @pytest.mark.parametrize(
        "line",
        [
            b"From - Mon Jan 05 08:00:00 2026",
            b"From 1700000000000000000@xxx Mon Jan 05 08:00:00 +0000 2026",
            b"From a b@example.org Mon, 5 Jan 2026 08:00:00 +0000",
            b"From ",
            b"From MAILER-DAEMON Mon Jan  5 08:00 2026",
        ],
    )
    def test_the_lines_that_mail_programs_write_separate(self, tmp_path: Path, line: bytes) -> None:
        content = b"".join(line + b"\n" + mail(number) + b"\n" for number in range(3))
        assert read(write(tmp_path, content)) == [mail(number) for number in range(3)]

    def test_a_missing_blank_line_still_separates(self, tmp_path: Path) -> None:
        content = mbox_entry(mail(1))[:-1] + mbox_entry(mail(2))
        assert read(write(tmp_path, content)) == [mail(1), mail(2)]

    def test_line_ends_of_windows_are_kept(self, tmp_path: Path) -> None:
        content = (mbox_entry(mail(1)) + mbox_entry(mail(2))).replace(b"\n", b"\r\n")
        assert read(write(tmp_path, content)) == [mail(number).replace(b"\n", b"\r\n") for number in (1, 2)]

    def test_a_mail_without_headers_is_read(self, tmp_path: Path) -> None:
        content = mbox_entry(mail(1)) + mbox_entry(b"no headers at all\n") + mbox_entry(mail(2))
        assert read(write(tmp_path, content)) == [mail(1), b"no headers at all\n", mail(2)]

    @given(
        bodies=st.lists(
            st.lists(st.sampled_from(["From x", ">From y 10:00", "", "text", "Subject: z", "x" * 90]), max_size=12),
            min_size=1, max_size=8,
        ),
        block=st.integers(min_value=1300, max_value=1500),
    )  # fmt: skip
    def test_gives_what_pythons_mailbox_was_given(
        self, tmp_path_factory: pytest.TempPathFactory, bodies: list[list[str]], block: int
    ) -> None:
        messages = [mail(n, body="".join(line + "\n" for line in body) + "end\n") for n, body in enumerate(bodies)]
        path = tmp_path_factory.mktemp("box") / "box"
        box = mailbox.mbox(path)
        for message in messages:
            box.add(message)
        box.close()
        # Python writes mboxo: lines that were quoted before lose a mark that they had.
        expected = [message.replace(b"\n>From ", b"\nFrom ") for message in messages]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(parse, "BLOCK", block)
            assert read(path) == expected


class TestGrowth:
    def make(self, folder: Path) -> Path:
        return write(folder, b"".join(mbox_entry(mail(number)) for number in range(6)))

    def test_an_edited_box_is_read_again_with_the_same_ids(self, tmp_path: Path) -> None:
        path = self.make(tmp_path)
        first = list(open_source("mbox", path).read(STREAM, None))
        path.write_bytes(path.read_bytes().replace(b"Lamp 2", b"Lump 2"))
        second = upserts(open_source("mbox", path).read(STREAM, last_cursor(first)))
        assert len(second) == 6
        assert len({item.native_id for item in second} - {item.native_id for item in upserts(first)}) == 1

    def test_a_compacted_box_has_no_new_ids(self, tmp_path: Path) -> None:
        path = self.make(tmp_path)
        first = list(open_source("mbox", path).read(STREAM, None))
        path.write_bytes(b"".join(mbox_entry(mail(number)) for number in (0, 3, 5)))
        second = list(open_source("mbox", path).read(STREAM, last_cursor(first)))
        assert len(upserts(second)) == 3
        assert {(i.native_id, i.version) for i in upserts(second)} < {(i.native_id, i.version) for i in upserts(first)}

    def test_flags_that_a_mail_program_writes_change_nothing(self, tmp_path: Path) -> None:
        plain = write(tmp_path, mbox_entry(mail(1, body="hi\nStatus: not a flag\n")))
        (before,) = upserts(open_source("mbox", plain).read(STREAM, None))
        flags = "Status: RO\nX-Mozilla-Status: 0001\nX-Keywords: a\n  b\n"
        write(tmp_path, mbox_entry(mail(1, extra=flags, body="hi\nStatus: not a flag\n")))
        (after,) = upserts(open_source("mbox", plain).read(STREAM, None))
        assert (before.native_id, before.version) == (after.native_id, after.version)
        write(tmp_path, mbox_entry(mail(1, extra=flags, body="hi\nStatus: changed\n")))
        (other,) = upserts(open_source("mbox", plain).read(STREAM, None))
        assert other.native_id != before.native_id

    def test_a_mail_written_in_part_is_replaced_once_it_is_whole(self, tmp_path: Path) -> None:
        whole = b"".join(mbox_entry(mail(number)) for number in range(3))
        path = write(tmp_path, whole[:-20])
        first = list(open_source("mbox", path).read(STREAM, None))
        path.write_bytes(whole)
        second = list(open_source("mbox", path).read(STREAM, last_cursor(first)))
        assert [item.payload for item in upserts(second)] == [mail(2)]
        assert [item.native_id for item in second if isinstance(item, Tombstone)] == [upserts(first)[-1].native_id]

    def test_a_box_that_shrinks_while_it_is_read_is_a_passing_fault(self, tmp_path: Path) -> None:
        path = self.make(tmp_path)
        with growing.GrowingFile(path) as file:
            path.write_bytes(b"From ")
            with pytest.raises(StorageError, match="shorter"):
                file.read_at(0, file.size)


class TestIdentity:
    def test_the_id_is_the_hash_of_the_mail_without_trailing_line_ends(self, tmp_path: Path) -> None:
        (item,) = upserts(open_source("mbox", write(tmp_path, mbox_entry(mail(1)))).read(STREAM, None))
        assert item.native_id == hashlib.sha256(mail(1).rstrip(b"\n")).hexdigest()[:32]

    def test_an_absurd_date_gives_no_time(self, tmp_path: Path) -> None:
        path = write(tmp_path, mbox_entry(b"From: a@example.org\nDate: Mon, 5 Jan 0202 08:00:00 +0000\n\nx\n"))
        (item,) = upserts(open_source("mbox", path).read(STREAM, None))
        assert item.occurred_at is None


class TestLimits:
    def test_a_mail_of_100_mb_is_a_failure_that_is_not_read_into_memory(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tmp_path / "box"
        with path.open("wb") as file:
            file.write(mbox_entry(mail(1)) + b"From x Mon Jan  5 08:00:00 2026\nSubject: big\n\n")
            for _ in range(100):
                file.write((b"x" * 1023 + b"\n") * 1024)
            file.write(b"\n" + mbox_entry(mail(2)))
        longest = 0
        original = growing.GrowingFile.read_at

        def measured(self: growing.GrowingFile, offset: int, length: int) -> bytes:
            nonlocal longest
            longest = max(longest, length)
            return original(self, offset, length)

        monkeypatch.setattr(growing.GrowingFile, "read_at", measured)
        items = list(open_source("mbox", path).read(STREAM, None))
        assert [item.payload for item in upserts(items)] == [mail(1), mail(2)]
        (failure,) = failures(items)
        assert isinstance(failure, Failure)
        assert "limit" in failure.reason
        assert longest <= growing.BLOCK

    def test_what_does_not_begin_as_an_mbox_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="no mbox"):
            open_source("mbox", write(tmp_path, mail(1))).check_usable()

    def test_an_empty_file_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="empty"):
            open_source("mbox", write(tmp_path, b"")).check_usable()
