"""Writes a company's tickets as a help desk exports them."""

from __future__ import annotations

import csv
import io
from email.utils import parseaddr

from messages import Truth, Written, day_of, truth_of

HEADER = (
    "id",
    "created_at",
    "subject",
    "description",
    "requester_name",
    "requester_email",
    "status",
    "priority",
    "tags",
)

ABSURDLY_DATED = {
    "northlamp": ("Old lamp", "Does the old lamp work with the new one?"),
    "harbourline": ("Old container number", "Can you still find a container by its number of last year?"),
}
"""Subject and text of the ticket with an absurd date."""


def table(company: str, messages: list[Written]) -> tuple[bytes, list[Truth]]:
    """Return the CSV of a company's tickets, two broken rows among the others, and the truth of each row."""
    prefix = "".join(letter for letter in company if letter not in "aeiou")[:2].upper()
    rows: list[tuple[str, ...]] = []
    truths = []
    for number, message in enumerate(messages, start=4101):
        ticket = f"{prefix}-{number}"
        rows.append(_row(ticket, message))
        truths.append(truth_of(message, ticket))
    short, absurd = f"{prefix}-{4101 + len(messages)}", f"{prefix}-{4102 + len(messages)}"
    rows.insert(len(rows) // 2, (short, f"{day_of(15)}T11:05:00Z", "Export stopped here"))
    rows.insert(
        len(rows) // 3,
        (absurd, "0202-11-04T10:00:00Z", *ABSURDLY_DATED[company], "Otto Brand", "otto.brand@example.net", "open",
         "low", ""),
    )  # fmt: skip
    truths.append(Truth("csv_file", short, noise="broken:too_few_fields", lang="en"))
    truths.append(Truth("csv_file", absurd, noise="broken:absurd_date", lang="en"))
    out = io.StringIO(newline="")
    csv.writer(out).writerows([HEADER, *rows])
    return out.getvalue().encode("utf-8"), truths


def _row(ticket: str, message: Written) -> tuple[str, ...]:
    fields = message.fields
    name, address = parseaddr(fields["requester"])
    tags = fields.get("tags") or ""
    return (
        ticket,
        "" if message.time is None else f"{message.moment:%Y-%m-%dT%H:%M:%SZ}",
        fields["subject"],
        message.body,
        name,
        address,
        fields.get("status", "open"),
        fields.get("priority", "normal"),
        tags if isinstance(tags, str) else ",".join(tags),
    )
