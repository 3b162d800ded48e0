from __future__ import annotations

import hashlib
import json
import re
import struct
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from opsintel.connectors.slack_export import archive
from opsintel.errors import InputError
from tests.connectors.contract import STREAM, ConnectorContract, failures, last_cursor, open_source, upserts
from tests.connectors.sources import slack_days, slack_message, slack_ts, slack_zip


def members(path: Path) -> dict[str, Any]:
    with zipfile.ZipFile(path) as opened:
        return {name: json.loads(opened.read(name)) for name in opened.namelist() if "/" in name}


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(item.payload) for item in upserts(open_source("slack_export", path).read(STREAM, None))]


class TestContract(ConnectorContract):
    kind = "slack_export"

    def make(self, folder: Path, numbers: Iterable[int]) -> Path:
        return slack_zip(folder / "export", slack_days(numbers))

    def grow(self, path: Path, numbers: Iterable[int]) -> None:
        slack_zip(path, members(path) | {"support/2026-02-01.json": [slack_message(number) for number in numbers]})

    def spoil(self, path: Path) -> None:
        slack_zip(path, members(path) | {"support/2026-02-02.json": [{"text": "no ts"}, slack_message(900)]})

    def hostile(self, folder: Path) -> Path:
        days = {
            "../../etc/2026-01-05.json": [slack_message(1)],
            "/etc/2026-01-05.json": [slack_message(2)],
            "support/2026-01-05.json": b"[" * 200_000,
            "support/2026-01-06.json": b" " * 30_000_000,
            "support/2026-01-07.json": [
                None,
                5,
                {"ts": 5},
                {"ts": "\x00"},
                slack_message(3, text="\ud800\x00", user={"a": []}),
            ],
            "bad\udc00name/2026-01-08.json".encode("utf-8", "replace").decode(): {"a": 1},
        }
        return slack_zip(folder / "export", days, channels=[{"id": 5}, None, {"id": "C\x00", "name": "support"}])


class TestBombs:
    def test_whose_members_overlap_are_refused_whole(self, tmp_path: Path) -> None:
        texts = [hashlib.sha256(bytes([n % 256, n // 256])).hexdigest() * 3 for n in range(2_000)]
        kernel = json.dumps([slack_message(n, text=text) for n, text in enumerate(texts)]).encode()
        path = overlapping_zip(tmp_path / "e.zip", members=400, kernel=kernel)
        with zipfile.ZipFile(path) as opened:
            assert opened.read("support/2399-01-01.json") == kernel
        with pytest.raises(InputError, match="would unpack to"):
            open_source("slack_export", path).check_usable()


class TestIds:
    def test_of_a_channel_however_long_fit_an_index(self, tmp_path: Path) -> None:
        days = {"support/2026-01-05.json": [slack_message(1)], f"{'x' * 3_000}/2026-01-05.json": [slack_message(2)]}
        channels = [{"id": "C" * 9_000, "name": "support"}]
        found = upserts(
            open_source("slack_export", slack_zip(tmp_path / "e", days, channels=channels)).read(STREAM, None)
        )
        assert len({item.native_id for item in found}) == 2
        assert all(len(item.native_id) < 550 and len(item.channel) <= 500 for item in found)

    def test_that_begin_alike_stay_apart(self, tmp_path: Path) -> None:
        days = {f"{'x' * 3_000}{n}/2026-01-05.json": [slack_message(1)] for n in range(2)}
        found = upserts(open_source("slack_export", slack_zip(tmp_path / "e", days)).read(STREAM, None))
        assert len({item.native_id for item in found}) == 2


class TestPayload:
    def test_a_payload_can_be_read_alone(self, tmp_path: Path) -> None:
        (payload,) = read(slack_zip(tmp_path / "e", {"support/2026-01-05.json": [slack_message(1)]}))
        assert payload["message"] == slack_message(1)
        assert payload["channel"] == {
            "id": "C01",
            "name": "support",
            "is_private": False,
            "is_im": False,
            "is_mpim": False,
        }
        assert payload["users"]["U01"] == {
            "name": "ann", "real_name": "Ann Lee", "email": "ann@example.org", "is_bot": False, "is_guest": False,
        }  # fmt: skip
        assert set(payload["users"]) == {"U01", "U02"}

    def test_the_id_is_channel_and_ts(self, tmp_path: Path) -> None:
        path = slack_zip(tmp_path / "e", {"support/2026-01-05.json": [slack_message(1)]})
        (item,) = upserts(open_source("slack_export", path).read(STREAM, None))
        assert (item.native_id, item.channel) == (f"C01/{slack_ts(1)}", "support")

    def test_private_and_direct_conversations_are_told_apart(self, tmp_path: Path) -> None:
        path = slack_zip(tmp_path / "e", {
            "groups.json": [{"id": "G01", "name": "board"}], "dms.json": [{"id": "D01", "members": ["U01", "U02"]}],
            "board/2026-01-05.json": [slack_message(1)], "D01/2026-01-05.json": [slack_message(2)],
            "unlisted/2026-01-05.json": [slack_message(3)],
        })  # fmt: skip
        found = {p["channel"]["id"]: (p["channel"]["is_private"], p["channel"]["is_im"]) for p in read(path)}
        assert found == {"G01": (True, False), "D01": (True, True), "unlisted": (True, False)}

    def test_an_export_packed_again_with_its_folder_is_read(self, tmp_path: Path) -> None:
        path = slack_zip(tmp_path / "e", {"support/2026-01-05.json": [slack_message(1)]}, base="Acme export/")
        assert [payload["channel"]["id"] for payload in read(path)] == ["C01"]


class TestChanges:
    def test_an_edited_message_is_a_new_version_of_the_same_id(self, tmp_path: Path) -> None:
        path = slack_zip(tmp_path / "e", {"support/2026-01-05.json": [slack_message(1), slack_message(2)]})
        first = list(open_source("slack_export", path).read(STREAM, None))
        slack_zip(path, {"support/2026-01-05.json": [slack_message(1), slack_message(2, text="edited")]})
        second = upserts(open_source("slack_export", path).read(STREAM, last_cursor(first)))
        assert [item.native_id for item in second] == [item.native_id for item in upserts(first)]
        assert [a.version == b.version for a, b in zip(upserts(first), second, strict=True)] == [True, False]

    def test_a_renamed_user_is_no_new_version(self, tmp_path: Path) -> None:
        path = slack_zip(tmp_path / "e", {"support/2026-01-05.json": [slack_message(1)]})
        (before,) = upserts(open_source("slack_export", path).read(STREAM, None))
        slack_zip(path, {"support/2026-01-05.json": [slack_message(1)], "users.json": [{"id": "U01", "name": "anna"}]})
        (after,) = upserts(open_source("slack_export", path).read(STREAM, None))
        assert before.version == after.version


class TestDamage:
    def test_a_day_file_that_is_not_json_is_a_failure(self, tmp_path: Path) -> None:
        path = slack_zip(
            tmp_path / "e", {"support/2026-01-05.json": b"[{", "support/2026-01-06.json": [slack_message(1)]}
        )
        items = list(open_source("slack_export", path).read(STREAM, None))
        assert [failure.key for failure in failures(items)] == ["support/2026-01-05.json"]
        assert len(upserts(items)) == 1

    def test_a_broken_list_is_a_failure_and_messages_are_read(self, tmp_path: Path) -> None:
        path = slack_zip(tmp_path / "e", {"users.json": b"{", "support/2026-01-05.json": [slack_message(1)]})
        items = list(open_source("slack_export", path).read(STREAM, None))
        assert [failure.key for failure in failures(items)] == ["users.json"]
        assert len(upserts(items)) == 1

    def test_a_truncated_zip_is_one_clear_line(self, tmp_path: Path) -> None:
        path = slack_zip(tmp_path / "e", slack_days(range(50)))
        path.write_bytes(path.read_bytes()[:-40])
        with pytest.raises(InputError, match="no complete zip"):
            open_source("slack_export", path).check_usable()

    def test_a_member_with_damaged_bytes_is_a_failure(self, tmp_path: Path) -> None:
        path = slack_zip(tmp_path / "e", slack_days(range(50)))
        content = bytearray(path.read_bytes())
        place = re.search(rb"support/2026-01-05\.json", bytes(content))
        assert place is not None
        content[place.end() + 30] ^= 0xFF
        path.write_bytes(bytes(content))
        items = list(open_source("slack_export", path).read(STREAM, None))
        assert len(failures(items)) == 1
        assert not upserts(items)

    def test_a_bomb_is_refused_by_its_ratio_and_by_its_size(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = slack_zip(tmp_path / "e", {"support/2026-01-05.json": b" " * 5_000_000 + b"[]"})
        (failure,) = failures(open_source("slack_export", path).read(STREAM, None))
        assert "bomb" in failure.reason
        monkeypatch.setattr(archive, "MEMBER_LIMIT", 1_000_000)
        (failure,) = failures(open_source("slack_export", path).read(STREAM, None))
        assert "limit" in failure.reason

    def test_another_zip_is_refused(self, tmp_path: Path) -> None:
        with zipfile.ZipFile(tmp_path / "e", "w") as opened:
            opened.writestr("a.txt", "x")
        with pytest.raises(InputError, match="no Slack export"):
            open_source("slack_export", tmp_path / "e").check_usable()


def overlapping_zip(path: Path, *, members: int, kernel: bytes) -> Path:
    """Write an export whose day files share one packed stretch, each quoting the headers of those behind it."""
    names = [f"support/{2000 + number}-01-01.json".encode() for number in range(members)]
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed, content = packer.compress(kernel) + packer.flush(), kernel
    blocks: list[tuple[bytes, int, int, int]] = []
    for name in reversed(names):
        header = struct.pack(
            "<IHHHHHIIIHH", 0x04034B50, 20, 0, 8, 0, 0, zlib.crc32(content), len(packed), len(content), len(name), 0
        ) + name  # fmt: skip
        blocks.append((name, zlib.crc32(content), len(packed), len(content)))
        last = header + packed
        packed = struct.pack("<BHH", 0, len(header), len(header) ^ 0xFFFF) + header + packed
        content = header + content
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("channels.json", "[]")
        archive.writestr("users.json", "[]")
    whole = path.read_bytes()
    directory = whole.index(b"PK\x01\x02")
    end = whole.index(b"PK\x05\x06")
    entries, offset = whole[directory:end], directory
    for name, crc, packed_size, size in reversed(blocks):
        sizes = (crc, packed_size, size, len(name))
        entries += struct.pack("<IHHHHHHIIIHHHHHII", 0x02014B50, 20, 20, 0, 8, 0, 0, *sizes, 0, 0, 0, 0, 0, offset)
        entries += name
        offset += 30 + len(name) + 5
    body = whole[:directory] + last
    count = members + 2
    path.write_bytes(
        body + entries + struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, count, count, len(entries), len(body), 0)
    )
    return path
