"""What is asked of Jira: issues, comments, changes, what the account may, webhooks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from opsintel.connectors.files.times import value_time
from opsintel.connectors.jira.answers import (
    CHANGES,
    Changes,
    bad_query,
    changes_of,
    errors_of,
    histories_of,
    is_changed,
    listed,
    words_of,
)
from opsintel.connectors.jira.api import JiraApi
from opsintel.connectors.jira.parse import FIELDS
from opsintel.errors import CredentialError, InputError, ItemError, UnavailableError

PAGE = 100
"""Issues that one request reads (the most of /issue/bulkfetch), and comments of a page."""

_TRIES = 3


@dataclass(frozen=True)
class Page:
    """Issues of a search, where the next page begins (None: there is none), and the time there."""

    issues: list[dict[str, Any]]
    following: str | int | None
    moment: datetime


@dataclass(frozen=True)
class Details:
    """Issues by id, and why others cannot be read now; what is in neither is gone, or not ours to see."""

    issues: Mapping[str, dict[str, Any]]
    errors: Mapping[str, str]


class JiraClient(JiraApi):
    """Requests to one site of Jira."""

    def search(self, jql: str, start: str | int | None = None) -> Page:
        """Return ids and times of issues, a page at a time. Raises `InputError` with Jira's words for a bad query."""
        body: dict[str, Any] = {"jql": jql, "fields": ["updated"], "maxResults": PAGE}
        if self.is_cloud:
            body |= {"nextPageToken": start} if start else {}
            found = self.read("POST", f"{self.api}/search/jql", body=body, units=PAGE + 1)
            issues = listed(found, "issues")
            following = None if found.get("isLast") is True else found.get("nextPageToken") or None
            return Page(issues, following, self.moment)
        found = self.read("POST", f"{self.api}/search", body=body | {"startAt": start or 0})
        issues = listed(found, "issues")
        offset = start if isinstance(start, int) else 0
        is_last = not issues or offset + len(issues) >= int(found.get("total", 0))
        # The next page repeats half of this one: an issue that leaves the list meanwhile moves all others up.
        return Page(issues, None if is_last else offset + max(len(issues) // 2, 1), self.moment)

    def details(self, ids: Sequence[str], *, counted: bool = False) -> Details:
        """Return at most 100 issues with their fields and comments; `counted`: only what a census needs."""
        fields = ["created", "updated", "comment"] if counted else [*FIELDS, "comment"]
        if not ids:
            return Details({}, {})
        if self.is_cloud:
            body: dict[str, Any] = {"issueIdsOrKeys": list(ids), "fields": fields}
            found = self.read("POST", f"{self.api}/issue/bulkfetch", body=body, units=len(ids) + 1)
            errors = {str(one.get("id")): words_of(str(one.get("errorMessage", ""))) for one in errors_of(found)}
        else:
            # Ids of issues that are gone meanwhile are no fault of the query.
            body = {"jql": f"id in ({', '.join(ids)})", "fields": fields, "maxResults": len(ids), "startAt": 0}
            body |= {"validateQuery": False} | ({} if counted else {"expand": ["renderedFields", "changelog"]})
            found, errors = self.read("POST", f"{self.api}/search", body=body), {}
        issues = [issue for issue in listed(found, "issues") if isinstance(issue.get("fields"), dict)]
        return Details({str(issue.get("id")): issue for issue in issues}, errors)

    def comments(self, issue: Mapping[str, Any], *, counted: bool = False) -> list[dict[str, Any]] | None:
        """Return all comments of an issue, oldest first; None where the issue is gone meanwhile.

        An issue holds only its first comments. Those of Data Center say whether they are internal when they are listed.
        """
        held = issue["fields"].get("comment")
        if isinstance(held, dict) and isinstance(held.get("comments"), list):
            comments: list[dict[str, Any]] = held["comments"]
            is_complete = len(comments) >= int(held.get("total", len(comments)))
            if is_complete and (self.is_cloud or counted or not comments):
                return comments
        for _ in range(_TRIES):
            totals: set[object] = set()
            found: dict[str, dict[str, Any]] = {}
            for page in self._comment_pages(str(issue["id"])):
                if page is None:
                    return None
                totals.add(page.get("total"))
                found |= {str(comment.get("id")): comment for comment in listed(page, "comments")}
            if totals == {len(found)}:
                return list(found.values())
        raise UnavailableError("The comments of an issue change while they are read", remedy="It is tried again later")

    def _comment_pages(self, issue_id: str) -> Iterator[dict[str, Any] | None]:
        """Yield pages of comments, None where there is no issue. They shift where a comment is deleted in between."""
        start = 0
        while True:
            params: dict[str, str | int] = {"startAt": start, "maxResults": PAGE, "orderBy": "created"}
            params |= {} if self.is_cloud else {"expand": "renderedBody,properties"}
            path = f"/{self.api}/issue/{issue_id}/comment"
            page = self.answered("GET", path, params=params, units=PAGE + 1, or_none=True)
            yield page
            read = 0 if page is None else len(listed(page, "comments"))
            start += read
            if page is None or not read or start >= int(page.get("total", 0)):
                return

    def changes(self, issues: Mapping[str, Mapping[str, Any]]) -> dict[str, Changes]:
        """Return when issues were last changed, of those that were."""
        if not self.is_cloud:
            return {one: changes_of(histories_of(issue)) for one, issue in issues.items()}
        changed = [one for one, issue in issues.items() if is_changed(issue)]
        histories: dict[str, list[Any]] = {}
        token: str | None = None
        while changed:
            body: dict[str, Any] = {"issueIdsOrKeys": changed, "fieldIds": list(CHANGES)}
            body |= {"nextPageToken": token} if token else {}
            page = self.read("POST", f"{self.api}/changelog/bulkfetch", body=body, units=len(changed) + 1)
            for log in listed(page, "issueChangeLogs"):
                histories.setdefault(str(log.get("issueId")), []).extend(log.get("changeHistories") or [])
            token = page.get("nextPageToken") or None
            if token is None:
                break
        return {one: changes_of(found) for one, found in histories.items()}

    def matching(self, ids: Sequence[str], jql: str) -> set[str]:
        """Return those of existing issues that a condition matches, as they are now."""
        if not ids or not jql:
            return set(ids)
        if self.is_cloud:
            body = {"issueIds": [int(one) for one in ids], "jqls": [jql]}
            found = self.read("POST", f"{self.api}/jql/match", body=body, units=len(ids) + 1)
            (match,) = listed(found, "matches")
            if match.get("errors"):
                raise bad_query(" ".join(map(str, match["errors"])))
            return {str(one) for one in match.get("matchedIssues", [])}
        body = {"jql": f"id in ({', '.join(ids)}) AND {jql}", "fields": ["updated"], "maxResults": len(ids)}
        return {str(issue.get("id")) for issue in listed(self.read("POST", f"{self.api}/search", body=body), "issues")}

    def myself(self) -> Mapping[str, Any]:
        """Return the account. Raises `CredentialError` where we are nobody to Jira."""
        found = self.read("GET", f"{self.api}/myself")
        if not (found.get("accountId") or found.get("name") or found.get("key")):
            raise CredentialError("Jira does not take the credential", remedy="Authorise the source again")
        return found

    def server(self) -> Mapping[str, Any]:
        """Return what the site says of itself."""
        return self.read("GET", f"{self.api}/serverInfo")

    def may_browse(self, project: str = "") -> bool:
        """Tell whether the account may read issues, of one project or of any."""
        params: dict[str, str | int] = {"permissions": "BROWSE_PROJECTS"}
        params |= {"projectKey": project} if project else {}
        try:
            found = self.answered("GET", f"/{self.api}/mypermissions", params=params, or_none=True)
        except ItemError:
            return False
        permission = (found or {}).get("permissions", {}).get("BROWSE_PROJECTS", {})
        return isinstance(permission, dict) and permission.get("havePermission") is True

    def project_ids(self) -> list[str]:
        """Return the ids of all projects that the account sees."""
        found: list[str] = []
        while True:
            params: dict[str, str | int] = {"startAt": len(found), "maxResults": 50}
            page = self.read("GET", f"{self.api}/project/search", params=params, units=51)
            projects = listed(page, "values")
            found += [str(project.get("id")) for project in projects]
            if page.get("isLast") is True or not projects:
                return found

    def webhooks(self) -> list[dict[str, Any]]:
        """Return the webhooks that the app has at the site."""
        return listed(self.read("GET", f"{self.api}/webhook", params={"maxResults": PAGE}), "values")

    def register_webhook(self, url: str, events: Sequence[str], jql: str) -> None:
        """Have the site push to an address. Raises `InputError` with Jira's words where it does not."""
        body = {"url": url, "webhooks": [{"events": list(events), "jqlFilter": jql}]}
        found = self.read("POST", f"{self.api}/webhook", body=body)
        for result in listed(found, "webhookRegistrationResult"):  # it is told with status 200
            if result.get("errors"):
                words = words_of(" ".join(map(str, result["errors"])))
                raise InputError(f"Jira registers no webhook: {words}", remedy="Check the app's callback address")

    def refresh_webhooks(self, ids: Sequence[int]) -> datetime | None:
        """Have webhooks last another 30 days, and return until when."""
        found = self.read("PUT", f"{self.api}/webhook/refresh", body={"webhookIds": list(ids)})
        return value_time(found.get("expirationDate"))

    def delete_webhooks(self, ids: Sequence[int]) -> None:
        """Remove webhooks."""
        self.answered("DELETE", f"/{self.api}/webhook", body={"webhookIds": list(ids)})


def batches(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield ids in as many as one request takes."""
    for start in range(0, len(ids), PAGE):
        yield ids[start : start + PAGE]
