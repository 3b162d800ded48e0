"""The person themselves: participant, account, invitations, and who is behind the audit log's opaque ids."""

from __future__ import annotations

from typing import Any, LiteralString
from uuid import UUID

import psycopg

from opsintel.people.suppression import identity_hash
from opsintel_pipeline.erasure.work import Work

REMOVED: tuple[tuple[str, LiteralString], ...] = (
    ("fact_participant_day", "participant_id = ANY(%(participants)s::uuid[])"),
    ("learned_rule", "participant_id = ANY(%(participants)s::uuid[])"),
    ("participant_identity", "participant_id = ANY(%(participants)s::uuid[])"),
    ("participant", "id = ANY(%(participants)s::uuid[])"),
    ("invitation", "email = ANY(%(addresses)s)"),
    (
        "audit_subject",
        "(kind = 'participant' AND reference = ANY(%(participants)s::text[])) OR reference = %(user)s::text"
        " OR reference = ANY(%(addresses)s)",
    ),
)
"""Rows that go, by table."""

FORGOTTEN: tuple[tuple[str, str, LiteralString, LiteralString], ...] = (
    ("issue_event", "issue_event", "actor = 'erased'", "actor = %(user)s::text"),
    ("issue_constraint", "issue_constraint", "author_id = NULL", "author_id = %(user)s"),
    ("issue_assignee", "issue", "assignee_id = NULL", "assignee_id = %(user)s"),
    ("job", "job", "created_by = NULL", "created_by = %(user)s"),
)
"""References to the person's account: name in the receipt, table, what becomes of them, which they are."""

REGISTRATION_OVER: LiteralString = (
    "purpose = 'registration' AND details ->> 'email' = ANY(%(addresses)s)"
    " AND (used_at IS NOT NULL OR expires_at < now())"
)
"""Which links of registrations go: one that still waits belongs to no tenant, and is left alone."""


def suppress(work: Work) -> None:
    """From now on what comes from the person, whatever way, is erased on arrival."""
    with work.page() as connection:
        for kind, value in work.person.identities:
            connection.execute(
                "INSERT INTO erasure_suppression (tenant_id, hash, erasure_id) VALUES (%s, %s, %s)"
                " ON CONFLICT DO NOTHING",
                (work.tenant_id, identity_hash(work.key, kind, value), work.erasure_id),
            )


def remove_person(work: Work) -> None:
    """Remove what says who the person is."""
    values = values_of(work)
    with work.page() as connection:
        for table, condition in REMOVED:
            # Counted first: in a dry run the person's messages still refer to them.
            row = connection.execute(f"SELECT count(*) FROM {table} WHERE {condition}".encode(), values).fetchone()
            work.counts[table] += int(row[0]) if row else 0
            if not work.dry_run:
                connection.execute(f"DELETE FROM {table} WHERE {condition}".encode(), values)
        for store, table, change, condition in FORGOTTEN:
            statement = f"UPDATE {table} SET {change} WHERE {condition}".encode()
            work.counts[store] += connection.execute(statement, values).rowcount
        connection.execute(
            "UPDATE erasure SET actor_id = '' WHERE actor_kind = 'person' AND actor_id = %(user)s::text", values
        )


def values_of(work: Work) -> dict[str, Any]:
    """Return the values of the conditions above."""
    return {
        "participants": [str(one) for one in work.person.participants],
        "addresses": sorted(work.person.terms.addresses),
        "user": work.person.user_id,
    }


def remove_account(work: Work) -> None:
    """Take the person's account out of the tenant; it goes as a whole where it is in no other."""
    addresses = sorted(work.person.terms.addresses)
    with work.context.database.system_tx() as connection:
        connection.execute(
            "UPDATE tenant SET own_domains = own_domains - %s::text[] WHERE id = %s AND own_domains ?| %s::text[]",
            (addresses, work.tenant_id, addresses),
        )
        work.counts["account_token"] += connection.execute(
            f"DELETE FROM account_token WHERE {REGISTRATION_OVER}", {"addresses": addresses}
        ).rowcount
        if work.person.user_id is not None:
            _leave(work, connection, work.person.user_id)
        if work.dry_run:
            connection.rollback()


def _leave(work: Work, connection: psycopg.Connection, user_id: UUID) -> None:
    connection.execute("DELETE FROM refresh_token WHERE user_id = %s AND tenant_id = %s", (user_id, work.tenant_id))
    connection.execute(  # an invitation without a name behind it would be the operator's
        "UPDATE invitation SET revoked_at = now() WHERE tenant_id = %s AND invited_by = %s"
        " AND accepted_at IS NULL AND revoked_at IS NULL",
        (work.tenant_id, user_id),
    )
    work.counts["membership"] += connection.execute(
        "DELETE FROM membership WHERE user_id = %s AND tenant_id = %s", (user_id, work.tenant_id)
    ).rowcount
    work.counts["app_user"] += connection.execute(
        "DELETE FROM app_user WHERE id = %s AND NOT EXISTS (SELECT FROM membership WHERE user_id = app_user.id)",
        (user_id,),
    ).rowcount
