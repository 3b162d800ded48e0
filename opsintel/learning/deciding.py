"""A learned rule is accepted, rejected or undone, and the messages it goes for are brought in line page by page.

The decision is one short transaction; from then on every analysis that is stored goes by it. Those that are there
follow in pages, each a transaction that also notes how far they are: whoever comes next goes on there, after a
process that was killed too. The worker takes up what is left.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Literal
from uuid import UUID

import psycopg

from opsintel.access.audit import Actor, Entry, Subject, record
from opsintel.db.engine import Database
from opsintel.errors import ConflictError, NotFoundError
from opsintel.learning.corrections import hold_messages, overlay
from opsintel.learning.matching import MATCHES, MESSAGES
from opsintel.queue.outbox import announce_days

PAGE = 1000

State = Literal["accepted", "rejected", "undone"]
_FROM: dict[State, tuple[str, ...]] = {
    "accepted": ("proposed", "rejected", "undone"),
    "rejected": ("proposed",),
    "undone": ("accepted",),
}
"""From which states a rule comes into another."""

_NEXT = f"""
    SELECT keyed.id FROM ({MESSAGES} WHERE %(after)s::uuid IS NULL OR message.id > %(after)s) AS keyed,
        learned_rule AS rule
    WHERE rule.id = %(rule)s AND {MATCHES} ORDER BY keyed.id LIMIT %(page)s
"""


def decide(connection: psycopg.Connection, tenant_id: UUID, author: Actor, rule_id: UUID, state: State) -> None:
    """Accept, reject or undo a rule, in the caller's transaction; `settle` brings the messages that are there in line.

    Raises `NotFoundError` for none of the tenant's, `ConflictError` where its state does not allow it.
    """
    row = connection.execute("SELECT state, scope, field FROM learned_rule WHERE id = %s FOR UPDATE", (rule_id,))
    found = row.fetchone()
    if found is None:
        raise NotFoundError("There is no such rule")
    held, scope, field = found
    if held not in _FROM[state]:
        raise ConflictError(
            f"The rule is {held}", remedy=f"Only one that is {' or '.join(_FROM[state])} can be {state}"
        )
    connection.execute(
        "UPDATE learned_rule SET state = %s, actor_kind = %s, actor_id = %s, decided_at = clock_timestamp(),"
        " is_settled = %s, settled_to = NULL, changed = 0 WHERE id = %s",
        (state, author.kind, author.id, state == "rejected", rule_id),
    )
    subject, details = Subject("learned_rule", str(rule_id)), {"scope": scope, "field": field}
    record(connection, Entry(tenant_id, author, f"learned_rule.{state}", subject, details))


def settle_page(connection: psycopg.Connection, tenant_id: UUID, rule_id: UUID) -> bool:
    """Bring the next page of a rule's messages in line, in the caller's transaction; tell whether that was the last."""
    row = connection.execute(
        "SELECT settled_to FROM learned_rule WHERE id = %s AND NOT is_settled FOR UPDATE", (rule_id,)
    ).fetchone()
    if row is None:
        return True
    page = [
        message_id
        for (message_id,) in connection.execute(_NEXT, {"rule": rule_id, "after": row[0], "page": PAGE}).fetchall()
    ]
    days = hold_messages(connection, page)
    changed = overlay(connection, page)
    if changed:
        announce_days(connection, tenant_id, set(days), "rule", "issues")
    is_last = len(page) < PAGE
    connection.execute(
        "UPDATE learned_rule SET settled_to = coalesce(%s, settled_to), changed = changed + %s, is_settled = %s"
        " WHERE id = %s",
        (page[-1] if page else None, changed, is_last, rule_id),
    )
    return is_last


def settle(database: Database, tenant_id: UUID, rule_id: UUID, pages: int | None = None) -> int:
    """Bring a rule's messages in line, a transaction a page; return how many analyses show something else by now.

    At most so many pages; the worker goes on with what is left.
    """
    while pages is None or pages > 0:
        with database.tenant_tx(tenant_id) as connection:
            if settle_page(connection, tenant_id, rule_id):
                break
        pages = None if pages is None else pages - 1
    with database.tenant_tx(tenant_id) as connection:
        row = connection.execute("SELECT changed FROM learned_rule WHERE id = %s", (rule_id,)).fetchone()
    return row[0] if row else 0


def waiting(database: Database) -> list[tuple[UUID, UUID]]:
    """Return (tenant, rule) of rules whose messages are not all in line, the earliest decided first."""
    with database.system_tx() as connection:
        return connection.execute(
            "SELECT tenant_id, id FROM learned_rule WHERE NOT is_settled ORDER BY decided_at, id LIMIT 20"
        ).fetchall()


def put_off(connection: psycopg.Connection, rule_id: UUID, error: str, pause: timedelta, most: int) -> None:
    """Leave a rule as it is: the next look goes on with it, however often."""
    del connection, rule_id, error, pause, most
