"""Zendesk on this machine: an account with tickets, comments and users that tests change.

Zendesk publishes nothing for machines that describes its exports. Requests are checked against its documentation,
written down here by hand: developer.zendesk.com/api-reference (Incremental Exports, Tickets, Ticket Comments, Users,
Search, OAuth Tokens), and for the shapes of events "Exporting ticket events" and the reference of audit events.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from urllib.parse import parse_qs

from tests.peers.provider import Asked, ProviderPeer, Told

EMAIL, TOKEN = "ada@example.com", "token-of-the-tests"
CLIENT_ID, CLIENT_SECRET = "opsintel", "client-secret-of-the-tests"
AGENT, CUSTOMER = 7, 8
PAGED = {"page[size]", "page[after]"}

OPERATIONS: dict[str, tuple[set[str], set[str]]] = {
    # path: parameters of the query, required ones
    "incremental/tickets/cursor.json": ({"start_time", "cursor", "per_page", "include", "exclude_deleted"}, set()),
    "incremental/ticket_events.json": ({"start_time", "per_page", "include"}, {"start_time"}),
    "tickets/show_many.json": ({"ids", "include"}, {"ids"}),
    "tickets/{}/comments.json": (PAGED | {"include", "sort"}, set()),
    "users/show_many.json": ({"ids"}, {"ids"}),
    "users/me.json": (set(), set()),
    "search/export.json": (PAGED | {"query", "filter[type]"}, {"query", "filter[type]"}),
    "oauth/tokens/current.json": (set(), set()),
}
LARGEST_PAGES = {"tickets/{}/comments.json": 100, "search/export.json": 1_000}


def written(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class ZendeskPeer(ProviderPeer):
    """One account. Its clock goes on by a second with each change, and is ten minutes ahead of the last one."""

    def __init__(self, kind: Literal["token", "oauth"] = "token", page: int = 4) -> None:
        super().__init__()
        self.kind, self.page = kind, page
        self.clock = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
        self.quiet = timedelta(minutes=10)
        """How long ago the last change is."""
        self.tickets: dict[int, dict[str, Any]] = {}
        self.comments: dict[int, list[dict[str, Any]]] = {}
        self.events: list[dict[str, Any]] = []
        self.users: dict[int, dict[str, Any]] = {
            AGENT: {"id": AGENT, "name": "Agnes", "email": "agnes@acme.example", "role": "agent"},
            CUSTOMER: {"id": CUSTOMER, "name": "Carl", "email": "carl@c.example", "role": "end-user"},
            9: {"id": 9, "name": "Ada", "email": EMAIL, "role": "admin"},
        }
        self.organizations = {70: {"id": 70, "name": "Carl & Sons"}}
        self.role = "admin"
        self.scopes = ["read"]
        self.found: dict[str, set[int]] = {}
        """What a search finds."""
        self.is_revoked = self.forgets_cursors = self.shows_strangers_nobody = False
        self.access_token, self.refresh_token, self.refreshes = "access-0", "refresh-0", 0
        self.notices: dict[str, str] = {}
        self.after: Callable[[Asked], None] = lambda _: None
        self._number = 1_000
        self._asked = 0

    # What people do in the account.

    def moment(self) -> datetime:
        return self.clock + self.quiet

    def next(self) -> int:
        self._number += 1
        return self._number

    def tick(self, span: timedelta = timedelta(seconds=1)) -> str:
        if len(self.asked) != self._asked:  # what happens after an answer happens after the time of that answer
            self._asked, self.clock = len(self.asked), self.moment()
        self.clock += span
        return written(self.clock)

    def make(self, number: int, text: str = "", *, public: bool = True, author: int = CUSTOMER, **fields: Any) -> int:
        moment = self.tick()
        self.tickets[number] = {
            "id": number, "subject": f"Lamp {number} is broken", "raw_subject": f"Lamp {number} is broken",
            "description": text or f"The lamp {number} does not shine", "status": "open", "priority": "high",
            "type": "problem", "tags": ["lamp"], "requester_id": author, "assignee_id": AGENT, "group_id": 5,
            "organization_id": 70, "created_at": moment, "is_public": public, "via": {"channel": "email"},
        } | fields  # fmt: skip
        self.comments[number] = []
        said = self._said(number, text or f"The lamp {number} does not shine", public, author)
        self._log(
            number,
            said,
            {"event_type": "Create", "subject": f"Lamp {number}"},
            {"event_type": "Create", "status": "new"},
        )
        return number

    def comment(self, number: int, text: str, *, public: bool | None = True, author: int = AGENT, **fields: Any) -> int:
        self.tick()
        said = self._said(number, text, public, author, **fields)
        self._log(number, said)
        return int(said["id"])

    def _said(
        self, number: int, text: str, public: bool | None, author: int, via: dict[str, Any] | None = None, **fields: Any
    ) -> dict[str, Any]:
        said = {
            "id": self.next(), "type": "Comment", "author_id": author, "body": text, "plain_body": text,
            "html_body": f'<div class="zd-comment" dir="auto"><p>{text}</p></div>', "public": public, "attachments": [],
            "audit_id": self.next(), "via": {"channel": "web"} | (via or {}), "created_at": written(self.clock),
        } | fields  # fmt: skip
        self.comments[number].append(said)
        return said

    def change(self, number: int, **fields: Any) -> None:
        self.tick()
        self.tickets[number] |= fields
        self._log(number, *[{"event_type": "Change", name: value} for name, value in fields.items()])

    def redact(self, number: int, comment_id: int) -> None:
        """Take the text of a comment out of the account; its event of old shows none of it either."""
        self.tick()
        comment = next(one for one in self.comments[number] if one["id"] == comment_id)
        comment |= {"body": "▇▇▇▇", "plain_body": "▇▇▇▇", "html_body": "<div><p>▇▇▇▇</p></div>"}
        self._log(number, {"event_type": "CommentRedactionEvent", "comment_id": comment_id})

    def make_private(self, number: int, comment_id: int) -> None:
        """Hide a comment from customers; its event of old still says that it is public."""
        self.tick()
        at = next(index for index, one in enumerate(self.comments[number]) if one["id"] == comment_id)
        self.comments[number][at] = self.comments[number][at] | {"public": False}
        self._log(number, {"event_type": "CommentPrivacyChange", "comment_id": comment_id, "public": False})

    def delete(self, number: int) -> None:
        self.tick()
        self.tickets[number]["status"] = "deleted"
        self._log(number, {"event_type": "Change", "status": "deleted"})

    def _log(self, number: int, *children: dict[str, Any]) -> None:
        seconds = int(self.clock.timestamp())
        self.tickets[number] |= {"updated_at": written(self.clock), "generated_timestamp": seconds}
        shown = [{"event_type": "Comment", **child} if "body" in child else {"id": self.next(), **child}
                 for child in children]  # fmt: skip
        self.events.append(
            {"id": self.next(), "ticket_id": number, "timestamp": seconds, "updater_id": AGENT,
             "created_at": written(self.clock), "event_type": "Audit", "child_events": shown}
        )  # fmt: skip

    # The interface.

    def answer(self, asked: Asked) -> Told:
        told = self._answered(asked)
        told.headers = self.notices | told.headers
        self.after(asked)
        return told

    def _answered(self, asked: Asked) -> Told:
        if asked.path == "/oauth/tokens":
            return self._token(asked)
        operation = re.sub(r"^tickets/\d+/", "tickets/{}/", asked.path.removeprefix("/api/v2/"))
        refused = self._refused(asked, operation)
        if refused is not None:
            return refused
        described = OPERATIONS.get(operation)
        if asked.method != "GET" or described is None:
            self.wrong.append(f"{asked.method} {asked.path} is not described")
            return Told(404, {"error": "InvalidEndpoint", "description": "Not found"})
        parameters, required = described
        size = int(asked.query.get("page[size]", 1))
        if (
            (unknown := asked.query.keys() - parameters)
            or required - asked.query.keys()
            or size > LARGEST_PAGES.get(operation, 1)
        ):
            self.wrong.append(f"{asked.path}: {dict(asked.query)}")
            return Told(400, {"error": "BadRequest", "description": f"{sorted(unknown)}"})
        return self._dispatch(asked, operation)

    def _dispatch(self, asked: Asked, operation: str) -> Told:
        match operation:
            case "incremental/tickets/cursor.json":
                return self._export_tickets(asked)
            case "incremental/ticket_events.json":
                return self._export_events(asked)
            case "tickets/show_many.json":
                ids = [int(one) for one in asked.query["ids"].split(",")]
                shown = [
                    self.tickets[one] for one in ids if one in self.tickets and self.tickets[one]["status"] != "deleted"
                ]
                return self._too_many(ids) or Told(200, {"tickets": shown, **self._beside(shown, asked)})
            case "tickets/{}/comments.json":
                return self._comments(asked)
            case "users/show_many.json":
                ids = [int(one) for one in asked.query["ids"].split(",")]
                return self._too_many(ids) or Told(
                    200, {"users": [self.users[one] for one in ids if one in self.users]}
                )
            case "users/me.json":
                return Told(200, {"user": self.users[9] | {"role": self.role}})
            case "search/export.json":
                return self._search(asked)
            case _:
                return Told(200, {"token": {"id": 1, "scopes": self.scopes}})

    def _too_many(self, ids: list[int]) -> Told | None:
        if len(ids) <= 100:
            return None
        self.wrong.append(f"{len(ids)} ids")
        return Told(400, {"error": "TooManyIds"})

    def _export_tickets(self, asked: Asked) -> Told:
        if self.role != "admin":
            return Told(403, {"error": {"title": "Forbidden", "message": "You do not have access to this page"}})
        settled = int(self.moment().timestamp()) - 60
        if "cursor" in asked.query:
            if self.forgets_cursors:
                return Told(422, {"error": "InvalidCursor", "description": "The cursor is not valid"})
            place = tuple(int(part) for part in base64.b64decode(asked.query["cursor"]).decode().split(":"))
        else:
            start = int(asked.query["start_time"])
            if start > settled:
                return Told(422, {"error": "StartTimeTooRecent", "description": "Too recent start_time. Use another"})
            place = (start, 0)
        ordered = sorted((ticket["generated_timestamp"], number) for number, ticket in self.tickets.items())
        left = [self.tickets[number] for at, number in ordered if (at, number) > place and at <= settled]
        shown = left[: self.page]
        if shown:
            place = (shown[-1]["generated_timestamp"], shown[-1]["id"])
        after = base64.b64encode(f"{place[0]}:{place[1]}".encode()).decode()
        return Told(200, {"tickets": [dict(ticket) for ticket in shown], "after_cursor": after, "before_cursor": None,
                          "end_of_stream": len(left) <= self.page, **self._beside(shown, asked)})  # fmt: skip

    def _beside(self, tickets: list[dict[str, Any]], asked: Asked) -> dict[str, Any]:
        wanted = asked.query.get("include", "").split(",")
        users = {ticket[name] for ticket in tickets for name in ("requester_id", "assignee_id")}
        beside: dict[str, Any] = {}
        if "users" in wanted:
            beside["users"] = [self.users[one] for one in sorted(users) if one in self.users]
        if "organizations" in wanted:
            beside["organizations"] = list(self.organizations.values())
        return beside

    def _export_events(self, asked: Asked) -> Told:
        start, settled = int(asked.query["start_time"]), int(self.moment().timestamp()) - 60
        if start > settled:
            return Told(422, {"error": "StartTimeTooRecent", "description": "Too recent start_time. Use another"})
        left = [event for event in self.events if start <= event["timestamp"] <= settled]
        shown = left[: self.page]
        if shown and shown[0]["timestamp"] == shown[-1]["timestamp"]:  # else the next page would begin as this one does
            shown = [event for event in left if event["timestamp"] == shown[0]["timestamp"]]
        if asked.query.get("include") != "comment_events":
            shown = [event | {"child_events": [_unspoken(child) for child in event["child_events"]]} for event in shown]
        end = shown[-1]["timestamp"] if shown else start
        return Told(200, {"ticket_events": shown, "end_time": end, "count": len(shown),
                          "end_of_stream": len(shown) == len(left)})  # fmt: skip

    def _comments(self, asked: Asked) -> Told:
        number = int(asked.path.split("/")[-2])
        if number not in self.tickets or self.tickets[number]["status"] == "deleted":
            return Told(404, {"error": "RecordNotFound", "description": "Not found"})
        start = int(asked.query.get("page[after]", "0"))
        end = start + min(self.page, int(asked.query.get("page[size]", "100")))
        shown = self.comments[number][start:end]
        has_more = end < len(self.comments[number])
        beside = {
            "users": [self.users[one] for one in sorted({said["author_id"] for said in shown}) if one in self.users]
        }
        return Told(200, {"comments": shown, "meta": {"has_more": has_more, "after_cursor": str(end)},
                          **(beside if asked.query.get("include") == "users" else {})})  # fmt: skip

    def _search(self, asked: Asked) -> Told:
        if asked.query["query"] not in self.found:
            return Told(422, {"error": "unprocessable", "description": "Invalid search: must have a query"})
        ids = sorted(self.found[asked.query["query"]])
        start = int(asked.query.get("page[after]", "0"))
        end = start + self.page
        return Told(200, {"results": [self.tickets[one] for one in ids[start:end] if one in self.tickets],
                          "meta": {"has_more": end < len(ids), "after_cursor": str(end)}})  # fmt: skip

    # Who may.

    def _refused(self, asked: Asked, operation: str) -> Told | None:
        basic = base64.b64encode(f"{EMAIL}/token:{TOKEN}".encode()).decode()
        wanted = f"Basic {basic}" if self.kind == "token" else f"Bearer {self.access_token}"
        if asked.headers.get("authorization") == wanted and not self.is_revoked:
            return None
        if self.shows_strangers_nobody and operation == "users/me.json":
            return Told(200, {"user": {"id": None, "name": "Anonymous user", "role": "end-user"}})
        return Told(401, {"error": "Couldn't authenticate you"})

    def _token(self, asked: Asked) -> Told:
        form = {name: values[0] for name, values in parse_qs(asked.body.decode()).items()}
        if form.get("refresh_token") != self.refresh_token or self.is_revoked:
            return Told(400, {"error": "invalid_grant", "error_description": "The refresh token is invalid"})
        self.refreshes += 1
        self.access_token, self.refresh_token = f"access-{self.refreshes}", f"refresh-{self.refreshes}"
        return Told(200, {"access_token": self.access_token, "refresh_token": self.refresh_token, "expires_in": 1800})


def _unspoken(child: dict[str, Any]) -> dict[str, Any]:
    return child | {"body": None, "html_body": None, "plain_body": None} if "body" in child else child
