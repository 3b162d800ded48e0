"""Issues and comments become items: what the provider calls them, when they were written, and one record for each.

Their ids are those that stay when an issue is moved and gets another key: that of the issue, and issue id/comment id.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from opsintel.connectors.contract import PayloadFormat, Upsert
from opsintel.connectors.files.text import ID_LIMIT, plain, to_json
from opsintel.connectors.files.times import value_time
from opsintel.connectors.jira.adf import adf_to_text
from opsintel.connectors.jira.answers import Changes
from opsintel.errors import ItemError

FIELDS = (
    "summary", "description", "created", "updated", "reporter", "creator", "assignee", "project", "status",
    "priority", "issuetype", "resolution", "labels", "security", "attachment",
)  # fmt: skip
"""Fields of an issue that are read, besides its comments."""

INTERNAL_PROPERTY = "sd.public.comment"
"""Where Jira Service Management of Data Center says that a comment is internal."""


@dataclass(frozen=True)
class Site:
    """What names a site within a tenant, and where a person sees its issues."""

    key: str
    address: str


def whole(issue_id: str) -> str:
    """Return the key of an issue with all of its comments."""
    return f"{issue_id}/*"


def comment_key(issue_id: str, comment_id: str) -> str:
    """Return the native id of a comment."""
    return f"{issue_id}/{comment_id}"


def issue_upsert(issue: Mapping[str, Any], site: Site, changes: Changes | None = None) -> Upsert:
    """Return the item of an issue. Raises `ItemError` for what is none."""
    fields = _fields(issue)
    record = _shared(issue, fields, site) | {
        "id": str(issue["id"]),
        **_body(fields.get("description"), _object(issue.get("renderedFields")).get("description")),
        **_person(fields.get("reporter") or fields.get("creator")),
        "attachments": _attachments(fields.get("attachment")),
        "occurred_at": fields.get("created"),
        "edited_at": None if changes is None or changes.text is None else changes.text.isoformat(),
    }
    if _is_restricted(fields):
        record["visibility"] = "internal"
    return _upsert(str(issue["id"]), fields.get("updated"), record, whole(str(issue["id"])))


def comment_upsert(
    issue: Mapping[str, Any], comment: Mapping[str, Any], site: Site, changes: Changes | None = None
) -> Upsert:
    """Return the item of a comment. Raises `ItemError` for what is none.

    What it shares with its issue may change and change back: the time of its issue's last change tells those apart.
    """
    fields = _fields(issue)
    if not isinstance(comment.get("id"), str | int):
        raise ItemError("the comment has no id")
    native_id = comment_key(str(issue["id"]), str(comment["id"]))
    record = _shared(issue, fields, site) | {
        "id": native_id,
        "parent": str(issue["id"]),
        **_body(comment.get("body"), comment.get("renderedBody")),
        **_person(comment.get("author")),
        "occurred_at": comment.get("created"),
    }
    if comment.get("updated") not in (None, comment.get("created")):
        record["edited_at"] = comment["updated"]
    restriction = _object(comment.get("visibility"))
    if restriction:
        record["extra"]["visibility"] = f"{restriction.get('type')}: {restriction.get('value')}"
    if restriction or is_internal_note(comment) or _is_restricted(fields):
        record["visibility"] = "internal"
    changed = "" if changes is None or changes.any is None else changes.any.isoformat()
    stamp = f"{comment.get('updated') or comment.get('created')}/{changed}"
    return _upsert(native_id, stamp, record, whole(str(issue["id"])))


def is_internal_note(comment: Mapping[str, Any]) -> bool:
    """Tell whether only agents see a comment of a service desk: Cloud says so, Data Center in a property of it."""
    if comment.get("jsdPublic") is False:
        return True
    properties = comment.get("properties")
    return any(
        _object(one).get("key") == INTERNAL_PROPERTY and _object(_object(one).get("value")).get("internal") is True
        for one in (properties if isinstance(properties, list) else ())
    )


def _upsert(native_id: str, updated: object, record: dict[str, Any], place: str) -> Upsert:
    """Return an item. Its version is the provider's time with a digest: a text that is changed back is a new one."""
    payload = to_json({name: value for name, value in record.items() if value not in (None, "", [], {})})
    return Upsert(
        native_id=native_id,
        version=f"{updated}/{hashlib.sha256(payload).hexdigest()[:16]}",
        payload=payload,
        format=PayloadFormat.RECORD,
        occurred_at=value_time(record["occurred_at"]),
        channel=str(record["channel"])[:ID_LIMIT],
        places=(place,),
    )


def _fields(issue: Mapping[str, Any]) -> Mapping[str, Any]:
    fields = issue.get("fields")
    if not isinstance(issue.get("id"), str | int) or not isinstance(fields, dict):
        raise ItemError("this is no issue: it has no id or no fields")
    return fields


def _shared(issue: Mapping[str, Any], fields: Mapping[str, Any], site: Site) -> dict[str, Any]:
    """Return what an issue and its comments have in common, so that one filter means the same for both."""
    key = str(issue.get("key", ""))
    status = _object(fields.get("status"))
    extra = {
        "key": key,
        "url": f"{site.address}/browse/{key}",
        "status": status.get("name"),
        "status_category": _object(status.get("statusCategory")).get("key"),
        "priority": _name(fields.get("priority")),
        "issue_type": _name(fields.get("issuetype")),
        "resolution": _name(fields.get("resolution")),
        "assignee": _object(fields.get("assignee")).get("displayName"),
        "security_level": _name(fields.get("security")),
    }
    labels = fields.get("labels")
    return {
        "kind": "ticket",
        "subject": _plain(fields.get("summary")),
        "channel": _plain(_object(fields.get("project")).get("key")),
        "thread": f"{site.key}/{issue['id']}",
        "labels": [_plain(label) for label in labels] if isinstance(labels, list) else [],
        "extra": {name: _plain(value) for name, value in extra.items() if isinstance(value, str) and value},
    }


def _body(written: object, rendered: object) -> dict[str, Any]:
    """Return the text: from a document of Cloud, or from the page that Data Center makes of its wiki markup."""
    if isinstance(written, dict):
        body = adf_to_text(written)
        return {"text": plain(body.text), "links": [{"url": plain(u), "text": plain(t)} for u, t in body.links]}
    if isinstance(rendered, str) and rendered.strip():
        return {"html": plain(rendered)}
    return {"text": _plain(written)}


def _person(value: object) -> dict[str, Any]:
    """Return who wrote it: by address where the account shows one, else by account id, of Data Center by its key."""
    person = _object(value)
    name = _plain(person.get("displayName") or person.get("name"))
    found: dict[str, Any] = {"author_name": name, "author_email": _plain(person.get("emailAddress"))}
    key = person.get("accountId") or person.get("key") or person.get("name")
    if key:
        found["author_identity"] = {"kind": "jira", "value": _plain(key), "name": name}
    if person.get("accountType") == "app":
        found["is_bot"] = True
    if person.get("accountType") == "customer":
        found["direction"] = "inbound"
    return found


def _attachments(value: object) -> list[dict[str, Any]]:
    files = [_object(item) for item in value] if isinstance(value, list) else []
    return [
        {
            "filename": _plain(file.get("filename")),
            "content_type": _plain(file.get("mimeType")),
            "size": file["size"] if isinstance(file.get("size"), int) else 0,
        }
        for file in files
        if file
    ]


def _is_restricted(fields: Mapping[str, Any]) -> bool:
    """Tell whether an issue has a security level: then not everybody who sees the project sees it."""
    return bool(fields.get("security"))


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _name(value: object) -> Any:
    return _object(value).get("name")


def _plain(value: object) -> str:
    return plain(str(value)) if isinstance(value, str | int) else ""
