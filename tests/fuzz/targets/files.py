"""Files that people import: whatever is in them, items or failures come out, and reading on gives what reading gave."""

from __future__ import annotations

import io
import json
import tempfile
import zipfile
from pathlib import Path

from opsintel.connectors.contract import Checkpoint, Cursor, Failure, ReadItem, Tombstone, Upsert
from opsintel.connectors.detect import detect_kind
from opsintel.connectors.files.base import FileConnector
from opsintel.connectors.registry import connector_class
from opsintel.errors import InputError, ItemError, StorageError
from opsintel_pipeline.normalize.context import NormalizeContext
from opsintel_pipeline.normalize.parse import parse_payload
from tests.fuzz.target import declared, target
from tests.normalize.mails import mail

MOST_ITEMS = 20_000


def read_whole(kind: str, data: bytes) -> None:
    """Read a file of a kind: all of it, on from each checkpoint, and each item to its message."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "file")
        path.write_bytes(data)
        with declared(InputError, StorageError, ItemError):
            detect_kind(path)
        with declared(InputError, StorageError, ItemError):
            connector = connector_class(kind)
            opened = connector(connector.manifest.config_model(path=path))
            assert isinstance(opened, FileConnector)
            opened.inspect()
            found = list(opened.read_from(None))
            require_items(found)
            require_resumable(opened, found)


def require_items(found: list[ReadItem]) -> None:
    assert len(found) <= MOST_ITEMS
    for item in found:
        if isinstance(item, Upsert):
            assert item.native_id
            assert item.version
            with declared(ItemError):
                parse_payload(item.payload, item.format, item.native_id, context=NormalizeContext())
        elif isinstance(item, Failure):
            assert item.reason
            item.reason.encode()
        else:
            assert isinstance(item, Checkpoint | Tombstone)


def require_resumable(opened: FileConnector, found: list[ReadItem]) -> None:
    """Require that after the last checkpoint nothing is new: a cursor is JSON, and the end is the end."""
    cursors = [item.cursor for item in found if isinstance(item, Checkpoint)]
    if cursors:
        last: Cursor = json.loads(json.dumps(cursors[-1]))
        again = [item for item in opened.read_from(last) if not isinstance(item, Checkpoint)]
        assert all(isinstance(item, Failure) and item.retryable for item in again), "read twice"


LETTER = mail(b"hello").replace(b"\r\n", b"\n")


@target(
    seeds=[
        b"From a@b.example Mon Jan  1 00:00:00 2024\n"
        + LETTER
        + b"\n\nFrom c@d.example Tue Jan  2 00:00:00 2024\n"
        + LETTER,
        b"From x\n\n>From the start\nFrom y Mon Jan  1 00:00:00 2024\nSubject: a\nContent-Length: 5\n\nhello\n",
        b"From \r\nA: b\r\n\r\nx\r\n",
    ],
    words=[b"\n\nFrom ", b"\nFrom ", b">From ", b"Content-Length: ", b" 00:00:00 2024\n", b"\r\n"],
)
def mbox(data: bytes) -> None:
    """An mbox is taken apart."""
    read_whole("mbox", data)


@target(
    seeds=[
        b'id,subject,text,date\n1,Printer,broken,2024-05-01\n2,"a, b","two\nlines",\n',
        b"id;text\n1;\xe4\n",
        b"text\n",
        b"\xef\xbb\xbfid\ttext\r\n1\tx\r\n",
        b"\xff\xfei\x00d\x00,\x00t\x00e\x00x\x00t\x00\n\x001\x00,\x00x\x00\n\x00",
        b"a,b,a\n1,2,3,4\n",
        b'text\n"open',
    ],
    words=[
        b'"',
        b'""',
        b"\n",
        b"\r\n",
        b";",
        b",",
        b"\t",
        b"id",
        b"text",
        b"subject",
        b"created_at",
        b"\x00",
        b"sep=;\n",
    ],
)
def csv_file(data: bytes) -> None:
    """A table is read row by row."""
    read_whole("csv_file", data)


@target(
    seeds=[
        b'{"id": 1, "text": "a"}\n{"id": 2, "text": "b", "date": "2024-01-01"}\n',
        b'{"text": "a"\n[]\nnull\n{"text": "b"}',
        b'\xef\xbb\xbf{"a": {"b": [1, 2]}}\r\n',
        b'{"text": "\\ud800"}\n{"text": 1e999}\n',
    ],
    words=[b'"text"', b'"id"', b'"date"', b"\n", b"{", b"}", b"[" * 50, b"NaN", b"\\u0000", b"1" * 50],
)
def jsonl(data: bytes) -> None:
    """JSON Lines are read line by line."""
    read_whole("jsonl", data)


def export(**members: object) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/"), json.dumps(content))
    return buffer.getvalue()


CHANNELS = [{"id": "C1", "name": "general"}]
USERS = [{"id": "U1", "name": "ada", "profile": {"email": "ada@b.example"}}]
DAY = [{"type": "message", "ts": "1700000000.000100", "user": "U1", "text": "hi"}]


@target(
    seeds=[
        export(**{"channels.json": CHANNELS, "users.json": USERS, "general__2023-11-14.json": DAY}),
        export(
            **{"x__channels.json": CHANNELS, "x__general__2023-11-14.json": [{}], "x__general__2023-11-15.json": {}}
        ),
        export(**{"channels.json": {}, "users.json": [1, None, {"id": 7}], "..__x.json": DAY}),
    ],
    words=[b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06", b"channels.json", b"users.json", b"\x08\x00", b"general/"],
)
def slack_export(data: bytes) -> None:
    """A zip of Slack is opened with care."""
    read_whole("slack_export", data)


@target(
    seeds=[
        json.dumps([CHANNELS, USERS, DAY]).encode(),
        json.dumps([[{"id": 1}], [{"profile": 1}], [{"ts": "x"}]]).encode(),
        b'[{"a": 1}, null, [[[]]]]',
    ],
    words=[b'"id"', b'"name"', b'"profile"', b'"members"', b'"ts"', b'"replies"', b"null", b"[]", b"{}", b'"\\ud800"'],
)
def slack_members(data: bytes) -> None:
    """Whatever JSON the members of an export hold."""
    try:
        channels, users, day = json.loads(data)
    except (ValueError, TypeError, RecursionError):
        return
    read_whole(
        "slack_export", export(**{"channels.json": channels, "users.json": users, "general__2023-11-14.json": day})
    )
