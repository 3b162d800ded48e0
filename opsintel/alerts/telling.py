"""Letters about alerts: to the members who may mend what they are about, several alerts in one.

A letter is noted once it is handed over. Who was killed in between sends that one again, and no other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

import psycopg

from opsintel.access.members import Rights
from opsintel.alerts.kinds import KINDS, AlertKind
from opsintel.alerts.store import QUIET, SUBJECT_JOINS, SUBJECT_NAME
from opsintel.db.engine import Database
from opsintel.mail.letters import Letter, letter, plain_name

LEASE = timedelta(minutes=10)
"""How long letters are left to the process that sends them; each that is sent renews it."""

GATHERED = timedelta(minutes=5)
"""Nobody gets letters about alerts closer together: what begins in between stands in the next."""

LONGEST_PAUSE = timedelta(hours=1)
MOST_LINES = 20

_DUE = (
    "told_at IS NULL AND acknowledged_at IS NULL AND resolved_at IS NULL AND coalesce(ends_at > now(), true)"
    " AND tell_at <= now()"
)
_WAITING = (
    "SELECT alert.tenant_id, alert.tenant_id FROM alert JOIN tenant ON tenant.id = alert.tenant_id"
    " WHERE resolved_at IS NULL AND suspended_at IS NULL GROUP BY 1"
    f" HAVING bool_or(ends_at <= now()) OR bool_or({_DUE}) AND NOT EXISTS (SELECT FROM alert AS told"
    " WHERE told.tenant_id = alert.tenant_id AND told.told_at > now() - %s)"
)
_OPENED = (
    f"SELECT alert.id, alert.kind, alert.subject_id, alert.source_id, line, told_ids, coalesce({SUBJECT_NAME}, '')"
    f" FROM alert {SUBJECT_JOINS} WHERE alert.id = ANY(%s) ORDER BY alert.opened_at, alert.id"
)


@dataclass(frozen=True, slots=True)
class Opened:
    """An alert that somebody is to be told of; `name` is what people call its subject."""

    id: UUID
    kind: AlertKind
    subject_id: UUID
    source_id: UUID | None
    line: str
    told_ids: tuple[UUID, ...]
    name: str

    @property
    def sentence(self) -> str:
        """Return it as a letter has it: nothing in the name is a link to a mail reader, or an address."""
        return f"{KINDS[self.kind].about} {plain_name(self.name, 'without a name')}: {self.line}."


@dataclass(frozen=True, slots=True)
class Recipient:
    """A member, and where letters reach them."""

    user_id: UUID
    address: str = field(repr=False)
    rights: Rights

    def may_mend(self, alert: Opened) -> bool:
        """Tell whether their role may do something about an alert, and they may see what it is about."""
        sources = self.rights.source_ids
        return KINDS[alert.kind].mends in self.rights.scopes and (sources is None or alert.source_id in sources)


def waiting(database: Database) -> list[tuple[UUID, UUID]]:
    """Return (tenant, tenant) of those with alerts to tell of, or whose time is over."""
    with database.system_tx() as connection:
        return connection.execute(_WAITING.encode(), (GATHERED,)).fetchall()


def take(connection: psycopg.Connection) -> list[Opened]:
    """Take what is to be told of the transaction's tenant, for a while; another process gets the rest."""
    taken = connection.execute(
        f"UPDATE alert SET tell_at = now() + %s, attempts = attempts + 1 WHERE {_DUE} RETURNING id".encode(), (LEASE,)
    ).fetchall()
    rows = connection.execute(_OPENED.encode(), ([row[0] for row in taken],)).fetchall()
    return [Opened(id_, kind, about, of, line, tuple(told), name) for id_, kind, about, of, line, told, name in rows]


def recipients(database: Database, tenant_id: UUID) -> list[Recipient]:
    """Return the members of a tenant whose accounts are active."""
    with database.system_tx() as connection:
        rows = connection.execute(
            "SELECT user_id, email, role, grants, source_ids FROM membership JOIN app_user ON app_user.id = user_id"
            " WHERE tenant_id = %s AND disabled_at IS NULL ORDER BY membership.created_at, user_id",
            (tenant_id,),
        ).fetchall()
    return [
        Recipient(user_id, email, Rights(role, tuple(grants), None if sources is None else tuple(sources)))
        for user_id, email, role, grants, sources in rows
    ]


def letter_about(alerts: Sequence[Opened], to: str, link: str, organization: str) -> Letter:
    """Return the letter about some alerts."""
    lines = [alert.sentence for alert in alerts[:MOST_LINES]]
    if len(alerts) > MOST_LINES:
        lines.append(f"And {len(alerts) - MOST_LINES} more.")
    return letter("alerts", to, link=link, organization=organization, lines="\n\n".join(lines))


def has_letter(connection: psycopg.Connection, alerts: Sequence[Opened], user_id: UUID) -> None:
    """Note in the caller's transaction that somebody has the letter about some alerts."""
    connection.execute(
        "UPDATE alert SET told_ids = told_ids || %s, tell_at = now() + %s WHERE id = ANY(%s)",
        (user_id, LEASE, [alert.id for alert in alerts]),
    )


def are_told(connection: psycopg.Connection, alerts: Sequence[Opened]) -> None:
    """Note in the caller's transaction that everybody has theirs; what comes and goes is quiet from here on."""
    connection.execute(
        "UPDATE alert SET told_at = now(), told_ids = '{}',"
        " quiet_until = CASE WHEN quiet_until IS NOT NULL THEN now() + %s END WHERE id = ANY(%s)",
        (QUIET, [alert.id for alert in alerts]),
    )


def put_off(connection: psycopg.Connection, tenant_id: UUID, error: str, pause: timedelta, most: int) -> None:
    """Have letters that could not be sent tried again, each time after twice the pause; `most` times in all."""
    del tenant_id, error
    connection.execute(
        "UPDATE alert SET tell_at = now() + least(%s, %s * power(2, attempts - 1)),"
        " told_at = CASE WHEN attempts >= %s THEN now() END WHERE told_at IS NULL AND attempts > 0",
        (LONGEST_PAUSE, pause, most),
    )
