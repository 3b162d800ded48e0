"""Sources of every kind, written by the tests."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

START = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)


def moment(number: int) -> datetime:
    return START + timedelta(minutes=number)


def mail(number: int, *, extra: str = "", body: str = "The lamp is dark again.\n") -> bytes:
    return (
        f"From: Person {number} <person{number}@example.org>\nTo: support@example.com\n{extra}"
        f"Subject: Lamp {number}\nDate: {format_datetime(moment(number))}\n"
        f"Message-ID: <{number}@example.org>\n\n{body}"
    ).encode()


def mbox_entry(message: bytes) -> bytes:
    return b"From person@example.org Mon Jan  5 08:00:00 2026\n" + message + b"\n"


def row(number: int) -> dict[str, Any]:
    return {
        "id": f"T-{number}",
        "text": f'Number {number} said "no light", again',
        "created_at": moment(number).isoformat(),
        "status": "open",
    }


def slack_message(number: int, **other: Any) -> dict[str, Any]:
    return {"type": "message", "user": "U01", "text": f"hub {number} <@U02>", "ts": slack_ts(number), **other}


def slack_ts(number: int) -> str:
    return f"{moment(number).timestamp():.6f}"


def slack_zip(path: Path, days: dict[str, Any], *, channels: Any = None, base: str = "") -> Path:
    """Write an export; `days` maps member names to messages (or raw bytes)."""
    users = [
        {"id": "U01", "name": "ann", "profile": {"real_name": "Ann Lee", "email": "ann@example.org"}},
        {"id": "U02", "name": "bo", "real_name": "Bo", "is_bot": True},
        {"id": "U03", "name": "cy"},
    ]
    listed = [{"id": "C01", "name": "support"}] if channels is None else channels
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, value in {"users.json": users, "channels.json": listed, **days}.items():
            archive.writestr(base + name, value if isinstance(value, bytes) else json.dumps(value))
    return path


def slack_days(numbers: Iterable[int]) -> dict[str, Any]:
    """Return day files of at most 400 messages."""
    listed = list(numbers)
    days = {}
    for at in range(0, len(listed), 400):
        days[f"support/2026-01-{5 + listed[at] // 400:02}.json"] = [slack_message(n) for n in listed[at : at + 400]]
    return days
