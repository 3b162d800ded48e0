"""Check 59: no name that somebody else chose leads out of the place where things lie."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest
from obstore.store import LocalStore, MemoryStore

from opsintel.connectors.contract import Upsert
from opsintel.connectors.eml_folder.connector import EmlFolderConnector
from opsintel.connectors.files.base import PathConfig
from opsintel.connectors.slack_export.archive import Archive
from opsintel.errors import StorageError
from opsintel.ids import new_id
from opsintel.objects.store import LONGEST_KEY, ObjectStore
from opsintel_api.dashboard import WEB, Dashboard
from tests.normalize.mails import mail, multipart, part, read

SECRET = b"the canary of another folder"
OUTSIDE = [
    "../secret.txt", "tenants/../../secret.txt", "tenants/x/../../../secret.txt", "..", ".", "...", "./secret.txt", "",
    "/", "/secret.txt", "//secret.txt", "tenants//secret.txt", "tenants/", "tenants/./secret.txt", "tenants/x/..",
    "..\\secret.txt", "tenants\\..\\secret.txt", "C:\\secret.txt", "C:secret.txt", "file:///secret.txt",
    "%2e%2e/secret.txt", "..%2fsecret.txt", "%2e%2e%2fsecret.txt", "..%5csecret.txt", "..%252fsecret.txt", "%00",
    "..%c0%afsecret.txt", "tenants/secret.txt\x00.json", "\x00", "tenants/a\nb", "tenants/a\rb", "tenants/\x7f",
    "tenants/\x1b[2J", "．．/secret.txt", "․․/secret.txt", "..／secret.txt", "..∕secret.txt", "tenants/\ud800",
    "tenants/a?versionId=1", "x" * (LONGEST_KEY + 1), "tenants/" + "x" * 256, "a/" * 300 + "b", "é" * 300,
]  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "secret.txt").write_bytes(SECRET)
    (tmp_path / "objects").mkdir()
    (tmp_path / "objects" / "secret.txt").write_bytes(SECRET)
    return tmp_path / "objects"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.as_posix(): path.read_bytes() for path in folder.parent.rglob("*") if path.is_file()}


class TestObjects:
    @pytest.mark.parametrize("key", OUTSIDE, ids=lambda key: ascii(key)[:40])
    def test_check_59_no_key_leads_out_of_the_store(self, folder: Path, key: str):
        before = contents(folder)
        for store in (ObjectStore(LocalStore(folder)), ObjectStore(MemoryStore())):  # type: ignore[arg-type]
            for attempt in (
                lambda store=store: store.write(key, b"overwritten"),
                lambda store=store: store.get_range(key, 0, 5),
                lambda store=store: store.get_ranges(key, [(0, 5)]),
                lambda store=store: store.delete([key]),
                lambda store=store: list(store.pages_under(key + "/x")),
            ):
                with pytest.raises(StorageError, match="has no such key") as caught:
                    attempt()
                assert caught.value.line().isprintable()
        assert contents(folder) == before

    def test_check_59_one_bad_key_among_good_ones_removes_nothing(self, folder: Path):
        store = ObjectStore(LocalStore(folder))
        key = store.put(new_id(), "raw", b"kept")
        with pytest.raises(StorageError):
            store.delete([key, "../secret.txt"])
        assert store.get_range(key, 0, 4) == b"kept"

    @pytest.mark.parametrize("kind", ["..", "../..", "raw/../..", "", "raw\\..", "%2e%2e", "\x00"])
    def test_check_59_a_kind_is_no_way_out_of_a_tenant(self, folder: Path, kind: str):
        with pytest.raises(StorageError):
            ObjectStore(LocalStore(folder)).put(new_id(), kind, b"x")

    @pytest.mark.parametrize("key", ["audit/anchors/0000000001.json", "tenants/a b/é/x 1", "a", "a/b.c/..d/e.."])
    def test_check_59_plain_keys_are_kept(self, folder: Path, key: str):
        store = ObjectStore(LocalStore(folder))
        store.write(key, b"kept")
        assert store.get_range(key, 0, 4) == b"kept"
        store.delete([key])
        assert not [path for path in folder.rglob("*") if path.is_file() and path.name != "secret.txt"]


NAMES = ["../../users.json", "/etc/passwd", "..\\..\\users.json", "C:\\x.json", "C:x.json", "a/../../x.json",
         "\\\\h\\s", "./../x.json", "..", "../"]  # fmt: skip


class TestArchives:
    @pytest.mark.parametrize("name", NAMES, ids=ascii)
    def test_check_59_members_whose_names_lead_out_are_not_there(self, tmp_path: Path, name: str):
        with zipfile.ZipFile(tmp_path / "export.zip", "w") as archive:
            archive.writestr("users.json", "[]")
            archive.writestr(zipfile.ZipInfo(name), json.dumps({"canary": 1}))
        with Archive(tmp_path / "export.zip") as opened:
            assert list(opened.members) == ["users.json"]
        assert [path.name for path in tmp_path.rglob("*")] == ["export.zip"]

    def test_check_59_a_link_in_an_archive_is_not_followed(self, folder: Path, tmp_path: Path):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("users.json", "[]")
            link = zipfile.ZipInfo("channels.json")
            link.external_attr = 0o120777 << 16
            archive.writestr(link, str(folder / "secret.txt"))
        (tmp_path / "export.zip").write_bytes(buffer.getvalue())
        with Archive(tmp_path / "export.zip") as opened, pytest.raises(Exception, match="not JSON"):
            opened.read_json("channels.json")


class TestFolders:
    def test_check_59_links_in_a_folder_of_mails_are_left_out(self, folder: Path):
        (folder / "ours.eml").write_bytes(mail(b"hello"))
        (folder / "linked.eml").symlink_to(folder.parent / "secret.txt")
        (folder / "up").symlink_to(folder.parent, target_is_directory=True)
        (folder / "secret.txt").unlink()
        items = list(EmlFolderConnector(PathConfig(path=folder)).read_all())
        assert [item.places for item in items if isinstance(item, Upsert)] == [("ours.eml",)]
        assert SECRET not in b"".join(item.payload for item in items if isinstance(item, Upsert))

    @pytest.mark.parametrize(
        "name", ["../../etc/passwd", "/etc/passwd", "..\\..\\boot.ini", "C:\\x\\a.txt", "a\x00b/c.txt"]
    )
    def test_check_59_an_attachment_keeps_its_name_and_no_path(self, name: str):
        fields = f'Content-Disposition: attachment; filename="{name}"\r\n'.encode()
        (attached,) = read(multipart(b"mixed", part(b"text"), part(b"x", b"application/pdf", fields))).attachments
        assert attached.filename
        assert not set(attached.filename) & set("/\\\x00")


class TestPages:
    @pytest.mark.parametrize(
        "path",
        ["/../app.py", "/..%2fapp.py", "/%2e%2e/app.py", "/.built", "/csp.json", "/_next/../../app.py", "/..\\app.py",
         "/index.html\x00", "//etc/passwd", "/./index.html", "/_next/static/../../csp.json"],
        ids=ascii,
    )  # fmt: skip
    def test_check_59_pages_come_from_a_list_and_no_path_is_opened(self, path: str):
        assert (WEB / "index.html").is_file()
        assert Dashboard()._find(path) is None
