"""Copies of the sample that end on a chosen day: every time moves by the same whole days, nothing else changes."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from pathlib import Path
from typing import Any, Literal

from opsintel.sample import SAMPLE_LAST_DAY

Kind = Literal["mbox", "slack_export", "csv_file"]

COMPANIES = {
    "northlamp": ("Northlamp GmbH", ("northlamp.example",)),
    "harbourline": ("Harbourline Freight Ltd", ("harbourline.example",)),
}
"""Name and own mail domains by slug."""

FILES: dict[str, tuple[Kind, str]] = {
    "mailbox.mbox": ("mbox", "Support mailbox"),
    "slack.zip": ("slack_export", "Slack export"),
    "tickets.csv": ("csv_file", "Help desk tickets"),
}
"""Kind of source, and the name shown to people, by file."""

_SHIPPED = Path(__file__).resolve().parent
_FROM_LINE = re.compile(rb"(From \S+ )(\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4})\n")
_FROM_TIME = "%a %b %d %H:%M:%S %Y"
_ISO_DAY = re.compile(r"20\d\d-\d\d-\d\d")
_STAMP = re.compile(r"\d{10}(?=\.\d{6}\Z)")
_STAMP_KEYS = frozenset({"ts", "thread_ts", "latest_reply"})


@dataclass(frozen=True)
class SampleSource:
    """A file of the sample as a source of a tenant."""

    tenant_slug: str
    tenant_name: str
    own_domains: tuple[str, ...]
    kind: Kind
    name: str
    path: Path


def write_sample(folder: Path, last_day: date | None = None) -> list[SampleSource]:
    """Write the sample with its last day on `last_day` (default: yesterday, UTC) and return its sources.

    Beside them, `<folder>/truth.csv` says what each message is about.
    """
    days = ((last_day or datetime.now(UTC).date() - timedelta(days=1)) - SAMPLE_LAST_DAY).days
    shifts: dict[Kind, Callable[[bytes, int], bytes]] = {
        "mbox": shift_mailbox,
        "slack_export": shift_export,
        "csv_file": shift_table,
    }
    sources = sample_sources(folder)
    for source in sources:
        shipped = _SHIPPED / source.path.relative_to(folder)
        source.path.parent.mkdir(parents=True, exist_ok=True)
        source.path.write_bytes(shifts[source.kind](shipped.read_bytes(), days))
    (folder / "truth.csv").write_bytes(shift_truth((_SHIPPED / "truth.csv").read_bytes(), days))
    return sources


def sample_sources(folder: Path) -> list[SampleSource]:
    """Return the sources of a sample in a folder: its files are `<folder>/<tenant>/<file>`."""
    return [
        SampleSource(slug, tenant_name, domains, kind, name, folder / slug / file)
        for slug, (tenant_name, domains) in COMPANIES.items()
        for file, (kind, name) in FILES.items()
    ]


def shift_mailbox(content: bytes, days: int) -> bytes:
    """Return an mbox with its `From ` lines and Date headers moved."""
    shifted = []
    in_head = False
    for line in content.splitlines(keepends=True):
        opening = _FROM_LINE.fullmatch(line)
        if opening is not None:
            in_head = True
            moment = datetime.strptime(opening[2].decode("ascii"), _FROM_TIME).replace(tzinfo=UTC)
            moment += timedelta(days=days)
            line = opening[1] + f"{moment:%a %b} {moment.day:>2} {moment:%H:%M:%S %Y}\n".encode("ascii")
        elif in_head and line.startswith(b"Date: "):
            moment = parsedate_to_datetime(line[6:].decode("ascii").strip()) + timedelta(days=days)
            line = b"Date: " + format_datetime(moment).encode("ascii") + b"\n"
        elif not line.strip():
            in_head = False
        shifted.append(line)
    return b"".join(shifted)


def shift_export(content: bytes, days: int) -> bytes:
    """Return a Slack export with the names of its day files and every `ts` in them moved."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as archive, zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as copy:
        for member in archive.infolist():
            channel, separator, file = member.filename.partition("/")
            raw = archive.read(member)
            if separator:
                with suppress(ValueError):  # The broken day file stays as broken as it is.
                    raw = json.dumps(_shifted(json.loads(raw), days), indent=4).encode("ascii")
            copy.writestr(zipfile.ZipInfo(channel + separator + _shifted_days(file, days), member.date_time), raw)
    return out.getvalue()


def shift_table(content: bytes, days: int) -> bytes:
    """Return a CSV with its created_at column moved; an absurd date stays."""
    header, *rows = csv.reader(io.StringIO(content.decode("utf-8"), newline=""))
    column = header.index("created_at")
    for row in rows:
        row[column] = _shifted_days(row[column], days)
    return _table([header, *rows], "\r\n")


def shift_truth(content: bytes, days: int) -> bytes:
    """Return the truth with the Slack ids moved, which hold times."""
    header, *rows = csv.reader(io.StringIO(content.decode("utf-8"), newline=""))
    source, native_id = header.index("source"), header.index("native_id")
    for row in rows:
        if row[source] == "slack_export":
            row[native_id] = _shifted_days(_shifted_stamp(row[native_id], days), days)
    return _table([header, *rows], "\n")


def _shifted(value: Any, days: int) -> Any:
    if isinstance(value, list):
        return [_shifted(item, days) for item in value]
    if isinstance(value, dict):
        return {
            key: _shifted_stamp(item, days) if key in _STAMP_KEYS and isinstance(item, str) else _shifted(item, days)
            for key, item in value.items()
        }
    return value


def _shifted_stamp(text: str, days: int) -> str:
    return _STAMP.sub(lambda seconds: str(int(seconds[0]) + days * 86400), text)


def _shifted_days(text: str, days: int) -> str:
    return _ISO_DAY.sub(lambda day: (date.fromisoformat(day[0]) + timedelta(days=days)).isoformat(), text)


def _table(rows: list[list[str]], line_end: str) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator=line_end).writerows(rows)
    return out.getvalue().encode("utf-8")
