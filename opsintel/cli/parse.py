"""`opsintel parse`: the canonical message of each file, without a database."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from opsintel.cli.main import print_json
from opsintel.errors import InputError, OpsintelError, StorageError, one_line

if TYPE_CHECKING:
    from opsintel.events.message import CanonicalMessage

app = typer.Typer(add_completion=False)

FILE_LIMIT = 160 * 1024 * 1024
"""Bytes above which a file is not read: more than any mail system carries."""
_SNIFFED = 64 * 1024
_CONTROL_SHARE = 0.02
_ENVELOPE = rb"(?:\A|\n\n|\r\n\r\n)From [^\n]{1,200}\d{4}[^\n]{0,40}\n[A-Za-z][A-Za-z0-9-]*:"
_SHOWN_TEXT = 4_000

_TABLES = {".csv": "a CSV file", ".tsv": "a table", ".jsonl": "a JSON Lines file", ".ndjson": "a JSON Lines file",
           ".mbox": "an mbox file", ".xlsx": "a workbook"}  # fmt: skip


@app.command()
def parse_files(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE", help="Mails as files (.eml, .msg of MIME, .txt), one message each")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print one canonical message a line, for machines")] = False,
) -> None:
    """Print the canonical message of each FILE; what is no message is refused, and the other files go on."""
    refused = 0
    for path in files:
        try:
            message = parse_file(path)
        except OpsintelError as error:
            refused += 1
            sys.stderr.write(f"{one_line(str(path))}: {error.line()}\n")
            continue
        if as_json:
            print_json({"file": str(path), **message.model_dump(mode="json")})
        else:
            sys.stdout.write(_readable(path, message))
    if refused:
        raise typer.Exit(1)


def parse_file(path: Path) -> CanonicalMessage:
    """Return the canonical message of one file. Raises an error of our family for what is no message."""
    from opsintel.connectors.contract import PayloadFormat
    from opsintel_pipeline.normalize.parse import NormalizeContext, parse_payload

    payload = _read(path)
    _refuse_foreign(path, payload)
    return parse_payload(payload, PayloadFormat.MIME, path.name, context=NormalizeContext())


def _read(path: Path) -> bytes:
    if path.is_dir():
        raise InputError("this is a folder", remedy="Name its files, or use opsintel import")
    try:
        with path.open("rb") as file:
            payload = file.read(FILE_LIMIT + 1)  # a pipe or a device tells no size, and may have no end
        if len(payload) > FILE_LIMIT:
            raise InputError(f"the file has more than the {FILE_LIMIT:,} bytes of one mail")
        return payload
    except FileNotFoundError as error:
        raise InputError("there is no such file") from error
    except OSError as error:
        raise StorageError(f"the file cannot be read: {error.strerror or error}") from error


def _refuse_foreign(path: Path, payload: bytes) -> None:
    """Raise `InputError` for files that hold no message, or many."""
    import re

    from opsintel.connectors.files.foreign import foreign_kind

    head = payload[:_SNIFFED]
    if not payload or payload.isspace():
        raise InputError("the file is empty")
    foreign = foreign_kind(head)
    if foreign is not None:
        raise InputError(f"this is {foreign.kind}, no mail", remedy=foreign.remedy)
    kind = _TABLES.get(path.suffix.lower(), "")
    if kind:
        raise InputError(f"this is {kind}, not one mail", remedy="Use opsintel import")
    if len(re.findall(_ENVELOPE, payload[: 16 * _SNIFFED])) > 1:
        raise InputError("this is an mbox file of several mails", remedy="Use opsintel import")
    controls = len(re.findall(rb"[\x00-\x06\x0e-\x1a\x1c-\x1f]", head))
    if controls > _CONTROL_SHARE * len(head) and not re.match(rb"[A-Za-z-]{2,40}[ \t]*:", head):
        raise InputError("this is a binary file, no mail", remedy="Give a mail as .eml")


def _readable(path: Path, message: CanonicalMessage) -> str:
    """Return a message for people to read."""
    author = message.author
    rows = [
        ("File", str(path)),
        ("From", f"{author.name} <{author.value}>".strip() if author else ""),
        ("To", ", ".join(address.value for address in message.recipients[:10])),
        ("Date", message.occurred_at.isoformat() if message.occurred_at else message.occurred_at_flag),
        ("Subject", message.subject),
        ("Thread", message.thread_key),
        ("Language", message.language),
        ("Automatic", f"{message.automatic} ({message.automatic_reason})" if message.automatic else ""),
        ("Opaque", message.opaque),
        (
            "Attachments",
            ", ".join(f"{part.filename or part.content_type} ({part.size})" for part in message.attachments),
        ),
        ("Defects", "; ".join(message.defects)),
    ]
    lines = [f"{name + ':':<13}{one_line(value)}" for name, value in rows if value]
    for title, text in (("", message.text), ("Quoted", message.quoted_text), ("Signature", message.signature_text)):
        if text:
            more = [f"[{len(text) - _SHOWN_TEXT} characters more]"] if len(text) > _SHOWN_TEXT else []
            lines += ["", *([f"--- {title}"] if title else []), text[:_SHOWN_TEXT], *more]
    return "\n".join(lines) + "\n\n"
