"""Rows of tables: which column means what, and the one JSON object that the normaliser gets for each row.

The object has the keys of `FIELDS` and `extra`; absent ones are left out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from email.utils import parseaddr
from functools import lru_cache
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from opsintel.connectors.contract import PayloadFormat, Upsert
from opsintel.connectors.files.base import PathConfig
from opsintel.connectors.files.text import ID_LIMIT, plain, to_json
from opsintel.connectors.files.times import value_time
from opsintel.errors import InputError, ItemError

# The names that help desks, survey tools and chat exports give their columns; the first that is there counts.
# A column called `label` is not read as a label: in labelled data sets it holds the answer, and stays apart in `extra`.
_NAMES: dict[str, tuple[str, ...]] = {
    "id": ("id", "native_id", "message_id", "ticket_id", "case_id", "case_number", "ticket_number", "issue_key", "key",
           "number", "ticket", "uuid"),
    "text": ("text", "body", "message", "content", "description", "comment", "message_text", "body_text", "plain_body",
             "utterance", "feedback", "review", "question", "note", "details"),
    "subject": ("subject", "title", "summary", "headline"),
    "occurred_at": ("occurred_at", "created_at", "sent_at", "received_at", "timestamp", "datetime", "date_time", "date",
                    "created", "created_time", "created_date", "creation_date", "opened_at", "submitted_at", "time",
                    "ts"),
    "author_name": ("author_name", "author", "from_name", "requester_name", "customer_name", "sender_name",
                    "reporter_name", "user_name", "requester", "from", "sender", "customer", "reporter", "submitter",
                    "user", "username", "name"),
    "author_email": ("author_email", "from_email", "requester_email", "customer_email", "sender_email",
                     "reporter_email", "user_email", "email", "email_address", "from_address"),
    "recipients": ("recipients", "recipient", "to", "to_email", "cc"),
    "channel": ("channel", "queue", "group", "inbox", "mailbox", "folder", "brand"),
    "thread": ("thread", "thread_id", "thread_key", "conversation_id", "conversation", "thread_ts"),
    "parent": ("parent", "parent_id", "parent_key", "in_reply_to", "reply_to_id"),
    "status": ("status", "state"),
    "priority": ("priority", "severity", "urgency"),
    "labels": ("labels", "tags"),
    "kind": ("kind",),
}  # fmt: skip
FIELDS = tuple(_NAMES)
_LISTS = frozenset({"recipients", "labels"})


class Columns(BaseModel):
    """Names of the columns where they are not found by themselves."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str | None = None
    text: str | None = None
    subject: str | None = None
    occurred_at: str | None = None
    author_name: str | None = None
    author_email: str | None = None
    recipients: str | None = None
    channel: str | None = None
    thread: str | None = None
    parent: str | None = None
    status: str | None = None
    priority: str | None = None
    labels: str | None = None
    kind: str | None = None

    def named(self) -> dict[str, str]:
        """Return the columns that were named, by field."""
        return {field: name for field, name in self if name}


class TableConfig(PathConfig):
    """Where the file is, and what its columns mean."""

    columns: Columns = Field(default_factory=Columns, description="Column for each field, where not found by its name")


@lru_cache(maxsize=64)
def find_columns(header: tuple[str, ...], columns: Columns, *, ragged: bool = False) -> Mapping[str, str]:
    """Return the column of each field that has one. Raises `InputError` where a named column or any text is missing.

    In a ragged table each row has its own columns, and may lack named ones other than the text.
    """
    named = {field: name for field, name in columns.named().items() if not ragged or field == "text" or name in header}
    for field, name in named.items():
        if name not in header:
            raise InputError(
                f"There is no column {name!r} for {field}; there are {_listed(header)}", remedy="Name another column"
            )
    by_name: dict[str, str] = {}
    for name in header:
        by_name.setdefault(_normal(name), name)
    found = dict(named)
    taken = set(named.values())
    for field, names in _NAMES.items():
        match = next((by_name[name] for name in names if name in by_name and by_name[name] not in taken), None)
        if field not in found and match is not None:
            found[field] = match
            taken.add(match)
    if "text" not in found and "subject" not in found:
        raise InputError(
            f"No column holds the text; there are {_listed(header)}",
            remedy="Call the column `text`, or name it in the source's columns",
        )
    return found


def record_upsert(row: Mapping[str, Any], columns: Mapping[str, str], place: str) -> Upsert:
    """Return the item of a row. Raises `ItemError` where it has neither text nor subject."""
    fields: dict[str, Any] = {}
    for field, column in columns.items():
        value = _list(row.get(column)) if field in _LISTS else _scalar(row.get(column))
        if value not in (None, "", []):
            fields[field] = value
    _split_author(fields, row.get(columns.get("author_name", "")))
    if "text" not in fields and "subject" not in fields:
        raise ItemError("the row has neither text nor subject")
    mapped = set(columns.values())
    extra = {plain(name): value for name, value in row.items() if name not in mapped and value not in (None, "")}
    nested = extra.pop("extra", None)
    extra |= nested if isinstance(nested, dict) else {"extra": nested} if nested is not None else {}
    payload = to_json(fields | {"extra": extra} if extra else fields)
    version = hashlib.sha256(payload).hexdigest()
    native_id = plain(str(fields.get("id", ""))).strip()
    return Upsert(
        native_id=native_id if 0 < len(native_id) <= ID_LIMIT else version[:32],
        version=version,
        payload=payload,
        format=PayloadFormat.RECORD,
        occurred_at=value_time(fields.get("occurred_at")),
        channel=str(fields.get("channel", ""))[:ID_LIMIT],
        places=(place,),
    )


def _scalar(value: object) -> str | int | float | None:
    if isinstance(value, bool) or value is None or isinstance(value, dict | list):
        return None if not isinstance(value, bool) else str(value).lower()
    return value if isinstance(value, int | float) else plain(str(value)).strip()


def _list(value: object) -> list[str]:
    if isinstance(value, str):
        value = value.replace("|", ",").replace(";", ",").split(",")
    items: Iterable[object] = value if isinstance(value, list) else ()
    return [text for item in items if (text := str(_scalar(item) or ""))]


def _split_author(fields: dict[str, Any], author: object) -> None:
    """Put an address out of `Name <address>`, out of a bare one, or out of an object, into its own field."""
    if isinstance(author, dict):
        parts = {"author_name": author.get("name"), "author_email": author.get("email")}
        for field, value in parts.items():
            if isinstance(value, str) and value.strip():
                fields.setdefault(field, plain(value).strip())
        return
    name, address = parseaddr(str(fields.get("author_name", "")))
    if "@" in address and " " not in address:
        fields.setdefault("author_email", address)
        fields["author_name"] = name
        if not name:
            del fields["author_name"]


def _normal(name: str) -> str:
    return "_".join(name.strip().lower().replace("-", " ").replace("_", " ").replace("#", "number").split())


def _listed(header: tuple[str, ...]) -> str:
    return ", ".join(repr(name[:60]) for name in header[:20]) + (" …" if len(header) > 20 else "")
