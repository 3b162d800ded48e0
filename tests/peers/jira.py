"""Jira on this machine: a site of Cloud, its OAuth gateway, or a server of Data Center, with issues that tests change.

Requests are checked against what Atlassian publishes, written down here by hand: for Cloud its OpenAPI document
(developer.atlassian.com/cloud/jira/platform/swagger-v3.v3.json, version 1001.0.0-SNAPSHOT-57a0ca5b), for Data Center
the reference of its REST API v2 (docs.atlassian.com/software/jira/docs/api/REST/9.17.0), for OAuth its page "OAuth 2.0
(3LO) apps".
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from tests.peers.provider import Asked, ProviderPeer, Told

EMAIL, TOKEN, PAT = "ada@example.com", "token-of-the-tests", "pat-of-the-tests"
CLOUD_ID, CLIENT_ID = "11223344-a1b2-3b33-c444-def123456789", "client"
CLIENT_SECRET = "client secret of the tests; as long as those that Atlassian makes, 64 and more"
SCOPES = ["read:jira-work", "read:jira-user", "manage:jira-webhook"]

OPERATIONS: dict[tuple[str, str], tuple[set[str], dict[str, Any], set[str]]] = {
    # (method, path): parameters of the query, fields of the body with their types, required ones
    ("GET", "3/serverInfo"): (set(), {}, set()),
    ("GET", "3/myself"): ({"expand"}, {}, set()),
    ("GET", "3/mypermissions"): ({"projectKey", "projectId", "issueId", "permissions"}, {}, {"permissions"}),
    ("GET", "3/project/search"): ({"startAt", "maxResults", "orderBy", "keys", "query", "expand"}, {}, set()),
    ("POST", "3/search/jql"): (set(), {"jql": str, "fields": list, "maxResults": int, "nextPageToken": str,
                                      "expand": str, "fieldsByKeys": bool, "properties": list,
                                      "reconcileIssues": list}, set()),
    ("POST", "3/issue/bulkfetch"): (set(), {"issueIdsOrKeys": list, "fields": list, "expand": list,
                                           "fieldsByKeys": bool, "properties": list}, {"issueIdsOrKeys"}),
    ("POST", "3/changelog/bulkfetch"): (set(), {"issueIdsOrKeys": list, "fieldIds": list, "maxResults": int,
                                               "nextPageToken": str}, {"issueIdsOrKeys"}),
    ("POST", "3/jql/match"): (set(), {"issueIds": list, "jqls": list}, {"issueIds", "jqls"}),
    ("GET", "3/issue/{}/comment"): ({"startAt", "maxResults", "orderBy", "expand"}, {}, set()),
    ("GET", "3/webhook"): ({"startAt", "maxResults"}, {}, set()),
    ("POST", "3/webhook"): (set(), {"url": str, "webhooks": list}, {"url", "webhooks"}),
    ("DELETE", "3/webhook"): (set(), {"webhookIds": list}, {"webhookIds"}),
    ("PUT", "3/webhook/refresh"): (set(), {"webhookIds": list}, {"webhookIds"}),
    ("GET", "2/serverInfo"): ({"doHealthCheck"}, {}, set()),
    ("GET", "2/myself"): (set(), {}, set()),
    ("GET", "2/mypermissions"): ({"projectKey", "projectId", "issueKey", "issueId", "permissions"}, {}, set()),
    ("POST", "2/search"): (set(), {"jql": str, "startAt": int, "maxResults": int, "fields": list, "expand": list,
                                  "validateQuery": bool}, set()),
    ("GET", "2/issue/{}/comment"): ({"startAt", "maxResults", "orderBy", "expand"}, {}, set()),
}  # fmt: skip


@dataclass
class Issue:
    """An issue as the site keeps it."""

    id: str
    key: str
    fields: dict[str, Any]
    comments: list[dict[str, Any]] = field(default_factory=list)
    histories: list[dict[str, Any]] = field(default_factory=list)

    @property
    def updated(self) -> datetime:
        return datetime.fromisoformat(self.fields["updated"])

    @property
    def created(self) -> datetime:
        return datetime.fromisoformat(self.fields["created"])


def written(moment: datetime) -> str:
    """Return a time as Jira writes it: with milliseconds, in the time zone of the account."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}+0000"


def document(text: str) -> dict[str, Any]:
    return {
        "type": "doc",
        "version": 1,
        "content": [{"type": "paragraph", "content": [{"type": "text", "text": text}]}],
    }


def person(number: int, kind: str = "atlassian", **fields: Any) -> dict[str, Any]:
    return {"accountId": f"5b10ac8d82e05b22cc7d4e{number:02d}", "accountType": kind, "active": True,
            "displayName": f"Person {number}", **fields}  # fmt: skip


class JiraPeer(ProviderPeer):
    """One site. Its clock goes on by a second with each change."""

    def __init__(self, kind: Literal["cloud", "oauth", "data_center"] = "cloud", page: int = 4) -> None:
        super().__init__()
        self.kind, self.page = kind, page
        self.clock = datetime.now(UTC).replace(microsecond=123_000) - timedelta(days=1)
        self.issues: dict[str, Issue] = {}
        self.hidden: set[str] = set()
        """Issues that the index does not have yet."""
        self.errors: dict[str, str] = {}
        """What /issue/bulkfetch says of issues that it cannot read just now."""
        self.embedded = 5
        """Comments that an issue holds itself."""
        self.permissions = {"BROWSE_PROJECTS"}
        self.scopes = list(SCOPES)
        self.deployment = "Server" if kind == "data_center" else "Cloud"
        self.sites: list[dict[str, Any]] = [{"id": CLOUD_ID, "url": "https://one.example.net", "name": "one"}]
        self.is_revoked = self.shows_strangers_nothing = False
        self.access_token, self.refresh_token = "access-0", "refresh-0"
        self.refreshes = 0
        self.webhooks: dict[int, dict[str, Any]] = {}
        self.webhook_url = ""
        self.webhook_error = ""
        self.notices: dict[str, str] = {}
        """Headers of every answer."""
        self.after: Callable[[Asked], None] = lambda _: None
        """Called after each answer was made: what happens at the site between two requests."""

    # What people do at the site.

    def moment(self) -> datetime:
        return self.clock

    def tick(self, span: timedelta = timedelta(seconds=1)) -> str:
        self.clock += span
        return written(self.clock)

    def make(self, number: int, key: str = "SUP", **fields: Any) -> Issue:
        moment = self.tick()
        basic = {
            "summary": f"Lamp {number} is broken", "created": moment, "updated": moment, "labels": ["lamp"],
            "description": self.text(f"The lamp {number} does not shine"), "reporter": person(1),
            "creator": person(1), "assignee": None, "priority": {"name": "High"}, "issuetype": {"name": "Bug"},
            "status": {"name": "Open", "statusCategory": {"key": "new"}}, "resolution": None, "security": None,
            "project": {"id": "10", "key": key, "name": "Support"}, "attachment": [],
        }  # fmt: skip
        issue = Issue(str(10_000 + number), f"{key}-{number}", basic | fields)
        self.issues[issue.id] = issue
        return issue

    def text(self, text: str) -> Any:
        return text if self.kind == "data_center" else document(text)

    def change(self, issue_id: str, **fields: Any) -> None:
        issue = self.issues[issue_id]
        moment = self.tick()
        items = [{"field": name, "fieldId": name, "fromString": "", "toString": ""} for name in fields]
        issue.histories.append({"id": str(len(issue.histories)), "created": moment, "items": items})
        issue.fields |= fields | {"updated": moment}

    def comment(self, issue_id: str, text: str, **fields: Any) -> str:
        issue = self.issues[issue_id]
        moment = self.tick()
        number = str(int(issue_id) * 1000 + len(issue.comments))
        said = {"id": number, "author": person(2), "body": self.text(text), "created": moment, "updated": moment}
        said |= {} if self.kind == "data_center" else {"jsdPublic": True}
        issue.comments.append(said | fields)
        issue.fields["updated"] = moment
        return number

    def delete(self, issue_id: str) -> None:
        self.tick()
        del self.issues[issue_id]

    # The interface.

    def answer(self, asked: Asked) -> Told:
        told = self._answered(asked)
        told.headers = self.notices | told.headers
        self.after(asked)
        return told

    def _answered(self, asked: Asked) -> Told:
        if asked.path == "/oauth/token":
            return self._token(asked)
        refused = self._refused(asked)
        if refused is not None:
            return refused
        if asked.path == "/oauth/token/accessible-resources":
            return Told(200, [{"scopes": self.scopes} | site for site in self.sites])
        prefix = f"/ex/jira/{CLOUD_ID}" if self.kind == "oauth" else ""
        match = re.fullmatch(f"{prefix}/rest/api/(.+)", asked.path)
        if match is None:
            return Told(404, {"message": "no such path"})
        operation = re.sub(r"/issue/\d+/", "/issue/{}/", match.group(1))
        fault = self._misuse(asked, operation)
        if fault:
            self.wrong.append(f"{asked.method} {asked.path}: {fault}")
            return Told(400, {"errorMessages": [fault], "errors": {}})
        return self._dispatch(asked, operation)

    def _misuse(self, asked: Asked, operation: str) -> str:
        version = "2" if self.kind == "data_center" else "3"
        described = OPERATIONS.get((asked.method, operation))
        if described is None or not operation.startswith(version):
            return f"{asked.method} {operation} is not described"
        parameters, fields, required = described
        body = asked.json() or {}
        unknown = set(asked.query) - parameters | body.keys() - fields.keys()
        missing = required - asked.query.keys() - body.keys()
        mistyped = [name for name, value in body.items() if name in fields and not isinstance(value, fields[name])]
        if unknown or missing or mistyped:
            return f"unknown {sorted(unknown)}, missing {sorted(missing)}, of another type {mistyped}"
        if len(body.get("issueIdsOrKeys", [])) > (1000 if "changelog" in operation else 100):
            return "too many issues"
        texts = [*body.get("issueIdsOrKeys", []), *body.get("fields", []), *body.get("fieldIds", [])]
        if not all(isinstance(text, str) for text in texts):
            return "a list of texts holds something else"
        return ""

    def _dispatch(self, asked: Asked, operation: str) -> Told:
        body = asked.json() or {}
        match operation.split("/")[1:]:
            case ["serverInfo"]:
                return Told(200, {"deploymentType": self.deployment, "version": "9.17.0"})
            case ["myself"]:
                return Told(200, person(9))
            case ["mypermissions"]:
                held = {"BROWSE_PROJECTS": {"key": "BROWSE_PROJECTS",
                                            "havePermission": "BROWSE_PROJECTS" in self.permissions}}  # fmt: skip
                return Told(200, {"permissions": held})
            case ["project", "search"]:
                keys = sorted({issue.fields["project"]["id"] for issue in self.issues.values()})
                return Told(200, {"values": [{"id": key} for key in keys], "isLast": True})
            case ["search", "jql"]:
                return self._search(body)
            case ["search"]:
                return self._search_by_offset(body)
            case ["issue", "bulkfetch"]:
                found = [one for one in body["issueIdsOrKeys"] if one in self.issues and one not in self.errors]
                errors = [{"id": one, "errorMessage": text} for one, text in self.errors.items()
                          if one in body["issueIdsOrKeys"]]  # fmt: skip
                shown = [self._shown(self.issues[one], body["fields"]) for one in sorted(found, key=int)]
                return Told(200, {"issues": shown, "issueErrors": errors})
            case ["changelog", "bulkfetch"]:
                return Told(200, {"issueChangeLogs": self._changes(body["issueIdsOrKeys"], body["fieldIds"])})
            case ["jql", "match"]:
                ids = {issue.id for issue in self.matching(body["jqls"][0])}
                return Told(200, {"matches": [{"matchedIssues": [i for i in body["issueIds"] if str(i) in ids],
                                               "errors": []}]})  # fmt: skip
            case ["issue", _, "comment"]:
                return self._comments(asked)
            case _:
                return self._webhook(asked, operation, body)

    def _search(self, body: dict[str, Any]) -> Told:
        jql = body["jql"]
        if "updated >=" not in jql:
            return Told(400, {"errorMessages": ["Unbounded JQL queries are not allowed here."]})
        try:
            found = self.ordered(jql)
        except BadQuery as bad:
            return Told(400, {"errorMessages": [str(bad)], "errors": {}})
        start = int(body.get("nextPageToken", "at-0").removeprefix("at-"))
        end = start + min(self.page, body["maxResults"])
        page: dict[str, Any] = {"issues": [self._shown(issue, body["fields"]) for issue in found[start:end]]}
        page["isLast"] = end >= len(found)
        return Told(200, page | ({} if page["isLast"] else {"nextPageToken": f"at-{end}"}))

    def _search_by_offset(self, body: dict[str, Any]) -> Told:
        try:
            found = self.ordered(body["jql"], validated=body.get("validateQuery", True))
        except BadQuery as bad:
            return Told(400, {"errorMessages": [str(bad)], "errors": {}})
        start = body.get("startAt", 0)
        shown = found[start : start + min(self.page, body["maxResults"])]
        if body["fields"] != ["updated"]:
            shown = found[start : start + body["maxResults"]]
        issues = [self._shown(issue, body["fields"], body.get("expand", [])) for issue in shown]
        return Told(200, {"startAt": start, "maxResults": self.page, "total": len(found), "issues": issues})

    def ordered(self, jql: str, *, validated: bool = True) -> list[Issue]:
        condition, _, order = jql.partition(" ORDER BY ")
        found = [issue for issue in self.matching(condition, validated) if issue.id not in self.hidden]
        assert order in ("", "updated ASC, id ASC")
        # Data Center orders by whole seconds.
        return sorted(found, key=lambda issue: (self._seen(issue.updated), int(issue.id)))

    def _seen(self, moment: datetime) -> int:
        milliseconds = int(moment.timestamp() * 1000)
        return milliseconds // 1000 * 1000 if self.kind == "data_center" else milliseconds

    def matching(self, jql: str, validated: bool = True) -> list[Issue]:
        tests = [self._test(part.strip(), validated) for part in jql.split(" AND ")]
        return [issue for issue in self.issues.values() if all(test(issue) for test in tests)]

    def _test(self, part: str, validated: bool) -> Callable[[Issue], bool]:
        part = part.removeprefix("(").removesuffix(")") if part.startswith("(") else part
        match = re.fullmatch(r"(\w+) (>=|<=|<|=|in) (.+)", part)
        if match is None:
            raise BadQuery(f"Error in the JQL Query: Expecting either 'OR' or 'AND' but got '{part}'.")
        name, operator, text = match.groups()
        values = [value.strip().strip('"') for value in text.strip("()").split(",")]
        if name == "id" and validated:
            for value in values:
                if value not in self.issues:
                    raise BadQuery(f"An issue with key '{value}' does not exist for field 'id'.")
        match name, operator:
            case "id", "in":
                return lambda issue: issue.id in values
            case "project", "in":
                return lambda issue: issue.fields["project"]["key"] in values
            case "labels", "=":
                return lambda issue: values[0] in issue.fields["labels"]
            case "status", "=":
                return lambda issue: issue.fields["status"]["name"] == values[0]
            case "created", "<":
                return lambda issue: issue.created.timestamp() * 1000 < int(text)
            case "updated", ">=":
                return lambda issue: self._seen(issue.updated) >= int(text)
            case "updated", "<=":
                return lambda issue: self._seen(issue.updated) <= int(text)
            case _:
                raise BadQuery(f"Field '{name}' does not exist or you do not have permission to view it.")

    def _shown(self, issue: Issue, fields: list[str], expand: Iterable[str] = ()) -> dict[str, Any]:
        shown: dict[str, Any] = {"id": issue.id, "key": issue.key, "self": f"{self.address}/{issue.id}"}
        shown["fields"] = {name: value for name, value in issue.fields.items() if name in fields}
        if "comment" in fields:
            shown["fields"]["comment"] = {
                "comments": [_unexpanded(comment) for comment in issue.comments[: self.embedded]],
                "maxResults": self.embedded, "total": len(issue.comments), "startAt": 0,
            }  # fmt: skip
        if "renderedFields" in expand:
            shown["renderedFields"] = {"description": f"<p>{issue.fields['description']}</p>"}
        if "changelog" in expand:
            shown["changelog"] = {"histories": issue.histories}
        return shown

    def _changes(self, ids: list[str], fields: list[str]) -> list[dict[str, Any]]:
        found = []
        for one in ids:
            histories = self.issues[one].histories if one in self.issues else []
            kept = [history for history in histories if any(item["fieldId"] in fields for item in history["items"])]
            found += [{"issueId": one, "changeHistories": kept}] if kept else []
        return found

    def _comments(self, asked: Asked) -> Told:
        issue = self.issues.get(asked.path.split("/")[-2])
        if issue is None:
            return Told(404, {"errorMessages": ["Issue does not exist or you do not have permission to see it."]})
        start = int(asked.query.get("startAt", 0))
        expand = asked.query.get("expand", "").split(",")
        size = min(self.page, int(asked.query.get("maxResults", 100)))
        shown = [comment if "properties" in expand else _unexpanded(comment) for comment in issue.comments]
        shown = [dict(comment, renderedBody=f"<p>{comment['body']}</p>") if "renderedBody" in expand else comment
                 for comment in shown[start : start + size]]  # fmt: skip
        return Told(200, {"startAt": start, "maxResults": size, "total": len(issue.comments), "comments": shown})

    def _webhook(self, asked: Asked, operation: str, body: dict[str, Any]) -> Told:
        if self.kind != "oauth":
            return Told(403, {"errorMessages": ["Only Connect and OAuth 2.0 apps can manage webhooks."]})
        expires = int((self.clock + timedelta(days=30)).timestamp() * 1000)
        if operation.endswith("refresh"):
            for one in body["webhookIds"]:
                self.webhooks[one]["expirationDate"] = expires
            return Told(200, {"expirationDate": expires})
        if asked.method == "GET":
            return Told(200, {"values": list(self.webhooks.values()), "isLast": True})
        if asked.method == "DELETE":
            for one in body["webhookIds"]:
                del self.webhooks[one]
            return Told(202, {})
        results = []
        self.webhook_url = body["url"]
        for wanted in body["webhooks"]:
            fits = re.fullmatch(r'project in \((?:"?\w+"?(?:, )?)+\)', wanted["jqlFilter"])
            if self.webhook_error or not fits:
                results.append({"errors": [self.webhook_error or "The clause is not supported"]})
            else:
                number = len(self.webhooks) + 1
                self.webhooks[number] = wanted | {"id": number, "expirationDate": expires}
                results.append({"createdWebhookId": number})
        return Told(200, {"webhookRegistrationResult": results})

    # Who may.

    def _refused(self, asked: Asked) -> Told | None:
        wanted = {
            "cloud": "Basic " + base64.b64encode(f"{EMAIL}:{TOKEN}".encode()).decode(),
            "oauth": f"Bearer {self.access_token}",
            "data_center": f"Bearer {PAT}",
        }[self.kind]
        if asked.headers.get("authorization") == wanted and not self.is_revoked:
            return None
        if self.shows_strangers_nothing:
            return Told(200, {"issues": [], "isLast": True}, {"X-Seraph-LoginReason": "AUTHENTICATED_FAILED"})
        return Told(401, {"code": 401, "message": "Unauthorized"})

    def _token(self, asked: Asked) -> Told:
        form = dict(pair.split("=", 1) for pair in asked.body.decode().split("&"))
        if form.get("refresh_token") != self.refresh_token or self.is_revoked:
            return Told(403, {"error": "invalid_grant", "error_description": "Unknown or invalid refresh token."})
        self.refreshes += 1
        self.access_token, self.refresh_token = f"access-{self.refreshes}", f"refresh-{self.refreshes}"
        return Told(200, {"access_token": self.access_token, "refresh_token": self.refresh_token,
                          "expires_in": 3600, "scope": " ".join(self.scopes)})  # fmt: skip


class BadQuery(Exception):
    """JQL that the site does not take."""


def _unexpanded(comment: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in comment.items() if name != "properties"}
