"""The hand-written messages: their fields, and what all three writers need of them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import yaml

from opsintel.sample import SAMPLE_DAYS, SAMPLE_LAST_DAY

DESKS = {"northlamp": "support@northlamp.example", "harbourline": "desk@harbourline.example"}
FIRST_DAY = SAMPLE_LAST_DAY - timedelta(days=SAMPLE_DAYS - 1)
SOURCES: dict[str, Literal["mbox", "slack_export", "csv_file"]] = {"m": "mbox", "s": "slack_export", "t": "csv_file"}


@dataclass(frozen=True)
class Written:
    """A message as it was written; `fields` holds what only one source has."""

    id: str
    day: int
    time: str | None
    problem: str | None
    noise: str | None
    lang: str
    body: str
    fields: dict[str, Any] = field(repr=False)

    @property
    def source(self) -> str:
        """The kind of its source."""
        return SOURCES[self.id.split("-")[1]]

    @property
    def moment(self) -> datetime:
        """When it was sent, UTC; noon where no time was written."""
        hour, minute = map(int, (self.time or "12:00").split(":"))
        seconds = number_of(self.id, "seconds") % 60
        day = day_of(self.day)
        return datetime(day.year, day.month, day.day, hour, minute, seconds, tzinfo=UTC)


@dataclass(frozen=True)
class Truth:
    """What a message of the sample is about."""

    source: str
    native_id: str
    problem: str = ""
    noise: str = ""
    lang: str = ""


def truth_of(message: Written, native_id: str) -> Truth:
    """Return the truth of a written message."""
    return Truth(message.source, native_id, message.problem or "", message.noise or "", message.lang)


def day_of(number: int) -> date:
    """Return the date of a day of the sample, 1 to 30."""
    return FIRST_DAY + timedelta(days=number - 1)


def number_of(*parts: str) -> int:
    """Return a number that looks like chance and is the same each time."""
    return int.from_bytes(hashlib.sha256("/".join(parts).encode()).digest()[:8])


def read_written(company: str, paths: list[Path]) -> list[Written]:
    """Return the messages of one company in the order of their time. Raises `ValueError` at a mistake in the files."""
    messages: dict[str, Written] = {}
    for path in paths:
        for item in yaml.safe_load(path.read_text(encoding="utf-8")) or []:
            message = _written(dict(item), path)
            if message.id in messages:
                raise ValueError(f"{path.name}: {message.id} is there twice")
            messages[message.id] = message
    for message in messages.values():
        parent = message.fields.get("reply_to") or message.fields.get("thread")
        if parent is not None and parent not in messages:
            raise ValueError(f"{message.id} answers {parent}, which does not exist")
        if message.source == "mbox":
            _address_mail(message, messages.get(message.fields.get("reply_to", "")), company)
    return sorted(messages.values(), key=lambda message: (message.moment, message.id))


def _address_mail(message: Written, parent: Written | None, company: str) -> None:
    """Fill in the recipient and subject that a mail has when nothing else was written."""
    if parent is None:
        message.fields.setdefault("to", DESKS[company])
        return
    subject = str(parent.fields.get("subject", ""))
    answer = {"de": "AW: ", "es": "RE: "}.get(message.lang, "Re: ") if message.fields["style"] == "outlook" else "Re: "
    message.fields.setdefault("to", parent.fields["from"])
    message.fields.setdefault("subject", subject if subject.startswith(("Re: ", "AW: ", "RE: ")) else answer + subject)


def _written(item: dict[str, Any], path: Path) -> Written:
    try:
        message = Written(
            id=item.pop("id"),
            day=item.pop("day"),
            time=item.pop("time"),
            problem=item.pop("problem", None),
            noise=item.pop("noise", None),
            lang=item.pop("lang"),
            body=item.pop("body").strip(),
            fields=item,
        )
    except KeyError as missing:
        raise ValueError(f"{path.name}: {item} lacks {missing}") from None
    if not 1 <= message.day <= SAMPLE_DAYS or (message.problem is None) == (message.noise is None):
        raise ValueError(f"{path.name}: {message.id} has a wrong day, or not just one of problem and noise")
    return message
