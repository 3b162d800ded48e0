"""The rows that are published: one for each issue, the same in every target."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

import psycopg

KEY_COLUMN = "opsintel key"
COLUMNS = (
    "Issue", "Title", "State", "Severity", "Category", "Messages", "Customers", "First seen", "Last seen", "Channels",
    "Example", "Link",
)  # fmt: skip

Cell = str | int


@dataclass(frozen=True, slots=True)
class ExportRow:
    """A row by its stable key (the issue's id); cells in the order of `COLUMNS`."""

    key: str
    cells: tuple[Cell, ...]

    @property
    def digest(self) -> bytes:
        """Return the SHA-256 of the cells: what tells whether a row has to be written again."""
        return hashlib.sha256(json.dumps(self.cells, ensure_ascii=False).encode()).digest()


def issue_rows(connection: psycopg.Connection, dashboard_url: str) -> list[ExportRow]:
    """Return the rows of a tenant's issues by number; internal notes and merged issues are left out."""
    rows = connection.execute(
        """
        SELECT issue.id::text, issue.number, issue.title, issue.state, issue.severity, issue.category, issue.messages,
               issue.customers, to_char(issue.first_seen, 'YYYY-MM-DD HH24:MI'),
               to_char(issue.last_seen, 'YYYY-MM-DD HH24:MI'),
               (SELECT string_agg(DISTINCT message.kind, ', ' ORDER BY message.kind)
                FROM issue_member JOIN message ON message.id = issue_member.message_id
                WHERE issue_member.issue_id = issue.id AND issue_member.removed_at IS NULL),
               CASE WHEN example.visibility = 'public' THEN issue.summary ELSE '' END
        FROM issue LEFT JOIN message AS example ON example.id = issue.example_message_id
        WHERE issue.merged_into IS NULL AND issue.messages > 0 ORDER BY issue.number
        """
    ).fetchall()
    return [
        ExportRow(
            key,
            (number, title, state, f"sev{severity}", category, messages, customers, first or "", last or "",
             channels or "", example or "", f"{dashboard_url}/issues/{key}/"),
        )
        for key, number, title, state, severity, category, messages, customers, first, last, channels, example in rows
    ]  # fmt: skip
