"""Which sources are due: to be read, counted, or have their watch renewed. Times are the database's.

Several workers share them: one takes a source under SKIP LOCKED, by a lease. What has news is read at once: its
provider said so, or a person.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import LiteralString
from uuid import UUID

from opsintel.db.engine import Database
from opsintel.sources.source import Source

LEASE = timedelta(minutes=5)
"""A source whose reader died is due again after this long; each stored page renews it."""

LONGEST_BACKOFF = timedelta(hours=6)
"""A source that fails is read at least this often."""

_CAN_BE_READ: LiteralString = """
    state IN ('active', 'failing')
    AND tenant_id NOT IN (SELECT id FROM tenant WHERE paused_at IS NOT NULL OR suspended_at IS NOT NULL)
"""

_IS_FREE: LiteralString = "coalesce(lease_until, '-infinity') <= now()"
_IS_DUE: LiteralString = f"{_IS_FREE} AND (poll_seconds IS NOT NULL AND next_poll_at <= now() OR news_at IS NOT NULL)"
_LEASED: LiteralString = "lease_until = now() + %(lease)s"

Taken = tuple[UUID, UUID]
"""Tenant and source."""


def take_poll(database: Database) -> Taken | None:
    """Return a source that is to be read, leased to the caller; None when none is due."""
    return _take(database, _IS_DUE, _LEASED)


def take_one(database: Database, source: Source) -> bool:
    """Lease one source to the caller, whatever its time; False while another process reads it."""
    return _take(database, f"{_IS_FREE} AND id = %(id)s", _LEASED, source.id) is not None


def take_renewal(database: Database) -> Taken | None:
    """Return a source whose watch is to be renewed, leased to the caller; None when none is due."""
    return _take(database, "renew_at <= now()", "renew_at = now() + %(lease)s")


def take_census(database: Database) -> Taken | None:
    """Return a source that is to be counted; its next time is the same of a later day. None when none is due.

    Only what is read again and again is counted: a file that was imported once may be gone.
    """
    return _take(
        database,
        "next_census_at <= now() AND last_sync_at IS NOT NULL AND (poll_seconds IS NOT NULL OR renew_at IS NOT NULL)",
        "next_census_at = next_census_at + interval '1 day' * ceil(extract(epoch FROM now() - next_census_at) / 86400"
        " + 0.001)",
    )


def _take(
    database: Database, is_due: LiteralString, lease: LiteralString, source_id: UUID | None = None
) -> Taken | None:
    with database.system_tx() as connection:
        row = connection.execute(
            f"""
            WITH due AS MATERIALIZED (
                SELECT tenant_id, id FROM source WHERE {is_due} AND {_CAN_BE_READ}
                ORDER BY news_at, next_poll_at, renew_at, next_census_at LIMIT 1 FOR UPDATE SKIP LOCKED)
            UPDATE source SET {lease} FROM due
            WHERE source.tenant_id = due.tenant_id AND source.id = due.id RETURNING source.tenant_id, source.id
            """,
            {"lease": LEASE, "id": source_id},
        ).fetchone()
    return None if row is None else (row[0], row[1])


def unread(database: Database, span: timedelta, silent: timedelta) -> list[Taken]:
    """Return the sources that nobody read well for a span, the longest first; those that are leased after a longer."""
    with database.system_tx() as connection:
        return connection.execute(
            f"SELECT tenant_id, id FROM source WHERE poll_seconds IS NOT NULL AND {_CAN_BE_READ}"
            f" AND ({_IS_FREE} OR poll_failures > 0 OR last_sync_at <= now() - %(silent)s)"
            " AND coalesce(last_sync_at, '-infinity') <= now() - %(span)s ORDER BY last_sync_at NULLS FIRST, id",
            {"span": span, "silent": silent},
        ).fetchall()


def is_due(database: Database, source: Source) -> None:
    """Have a source read at once, whatever it waits for, unless it is being read."""
    rest: LiteralString = "CASE WHEN poll_failures = 0 THEN lease_until END"
    _update(database, source, f"next_poll_at = now(), lease_until = {rest}", {})


def is_well(database: Database, source: Source) -> None:
    """Have a source that rests after faults read at once: its provider answers again."""
    _update(
        database,
        source,
        "next_poll_at = CASE WHEN poll_failures > 0 THEN now() ELSE next_poll_at END,"
        " lease_until = CASE WHEN poll_failures > 0 THEN NULL ELSE lease_until END",
        {},
    )


def renew_lease(database: Database, source: Source) -> None:
    """Keep a source ours while it is read for long."""
    _update(database, source, _LEASED, {"lease": LEASE})


def has_been_read(database: Database, source: Source, since: datetime | None = None) -> None:
    """Have a source read again after its interval, or at once where there was news after the read began."""
    _update(
        database,
        source,
        "poll_failures = 0, lease_until = NULL, next_poll_at = now() + make_interval(secs => poll_seconds),"
        " news_at = CASE WHEN news_at > coalesce(%(since)s, now()) THEN news_at END",
        {"since": since},
    )


def is_held_up(database: Database, source: Source, seconds: float) -> None:
    """Have a source read again once its provider takes requests again; that is no failure."""
    _update(
        database,
        source,
        "lease_until = now() + make_interval(secs => %(s)s), next_poll_at = now() + make_interval(secs => %(s)s)",
        {"s": min(seconds, LONGEST_BACKOFF.total_seconds())},
    )


def is_let_go(database: Database, source: Source) -> None:
    """Give a source back as it was taken: the process is to stop."""
    _update(database, source, "lease_until = NULL", {})


def has_failed(database: Database, source: Source) -> None:
    """Have a source read again later: its interval, doubled with each failure, at most `LONGEST_BACKOFF`."""
    pause: LiteralString = (
        "least(%(longest)s, make_interval(secs => coalesce(poll_seconds, 60) * power(2, least(poll_failures + 1, 16))))"
    )
    _update(
        database,
        source,
        f"poll_failures = poll_failures + 1, next_poll_at = now() + {pause},"
        f" lease_until = CASE WHEN news_at IS NOT NULL THEN now() + {pause} END",
        {"longest": LONGEST_BACKOFF},
    )


def has_news(database: Database, source: Source) -> None:
    """Have a source read at once, or once more where it is being read."""
    _update(database, source, "news_at = clock_timestamp()", {})


def has_been_renewed(database: Database, source: Source, renew_at: datetime) -> None:
    """Note from when the watch of a source is to be renewed."""
    _update(database, source, "renew_at = %(at)s", {"at": renew_at})


def set_poll(database: Database, source: Source, seconds: int | None) -> None:
    """Have the worker read a source every so many seconds, beginning after as many; None ends it."""
    with database.tenant_tx(source.tenant_id) as connection:
        connection.execute(
            "UPDATE source SET poll_seconds = %(seconds)s::int, poll_failures = 0, lease_until = NULL,"
            " next_poll_at = now() + make_interval(secs => %(seconds)s::int) WHERE id = %(id)s",
            {"seconds": seconds, "id": source.id},
        )


def _update(database: Database, source: Source, change: LiteralString, values: dict[str, object]) -> None:
    with database.system_tx() as connection:
        connection.execute(
            f"UPDATE source SET {change} WHERE tenant_id = %(tenant)s AND id = %(source)s",
            {**values, "tenant": source.tenant_id, "source": source.id},
        )
