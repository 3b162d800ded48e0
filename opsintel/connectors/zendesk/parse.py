"""Tickets and comments become items, one record for each.

The first comment of a ticket is what it was opened with: it and the ticket are one item, whose id is the ticket's. Each
other comment is an item of its own, ticket id/comment id. Both ways to a comment, the export of events and the list of
a ticket, give the same record.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from opsintel.connectors.contract import PayloadFormat, Upsert
from opsintel.connectors.files.text import ID_LIMIT, plain, to_json
from opsintel.connectors.files.times import value_time
from opsintel.errors import ItemError

SYSTEM_USER = -1
"""Whom Zendesk names as the author of what it wrote itself."""

PEOPLE_LIMIT = 20_000
"""Users that are remembered while an account is read."""

_TEAM = frozenset(["agent", "admin"])


@dataclass(frozen=True, slots=True)
class Person:
    """What is kept of a user."""

    name: str = ""
    email: str = ""
    role: str = ""


@dataclass
class Names:
    """Users and organizations by id, as far as they are known; of users the ones that were met last."""

    users: dict[int, Person] = field(default_factory=dict)
    organizations: dict[int, str] = field(default_factory=dict)

    def unknown(self, ids: Iterable[int]) -> list[int]:
        """Return the ids of users that are not known; those that are were met last from now on."""
        wanted = set(ids)
        for one in wanted & self.users.keys():
            self.users[one] = self.users.pop(one)
        return sorted(one for one in wanted - self.users.keys() if one > 0)

    def learn(self, answer: Mapping[str, Any]) -> None:
        """Note what an answer brings along."""
        for user in _objects(answer.get("users")):
            if isinstance(user.get("id"), int):
                self.users.pop(user["id"], None)
                self.users[user["id"]] = Person(*(_plain(user.get(name)) for name in ("name", "email", "role")))
        while len(self.users) > PEOPLE_LIMIT:
            del self.users[next(iter(self.users))]
        for one in _objects(answer.get("organizations")):
            if isinstance(one.get("id"), int):
                self.organizations[one["id"]] = _plain(one.get("name"))


def whole(ticket_id: int) -> str:
    """Return the key of a ticket with all of its comments."""
    return f"{ticket_id}/*"


def comment_key(ticket_id: int, comment_id: object) -> str:
    """Return the native id of a comment that is not the first."""
    return f"{ticket_id}/{comment_id}"


def ticket_upsert(ticket: Mapping[str, Any], first: Mapping[str, Any] | None, names: Names, address: str) -> Upsert:
    """Return the item of a ticket with its first comment; `ItemError` for what is no ticket.

    Without that comment it has its description, which nobody sees who may not see a comment of it.
    """
    shared = _shared(ticket, names, address)
    if first is None:
        said: dict[str, Any] = {"text": _plain(ticket.get("description")), "extra": {}}
        said |= _person(ticket.get("requester_id"), True, names)
        said |= {} if ticket.get("is_public") is True else {"visibility": "internal"}
    else:
        said = _said(first, names, address)
    record = shared | said | {"id": str(ticket["id"]), "occurred_at": ticket.get("created_at")}
    record["extra"] = shared["extra"] | said["extra"] | _state(ticket, names)
    return _upsert(str(ticket["id"]), ticket, ticket.get("updated_at"), record)


def comment_upsert(ticket: Mapping[str, Any], comment: Mapping[str, Any], names: Names, address: str) -> Upsert:
    """Return the item of a comment; `ItemError` for what is none."""
    if not isinstance(comment.get("id"), int):
        raise ItemError("the comment has no id")
    native_id = comment_key(ticket["id"], comment["id"])
    shared, said = _shared(ticket, names, address), _said(comment, names, address)
    record = shared | said | {"id": native_id, "parent": str(ticket["id"]), "occurred_at": comment.get("created_at")}
    record["extra"] = shared["extra"] | said["extra"]
    return _upsert(native_id, ticket, comment.get("created_at"), record)


def _upsert(native_id: str, ticket: Mapping[str, Any], stamp: object, record: dict[str, Any]) -> Upsert:
    payload = to_json({name: value for name, value in record.items() if value not in (None, "", [], {})})
    return Upsert(
        native_id=native_id,
        version=f"{stamp}/{hashlib.sha256(payload).hexdigest()[:16]}",
        payload=payload,
        format=PayloadFormat.RECORD,
        occurred_at=value_time(record["occurred_at"]),
        channel=str(record["channel"])[:ID_LIMIT],
        places=(whole(ticket["id"]),),
    )


def _shared(ticket: Mapping[str, Any], names: Names, address: str) -> dict[str, Any]:
    """Return what a ticket and its comments have in common, so that one filter means the same for both."""
    if not isinstance(ticket.get("id"), int):
        raise ItemError("the ticket has no id")
    tags = ticket.get("tags")
    extra = {"ticket": ticket["id"], "url": ticket_address(address, ticket["id"])}
    return {
        "kind": "ticket",
        "subject": _plain(ticket.get("raw_subject") or ticket.get("subject")),
        "channel": _plain(_object(ticket.get("via")).get("channel")),
        "thread": f"{address.partition('//')[2]}/{ticket['id']}",
        "labels": [_plain(tag) for tag in tags] if isinstance(tags, list) else [],
        "extra": extra | _named(organization=names.organizations.get(_number(ticket.get("organization_id")))),
    }


def _state(ticket: Mapping[str, Any], names: Names) -> dict[str, Any]:
    """Return what changes as a ticket is worked on, of the ticket alone: else each step would renew all comments."""
    assignee = names.users.get(_number(ticket.get("assignee_id")), Person())
    return _named(
        status=ticket.get("status"),
        priority=ticket.get("priority"),
        type=ticket.get("type"),
        assignee=assignee.name,
        group_id=ticket.get("group_id"),
    )


def _said(comment: Mapping[str, Any], names: Names, address: str) -> dict[str, Any]:
    """Return text, author, visibility, files and links of a comment."""
    is_public = comment.get("public") is True
    html, via = comment.get("html_body"), _object(comment.get("via"))
    body = {"html": plain(html)} if isinstance(html, str) and html.strip() else {"text": _plain(comment.get("body"))}
    merged = _merged(via)
    return {
        **body,
        **_person(comment.get("author_id"), is_public, names),
        **({} if is_public else {"visibility": "internal"}),
        "attachments": [_attachment(file) for file in _objects(comment.get("attachments"))],
        "links": [{"url": ticket_address(address, one), "text": f"ticket {one}"} for one in merged],
        "extra": _named(via=via.get("channel"), merged=", ".join(map(str, merged))),
    }


def _merged(via: Mapping[str, Any]) -> list[int]:
    """Return the tickets that a comment joins with its own: where these went, or where this one went."""
    source = _object(via.get("source"))
    if source.get("rel") != "merge":
        return []
    origin = _object(source.get("from"))
    several = origin.get("ticket_ids")
    found = [*(several if isinstance(several, list) else []), origin.get("ticket_id")]
    return sorted({one for one in found if isinstance(one, int)})


def _person(user_id: object, is_public: bool, names: Names) -> dict[str, Any]:
    """Return who wrote it, and the direction that the role tells: customers write in, the team writes out."""
    number = _number(user_id)
    user = names.users.get(number, Person())
    name = "Zendesk" if number == SYSTEM_USER else user.name
    found: dict[str, Any] = {
        "author_name": name,
        "author_email": user.email,
        "author_identity": {"kind": "zendesk", "value": str(number), "name": name} if number else None,
    }
    if number == SYSTEM_USER:
        found["is_bot"] = True
    if user.role == "end-user":
        found["direction"] = "inbound"
    elif user.role in _TEAM or number == SYSTEM_USER:
        found["direction"] = "outbound" if is_public else "internal"
    return found


def ticket_address(address: str, ticket_id: int) -> str:
    """Return where a person sees a ticket."""
    return f"{address}/agent/tickets/{ticket_id}"


def _attachment(file: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "filename": _plain(file.get("file_name")),
        "content_type": _plain(file.get("content_type")),
        "size": file["size"] if isinstance(file.get("size"), int) else 0,
        "inline": file.get("inline") is True,
    }


def _named(**values: object) -> dict[str, Any]:
    return {name: _plain(value) for name, value in values.items() if value not in (None, "")}


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _objects(value: object) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


def _plain(value: object) -> str:
    return plain(str(value)) if isinstance(value, str | int) else ""
