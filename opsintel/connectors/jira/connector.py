"""The connector for Jira: issues and their comments, each an item."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel

from opsintel.clock import now
from opsintel.connectors.connection import Connection
from opsintel.connectors.contract import (
    Check,
    Checkpoint,
    Connector,
    Cursor,
    Delivery,
    Failure,
    Pushed,
    ReadItem,
    Tombstone,
    Upsert,
    Verdict,
    Watched,
    Window,
)
from opsintel.connectors.files.times import value_time
from opsintel.connectors.jira.answers import Changes
from opsintel.connectors.jira.boundary import Boundary, milliseconds, updated_at, whole_second
from opsintel.connectors.jira.checks import checks_of
from opsintel.connectors.jira.client import JiraClient, batches
from opsintel.connectors.jira.manifest import MANIFEST, JiraConfig
from opsintel.connectors.jira.parse import comment_key, comment_upsert, issue_upsert, whole
from opsintel.connectors.jira.pushdown import push_down, quoted
from opsintel.connectors.jira.webhooks import EVENTS, delivery_of
from opsintel.errors import CredentialError, ItemError, UnavailableError
from opsintel.filters.plan import Plan
from opsintel.filters.syntax import Node

ITEMS_BETWEEN_CHECKPOINTS = 400
RENEWED_EVERY = timedelta(days=1)
"""A webhook lasts 30 days; looked at daily, it follows new projects too."""

_KEY = re.compile(r"(\d{1,18})(?:/(\d{1,18}|\*))?\Z")
_LISTED_PROJECTS = 500


class JiraConnector(Connector, Pushed, Watched):
    """Issues by the time of their last update; keyed on ids, since keys of issues change when they are moved."""

    manifest = MANIFEST

    def __init__(self, config: BaseModel, connection: Connection | None = None) -> None:
        super().__init__(config, connection)
        assert isinstance(config, JiraConfig)
        self._config = config

    def check(self) -> Sequence[Check]:
        """Return the checks of site, credential, scopes, permission and query."""
        try:
            with self._client() as client:
                has_pushes = self.connection is not None and self.connection.push is not None
                return list(checks_of(client, self._query(0), has_pushes=has_pushes))
        except CredentialError as error:
            return [Check("credential", Verdict.FAILED, True, error.message, error.remedy)]

    def plan(self, tree: Node, now: datetime) -> Plan:
        """Return what Jira evaluates of a filter; issues are read with their comments."""
        return push_down(tree, now, with_comments=True)

    def read(self, stream: str, cursor: Cursor | None, until: datetime | None = None) -> Iterator[ReadItem]:
        """Yield issues that were updated since, each with all of its comments; `until` ends at that time of update."""
        self.require_stream(stream)
        boundary = Boundary.of(cursor)
        with self._client() as client:
            found_any = False
            for page, looked in self._pages(client, boundary.start, until=until):
                found_any = found_any or bool(page)
                boundary.looked = max(boundary.looked, looked)
                fresh = {one: moment for one, moment in page.items() if not boundary.knows(one, moment)}
                yield from self._read_page(client, fresh, boundary)
            if not found_any:
                client.myself()  # to a stranger everything is empty
        yield Checkpoint(boundary.cursor())

    def census(self, window: Window) -> Iterator[tuple[str, datetime | None]]:
        """Yield each issue and comment of the window once."""
        conditions = [f"created < {milliseconds(window.end)}"] if window.end else []
        seen: set[int] = set()
        with self._client() as client:
            start = whole_second(milliseconds(window.start)) if window.start else 0
            for page, _ in self._pages(client, start, conditions):
                ids = [one for one in page if int(one) not in seen]
                seen.update(map(int, ids))
                for batch in batches(ids):
                    yield from self._counted(client, batch, window)
            if not seen:
                client.myself()

    def fetch(self, keys: Iterable[str]) -> Iterator[ReadItem]:
        """Yield the named items; what is gone, or no longer of this source, is a tombstone."""
        wanted: dict[str, set[str]] = {}
        for key in keys:
            match = _KEY.match(key)
            if match is None:
                yield Failure("issue", key, "this is no key of Jira", retryable=False)
            else:
                wanted.setdefault(match.group(1), set()).add(match.group(2) or "")
        if not wanted:
            return
        with self._client() as client:
            for batch in batches(sorted(wanted, key=int)):
                yield from self._fetched(client, batch, wanted)

    @classmethod
    def receive(cls, headers: Mapping[str, str], body: bytes, secret: bytes, received_at: datetime) -> Delivery:
        """Verify a push and return the keys that it marks dirty."""
        return delivery_of(headers, body, secret, received_at)

    def renew(self) -> datetime:
        """Keep the webhook of an OAuth app alive; those that an administrator made by hand do not end."""
        with self._client() as client:
            push = client.has_oauth and self.connection is not None and self.connection.push
            if push:
                _renew_webhook(client, push.url, self._config.projects)
        return now() + RENEWED_EVERY

    def _client(self) -> JiraClient:
        assert self.connection is not None
        return JiraClient(self._config, self.connection)

    def _conditions(self) -> list[str]:
        """Return the conditions that make an issue one of this source."""
        projects = ", ".join(quoted(project) for project in self._config.projects)
        pushed = str(self.selection.get("jql", ""))
        return [
            *([f"project in ({projects})"] if projects else []),
            *([f"({self._config.jql})"] if self._config.jql else []),
            *([f"({pushed})"] if pushed else []),
        ]

    def _query(self, start: int, conditions: Iterable[str] = ()) -> str:
        """Return a query that is bounded, as Cloud wants it, by a time in milliseconds, which no time zone shifts."""
        return " AND ".join([*self._conditions(), *conditions, f"updated >= {start}"]) + " ORDER BY updated ASC, id ASC"

    def _pages(
        self, client: JiraClient, start: int, conditions: Iterable[str] = (), until: datetime | None = None
    ) -> Iterator[tuple[dict[str, int], int]]:
        """Yield pages of ids with their times of update, in that order, and when they were looked at.

        Each page begins at the last time of the page before, not at an offset: an issue that is updated meanwhile moves
        to the end, and all behind it would move up by one and one of them be missed. Within a second it goes by pages.
        """
        conditions = [*conditions, *([f"updated <= {milliseconds(until)}"] if until else [])]
        following: str | int | None = None
        while True:
            page = client.search(self._query(start, conditions), following)
            found = {str(issue.get("id")): updated_at(issue) for issue in page.issues}
            yield found, milliseconds(page.moment)
            if page.following is None:
                return
            last = whole_second(max(found.values(), default=start))
            start, following = (last, None) if last > start else (start, page.following)

    def _read_page(self, client: JiraClient, fresh: Mapping[str, int], boundary: Boundary) -> Iterator[ReadItem]:
        """Yield the items of new or updated issues of a page, and checkpoints between issues."""
        count = 0
        for batch in batches(list(fresh)):
            details = client.details(batch)
            changes = client.changes(details.issues)
            for one in batch:
                issue, known_at = details.issues.get(one), fresh[one]
                if issue is not None:
                    known_at = max(known_at, updated_at(issue))
                if one in details.errors:
                    yield Failure("issue", whole(one), details.errors[one], retryable=True)
                    count += 1
                else:
                    for item in self._items(client, one, issue, changes.get(one)):
                        yield item
                        count += 1
                boundary.add(one, fresh[one], known_at)
                if count >= ITEMS_BETWEEN_CHECKPOINTS:
                    yield Checkpoint(boundary.cursor())
                    count = 0
        if count:
            yield Checkpoint(boundary.cursor())

    def _items(
        self, client: JiraClient, issue_id: str, issue: dict[str, Any] | None, changes: Changes | None
    ) -> Iterator[Upsert | Tombstone | Failure]:
        """Yield an issue with all of its comments, or that it is gone."""
        try:
            comments = None if issue is None else client.comments(issue)
        except ItemError as refused:
            yield Failure("issue", whole(issue_id), refused.message, retryable=True)
            return
        if issue is None or comments is None:
            yield Tombstone(issue_id, None)
            return
        try:
            yield issue_upsert(issue, client.site, changes)
        except ItemError as broken:
            yield Failure("issue", issue_id, broken.message, retryable=False)
        for comment in comments:
            try:
                yield comment_upsert(issue, comment, client.site, changes)
            except ItemError as broken:
                key = comment_key(issue_id, str(comment.get("id")))
                yield Failure("comment", key, broken.message, retryable=False)

    def _fetched(self, client: JiraClient, batch: Sequence[str], wanted: Mapping[str, set[str]]) -> Iterator[ReadItem]:
        details = client.details(batch)
        ours = client.matching(list(details.issues), " AND ".join(self._conditions()))
        issues = {one: issue for one, issue in details.issues.items() if one in ours}
        changes = client.changes(issues)
        for one in batch:
            found: dict[str, ReadItem] = {}
            error = details.errors.get(one, "")
            for item in [] if error else self._items(client, one, issues.get(one), changes.get(one)):
                if isinstance(item, Failure) and item.key == whole(one):
                    error = item.reason
                found[item.key if isinstance(item, Failure) else item.native_id] = item
            if error:
                keys = [comment_key(one, part) if part else one for part in sorted(wanted[one])]
                yield from (Failure("issue", key, error, retryable=True) for key in keys)
                continue
            asked = {one if part in ("", "*") else comment_key(one, part) for part in wanted[one]}
            if "*" in wanted[one]:
                asked.update(found)
            yield from (found.get(key) or Tombstone(key, None) for key in sorted(asked))

    def _counted(
        self, client: JiraClient, batch: Sequence[str], window: Window
    ) -> Iterator[tuple[str, datetime | None]]:
        details = client.details(batch, counted=True)
        if details.errors:
            raise UnavailableError(f"Jira cannot count: {next(iter(details.errors.values()))}")
        for one in batch:
            issue = details.issues.get(one)
            try:
                comments = None if issue is None else client.comments(issue, counted=True)
            except ItemError as refused:
                raise UnavailableError(f"Jira cannot count: {refused.message}") from None
            if issue is None or comments is None:
                continue
            dated = [(one, issue.get("fields", {}).get("created"))]
            dated += [(comment_key(one, str(comment.get("id"))), comment.get("created")) for comment in comments]
            for key, written in dated:
                moment = value_time(written)
                if window.holds(moment):
                    yield key, moment


def _renew_webhook(client: JiraClient, url: str, projects: Sequence[str]) -> None:
    """Have one webhook for our projects. Its filter may hold no more than = and IN, so it lists them."""
    named = [quoted(project) for project in projects] or client.project_ids()
    jql = f"project in ({', '.join(named[:_LISTED_PROJECTS])})"
    held = client.webhooks()
    fitting = [webhook["id"] for webhook in held if webhook.get("jqlFilter") == jql]
    others = [webhook["id"] for webhook in held if webhook.get("jqlFilter") != jql]
    if others:
        client.delete_webhooks(others)
    if fitting:
        client.refresh_webhooks(fitting)
    elif named:
        client.register_webhook(url, EVENTS, jql)
