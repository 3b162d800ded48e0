"""Checks 53 to 55: what is small when it comes and large when it is opened; what is deep; what nobody should open."""

from __future__ import annotations

import ast
import asyncio
import gzip
import json
import re
import struct
import sys
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import httpx
import pytest

import opsintel
import opsintel_api
import opsintel_pipeline
from opsintel.connectors.slack_export.archive import MEMBER_LIMIT, Archive
from opsintel.db.wal import LogPosition, _is_damaged, is_of_present
from opsintel.errors import AnswerError, InputError, ItemError, OpsintelError
from opsintel.net.client import open_async_client, open_client
from opsintel.net.content import Body
from opsintel.net.policy import Policy
from opsintel_pipeline.normalize.headers import HEADERS_LIMIT, Headers, read_block
from tests.access.attack import Api
from tests.access.confined import confined, peak_megabytes
from tests.access.network import PUBLIC, Exchange, Network, network, scripted_server
from tests.normalize.mails import HEAD, mail, multipart, part, read
from tests.seeding import PASSWORD, Seeded

__all__ = ["network"]

PACKAGES = [Path(next(iter(package.__path__))) for package in (opsintel, opsintel_api, opsintel_pipeline)]
MEGABYTE = 1024 * 1024
PLAIN = Policy(schemes=frozenset({"http"}), ports=frozenset({80}), max_body_bytes=4 * MEGABYTE)


def zipped(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method, compresslevel=9) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


class TestArchives:
    @pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
    def test_check_53_a_member_that_grows_too_much_is_not_unpacked(self, tmp_path: Path, method: int):
        path = zipped(tmp_path / "a.zip", {"users.json": b"[" + b" " * (32 * MEGABYTE) + b"]", "b.json": b"[]"}, method)
        assert path.stat().st_size < 64 * 1024
        with Archive(path) as archive, pytest.raises(ItemError, match="bomb"):
            archive.read_json("users.json")
        with Archive(path) as archive:
            assert archive.read_json("b.json") == []

    def test_check_53_a_member_above_the_limit_is_refused_by_its_size(self, tmp_path: Path):
        path = zipped(tmp_path / "a.zip", {"users.json": b" " * (MEMBER_LIMIT + 1), "b.json": b"[]"})
        with Archive(path) as archive, pytest.raises(ItemError, match="the limit is"):
            archive.read_json("users.json")

    def test_check_53_a_member_that_lies_about_its_size_gives_no_more_than_it_says(self, tmp_path: Path):
        path = zipped(tmp_path / "a.zip", {"users.json": b"[]" + b" " * (64 * MEGABYTE - 2)})
        raw = path.read_bytes()
        path.write_bytes(raw.replace(struct.pack("<I", 64 * MEGABYTE), struct.pack("<I", 1000)))
        tracemalloc.start()
        with Archive(path) as archive, pytest.raises(ItemError, match="damaged"):
            archive.read_json("users.json")
        assert tracemalloc.get_traced_memory()[1] < 8 * MEGABYTE
        tracemalloc.stop()

    def test_check_53_members_that_share_their_bytes_are_refused_together(self, tmp_path: Path):
        path = zipped(tmp_path / "a.zip", {f"{n:04}.json": b"x" * 900_000 for n in range(3)}, zipfile.ZIP_DEFLATED)
        with zipfile.ZipFile(path, "a") as archive:
            first = archive.infolist()[0]
            for number in range(600):
                shared = zipfile.ZipInfo(f"shared-{number:04}.json")
                for name in ("compress_type", "CRC", "compress_size", "file_size", "header_offset"):
                    setattr(shared, name, getattr(first, name))
                archive.filelist.append(shared)
                archive.NameToInfo[shared.filename] = shared
            archive._didModify = True
        with pytest.raises(InputError, match="more than 200 times its own"):
            Archive(path)

    def test_check_53_json_that_is_nested_without_end_is_refused(self, tmp_path: Path):
        path = zipped(tmp_path / "a.zip", {"users.json": b"[" * 200_000})
        with Archive(path) as archive, pytest.raises(ItemError, match="nested too deeply"):
            archive.read_json("users.json")


class TestRequests:
    @pytest.mark.asyncio(loop_scope="module")
    async def test_check_53_a_packed_body_is_never_unpacked(self, api: Api, acme: Seeded):
        login = json.dumps({"email": acme.email("owner"), "password": PASSWORD}).encode()
        assert (await api.client.post("/v1/auth/login", content=login, headers=JSON)).status_code == 200
        for coding, body in (
            ("gzip", gzip.compress(login)),
            ("deflate", zlib.compress(login)),
            ("br", login[:9]),
            ("gzip", gzip.compress(b" " * 50 * MEGABYTE + login)),
            ("gzip, gzip", gzip.compress(gzip.compress(login))),
        ):
            answer = await api.client.post("/v1/auth/login", content=body, headers=JSON | {"Content-Encoding": coding})
            assert answer.status_code in (415, 422)
            assert answer.headers["content-type"] == "application/problem+json"


JSON = {"Content-Type": "application/json"}


def fetch(url: str) -> httpx.Response:
    with open_client(PLAIN) as client:
        return client.get(url)


def fetch_async(url: str) -> httpx.Response:
    async def run() -> httpx.Response:
        async with open_async_client(PLAIN) as client:
            return await client.get(url)

    with asyncio.Runner() as runner:
        return runner.run(run())


class TestAnswers:
    """Of servers at addresses that people gave."""

    @pytest.mark.parametrize("get", [fetch, fetch_async])
    @pytest.mark.parametrize(
        ("coding", "body"),
        [
            ("gzip", gzip.compress(b"\0" * (64 * MEGABYTE))),
            ("gzip", gzip.compress(b"\0" * (3 * MEGABYTE))),
            ("x-gzip", gzip.compress(b"\0" * (64 * MEGABYTE))),
            ("gzip", gzip.compress(b"\0" * MEGABYTE) * 40),
            ("gzip, gzip", gzip.compress(gzip.compress(b"\0" * MEGABYTE))),
            ("br", b"\x5b\xff\xff\x03\x80\x02\x00"),
            ("deflate", zlib.compress(b"\0" * (64 * MEGABYTE))),
            ("zstd", b"\x28\xb5\x2f\xfd"),
            ("identity, br", b"x"),
        ],
        ids=["large", "ratio", "x-gzip", "members", "twice", "brotli", "deflate", "zstd", "list"],
    )
    def test_check_53_answers_that_grow_or_are_packed_otherwise_are_refused(
        self, network: Network, get, coding: str, body: bytes
    ):
        def bomb(exchange: Exchange) -> None:
            exchange.answer(body, content_encoding=coding)

        with scripted_server(bomb) as (port, _):
            network.names["models.example"] = [[PUBLIC]]
            network.servers[PUBLIC] = port
            tracemalloc.start()
            with pytest.raises(AnswerError):
                get("http://models.example/")
            assert tracemalloc.get_traced_memory()[1] < 16 * MEGABYTE
            tracemalloc.stop()

    @pytest.mark.parametrize("coding", ["", "gzip"])
    def test_check_53_an_answer_is_refused_from_the_first_byte_above_its_size(self, coding: str):
        content = bytes(range(256)) * 4
        packed = gzip.compress(content) if coding else content
        assert b"".join(Body(Policy(max_body_bytes=1_024), coding).feed(packed)) == content
        with pytest.raises(AnswerError, match="larger than"):
            list(Body(Policy(max_body_bytes=1_023), coding).feed(packed))

    def test_check_53_a_packed_answer_that_was_cut_is_refused(self):
        body = Body(Policy(), "gzip")
        list(body.feed(gzip.compress(b"[1, 2]")[:-4]))
        with pytest.raises(AnswerError, match="too early"):
            body.finish()

    def test_check_53_an_answer_within_the_limits_is_read(self, network: Network):
        content = json.dumps([{"id": number} for number in range(20_000)]).encode()
        with scripted_server(
            lambda exchange: exchange.answer(gzip.compress(content), content_encoding="gzip")
        ) as served:
            network.names["models.example"] = [[PUBLIC]]
            network.servers[PUBLIC] = served[0]
            assert fetch("http://models.example/").content == content


OPENERS = frozenset(["zipfile", "zlib", "gzip", "bz2", "lzma", "tarfile", "brotli", "brotlicffi", "zstandard", "zstd"])
GUARDED = {
    "connectors/slack_export/archive.py": "members, by size and ratio",
    "net/content.py": "answers, by size and ratio",
    "db/wal.py": "back-ups: histories and segments, by size",
    "connectors/detect.py": "names of members, no contents",
    "sample/shift.py": "the sample that comes with the product",
    "access/opaque.py": "a CRC-32",
    "person_export/archive.py": "writes only",
}
"""The files that unpack, what, and within which limits."""
PARSERS = frozenset(
    ["PIL", "cv2", "imageio", "skimage", "wand", "pyvips", "pillow_heif", "cairosvg", "pypdf", "PyPDF2", "pdfminer",
     "pdfplumber", "fitz", "pymupdf", "pikepdf", "tika", "textract", "docx", "pptx", "odf", "pytesseract", "easyocr",
     "magic", "extract_msg", "oletools", "xlrd", "openpyxl", "imghdr", "sndhdr", "defusedxml", "lxml", "mutagen"]
)  # fmt: skip


def imports_of(source: str) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add((node.module or "").split(".")[0])
        elif isinstance(node, ast.Call) and "import" in ast.unparse(node.func):
            found |= {str(given.value).split(".")[0] for given in node.args if isinstance(given, ast.Constant)}
    return found


def files_that_import(names: frozenset[str]) -> set[str]:
    return {
        path.relative_to(package).as_posix()
        for package in PACKAGES
        for path in package.rglob("*.py")
        if imports_of(path.read_text()) & names
    }


def imported(name: str) -> list[str]:
    """Import a module, and return which parsers of documents came with it."""
    __import__(name)
    return sorted(PARSERS & set(sys.modules))


class TestUnpacking:
    def test_check_53_nothing_else_unpacks(self):
        assert files_that_import(OPENERS) == set(GUARDED)
        sources = [path.read_text() for package in PACKAGES for path in package.rglob("*.py")]
        assert not [
            source for source in sources if re.search(r"unpack_archive|(?<!_)(?:gzip|zlib)\.decompress\(", source)
        ]


class TestBackups:
    @pytest.mark.parametrize(
        "content",
        [gzip.compress(b"1\t0/1\n" * 10_000_000, 1), b"\x1f\x8b", b"no gzip", gzip.compress(b"x")[:-9]],
        ids=["bomb", "start", "other", "cut"],
    )
    def test_check_53_a_history_of_timelines_is_read_up_to_a_limit(self, tmp_path: Path, content: bytes):
        (tmp_path / "00000002.history.gz").write_bytes(content)
        tracemalloc.start()
        with pytest.raises(InputError, match="no history"):
            is_of_present(tmp_path, 1, LogPosition.of("0/1"))
        assert tracemalloc.get_traced_memory()[1] < 8 * MEGABYTE
        tracemalloc.stop()

    def test_check_53_a_segment_that_grows_beyond_its_size_is_damaged(self, tmp_path: Path):
        (tmp_path / "000000010000000000000001.gz").write_bytes(gzip.compress(bytes(256 * MEGABYTE), 1))
        assert _is_damaged(tmp_path / "000000010000000000000001.gz")


DOCUMENTS = {
    "image/png": b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sIIBBBBB", 13, b"IHDR", 2**31 - 1, 2**31 - 1, 8, 6, 0, 0, 0),
    "image/jpeg": b"\xff\xd8\xff\xe0" + b"\xff" * 500,
    "image/gif": b"GIF89a\xff\xff\xff\xff" + b"\x00" * 50,
    "image/svg+xml": b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><svg onload="alert(1)">&a;</svg>',
    "image/webp": b"RIFF\xff\xff\xff\xffWEBPVP8L",
    "image/tiff": b"II*\x00\x08\x00\x00\x00\xff\xff",
    "image/heic": b"\x00\x00\x00\x18ftypheic",
    "application/pdf": b"%PDF-1.7\n1 0 obj<</OpenAction<</S/JavaScript/JS(app.alert(1))>>>>endobj",
    "application/zip": b"PK\x03\x04" + b"\xff" * 60,
    "application/x-rar": b"Rar!\x1a\x07\x00",
    "application/msword": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": b"PK\x03\x04[Content_Types].xml",
    "application/xml": b'<!DOCTYPE l [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><l>&b;</l>',
    "audio/mpeg": b"ID3\x04\x00\x00",
    "video/mp4": b"\x00\x00\x00\x18ftypmp42",
}


class TestDocuments:
    @pytest.mark.parametrize("kind", sorted(DOCUMENTS))
    def test_check_55_a_document_is_named_and_measured_and_nothing_else(self, kind: str):
        document = DOCUMENTS[kind]
        fields = b"Content-Transfer-Encoding: binary\r\nContent-Disposition: attachment; filename=x.bin\r\n"
        message = read(multipart(b"mixed", part(b"the text"), part(document, kind.encode(), fields)))
        (attached,) = message.attachments
        assert (message.text, attached.filename, attached.content_type) == ("the text", "x.bin", kind)
        assert attached.size == len(document)
        assert set(type(attached).model_fields) == {"filename", "content_type", "size", "inline", "content_id"}

    def test_check_55_no_module_imports_a_parser_of_documents(self):
        assert files_that_import(PARSERS) == set()
        assert imports_of("import PIL.Image\nfrom pypdf import x\nimport_module('fitz')") >= {"PIL", "pypdf", "fitz"}

    def test_check_55_none_comes_with_what_reads_messages_and_answers_requests(self):
        names = ["opsintel_pipeline.normalize.run", "opsintel_pipeline.ingest.feed", "opsintel_api.app"]
        assert confined("tests.access.test_bombs", "imported", names) == [[], [], []]


def depth(layers: int) -> bytes:
    return (
        HEAD
        + b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(layers))
        + b"\nhi"
    )


MIME = {
    "multiparts": HEAD + b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(20_000)) + b"\nhello",
    "messages": HEAD + b"Content-Type: message/rfc822\n\n" * 20_000 + b"hello",
    "parts": multipart(b"mixed", *[part(b"one")] * 20_000),
    "alternatives": multipart(b"alternative", *[part(b"<p>one", b"text/html")] * 20_000),
    "empty parts": mail(b"--b\n" * 500_000, b"multipart/mixed; boundary=b"),
    "subject": b"Subject: " + b"x" * 8 * MEGABYTE + b"\n" + HEAD + b"\nbody",
    "encoded subject": b"Subject: " + b"=?utf-8?q?=C3=A9?= " * 100_000 + b"\n" + HEAD + b"\nbody",
    "fields": b"X-A: b\n" * 500_000 + HEAD + b"\nbody",
    "folds": b"X-A: b\n" + b" c\n" * 1_000_000 + HEAD + b"\nbody",
    "parameters": mail(b"body", b"text/plain" + b"; a=b" * 100_000),
    "boundary": mail(b"--" + b"x" * 500_000 + b"\n\nbody", b"multipart/mixed; boundary=" + b"x" * 500_000),
    "recipients": HEAD + b"Cc: " + b"a@b.example, " * 100_000 + b"\n\nbody",
    "page": mail(b"<div>" * 300_000 + b"word", b"text/html"),
    "quotes": mail(b"> " * 500_000 + b"\n" + b">\n" * 500_000),
    "charset": mail(b"\xff" * MEGABYTE, b"text/plain; charset=" + b"x" * 50_000),
    "base64": mail(b"QUJD\n" * 1_000_000, b"text/plain", b"Content-Transfer-Encoding: base64\n"),
    "quoted-printable": mail(b"=\n" * 1_000_000, b"text/plain", b"Content-Transfer-Encoding: quoted-printable\n"),
}  # fmt: skip


def parsed(name: str) -> tuple[str, int]:
    """Return how the reading of a bomb ended, and the most memory that this process has held."""
    try:
        message = read(MIME[name])
    except OpsintelError as error:
        return type(error).__name__, peak_megabytes()
    return f"{len(message.attachments) <= 1000}", peak_megabytes()


class TestMime:
    def test_check_54_no_bomb_takes_more_time_or_memory_than_a_mail_may(self):
        found = confined("tests.access.test_bombs", "parsed", sorted(MIME))
        assert {end for end, _ in found} <= {"True", "ItemError"}
        assert max(peak for _, peak in found) < 512

    def test_check_54_a_mail_may_be_fifty_deep(self):
        assert not [defect for defect in read(depth(45)).defects if "deeper" in defect]
        assert "nested deeper than 50" in read(depth(60)).defects

    def test_check_54_a_mail_may_have_a_thousand_parts(self):
        for parts in (990, 1_500):
            message = read(multipart(b"mixed", *[part(b"one")] * parts))
            assert message.text.count("one") == min(parts, 999)
            assert any("too many parts" in defect for defect in message.defects) is (parts > 1_000)

    def test_check_54_a_header_has_at_most_64_kb(self):
        for size in (HEADERS_LIMIT // 2, 20 * HEADERS_LIMIT):
            block = b"Subject: kept\n" + b"X-Long: " + b"x" * size + b"\nFrom: a@b.example\n\nbody"
            headers, _ = read_block(block, 0, len(block))
            assert headers.truncated is (size > HEADERS_LIMIT)
            assert stored(headers) <= HEADERS_LIMIT
            assert (headers.raw("subject"), headers.raw("from")) == ("kept", "a@b.example")


def stored(headers: Headers) -> int:
    return sum(len(name) + len(value) for name in headers.names() for value in headers.all(name))
