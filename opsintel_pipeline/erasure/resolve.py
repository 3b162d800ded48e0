"""Who is meant by an address or a participant: every address, name and number of theirs."""

from __future__ import annotations

import json
from collections.abc import Iterable
from uuid import UUID

import psycopg

from opsintel.access.accounts import normalized_email
from opsintel.context import Context
from opsintel.errors import InputError
from opsintel.people.redact import Terms, phones_in
from opsintel.people.suppression import Suppressed
from opsintel_pipeline.erasure.work import Person

SIGNATURES = 2_000
"""Latest signatures of the person in which their telephone numbers are looked for."""

CHATS = 50
"""Latest chat messages, by them and to them, in which their ids at the provider are looked for."""


def person_of(
    context: Context,
    tenant_id: UUID,
    *,
    address: str | None = None,
    participants: Iterable[UUID] = (),
    identities: Iterable[tuple[str, str]] = (),
    known: Suppressed | None = None,
    leaves: bool = True,
) -> Person:
    """Return the person of an address, of participants, of identities, or of keyed hashes of an earlier erasure.

    Raises `InputError` for what is no address, and for the only owner of a tenant where the person `leaves` it.
    """
    identities = {*identities, *([("email", normalized_email(address))] if address else [])}
    with context.database.tenant_tx(tenant_id) as connection:
        if known:
            identities |= _of_hashes(connection, known)
        given = set(participants) | (_participants_of_hashes(connection, known) if known else set())
        found = _participants(connection, identities, given)
        identities |= _identities(connection, found)
        found |= _participants(connection, identities, found)
        addresses = {value for kind, value in identities if kind == "email"}
        names = _names(connection, found, addresses)
        phones = _phones(connection, found)
        places = _chats(connection, found, names)
    identities |= {("slack", one) for one in _chat_ids(context, places, addresses)}
    user_id, user_name = _account(context, tenant_id, addresses, leaves=leaves)
    names |= {value for kind, value in identities if kind == "name"} | ({user_name} if user_name else set())
    terms = Terms(
        frozenset(addresses),
        frozenset(value for kind, value in identities if kind not in ("email", "name")),
        frozenset(name for name in names if name and "@" not in name),
        frozenset(phones),
    )
    return Person(terms, tuple(sorted(identities)), tuple(sorted(found)), user_id)


def _participants(connection: psycopg.Connection, identities: set[tuple[str, str]], given: set[UUID]) -> set[UUID]:
    rows = connection.execute(
        "SELECT participant_id FROM participant_identity WHERE (kind, value) IN (SELECT * FROM unnest(%s::text[],"
        " %s::text[])) UNION SELECT id FROM participant WHERE id = ANY(%s)",
        ([kind for kind, _ in identities], [value for _, value in identities], list(given)),
    ).fetchall()
    return {row[0] for row in rows}


def _identities(connection: psycopg.Connection, participants: set[UUID]) -> set[tuple[str, str]]:
    rows = connection.execute(
        "SELECT kind, value FROM participant_identity WHERE participant_id = ANY(%s)", (list(participants),)
    ).fetchall()
    return {(kind, value) for kind, value in rows}


def _names(connection: psycopg.Connection, participants: set[UUID], addresses: set[str]) -> set[str]:
    rows = connection.execute(
        "SELECT display_name FROM participant WHERE id = ANY(%s) UNION"
        " SELECT recipient ->> 'name' FROM message, jsonb_array_elements(recipients) AS recipient"
        " WHERE recipient ->> 'value' = ANY(%s)",
        (list(participants), list(addresses)),
    ).fetchall()
    return {row[0].strip() for row in rows if row[0] and row[0].strip()}


def _phones(connection: psycopg.Connection, participants: set[UUID]) -> set[str]:
    rows = connection.execute(
        "SELECT DISTINCT signature_text FROM (SELECT signature_text FROM message"
        " WHERE author_id = ANY(%s) AND signature_text <> '' ORDER BY sorted_at DESC LIMIT %s) AS latest",
        (list(participants), SIGNATURES),
    ).fetchall()
    return {phone for row in rows for phone in phones_in(row[0])}


def _chats(connection: psycopg.Connection, participants: set[UUID], names: set[str]) -> list[tuple[str, int, int]]:
    """Return where in the object store the payloads of the latest chat messages of, and to, the person are."""
    mentioned = ["%@" + name.replace("%", r"\%").replace("_", r"\_") + "%" for name in names if name]
    rows = connection.execute(
        "SELECT object_key, object_offset, size FROM ("
        " SELECT id, sorted_at FROM message WHERE kind = 'chat' AND deleted_at IS NULL"
        " AND (author_id = ANY(%s) OR (extra ? 'mentions' AND text ILIKE ANY(%s)))"
        " ORDER BY sorted_at DESC LIMIT %s) AS latest"
        " JOIN message_occurrence ON message_id = latest.id"
        " JOIN raw_payload ON raw_payload.id = raw_payload_id WHERE object_key IS NOT NULL AND erased_at IS NULL",
        (list(participants), mentioned, CHATS),
    ).fetchall()
    return [(row[0], row[1], row[2]) for row in rows]


def _chat_ids(context: Context, places: list[tuple[str, int, int]], addresses: set[str]) -> set[str]:
    """Return the ids under which a chat's directory knows one of the addresses: the messages name them by these."""
    found: set[str] = set()
    for key, offset, size in places:
        try:
            users = json.loads(context.objects.get_range(key, offset, size))["users"]
            found |= {
                user_id for user_id, user in users.items() if str(user.get("email", "")).strip().lower() in addresses
            }
        except (ValueError, TypeError, KeyError, AttributeError):
            continue
    return found


def _of_hashes(connection: psycopg.Connection, known: Suppressed) -> set[tuple[str, str]]:
    rows = connection.execute(
        "SELECT kind, value FROM participant_identity UNION"
        " SELECT recipient ->> 'kind', recipient ->> 'value'"
        " FROM message, jsonb_array_elements(recipients) AS recipient"
        " UNION SELECT 'email', email FROM invitation"
    ).fetchall()
    return {(kind, value) for kind, value in rows if kind and value and known.holds(kind, value)}


def _participants_of_hashes(connection: psycopg.Connection, known: Suppressed) -> set[UUID]:
    rows = connection.execute("SELECT id FROM participant").fetchall()
    return {row[0] for row in rows if known.holds("participant", str(row[0]))}


def _account(context: Context, tenant_id: UUID, addresses: set[str], *, leaves: bool) -> tuple[UUID | None, str]:
    """Return the account of one of the addresses where it is a member of the tenant, with its name."""
    with context.database.system_tx() as connection:
        row = connection.execute(
            "SELECT app_user.id, app_user.name, membership.role, (SELECT count(*) FROM membership AS owners"
            " WHERE owners.tenant_id = membership.tenant_id AND owners.role = 'owner')"
            " FROM app_user JOIN membership ON membership.user_id = app_user.id"
            " WHERE membership.tenant_id = %s AND app_user.email = ANY(%s) LIMIT 1",
            (tenant_id, list(addresses)),
        ).fetchone()
    if row is None:
        return None, ""
    if leaves and row[2] == "owner" and row[3] == 1:
        raise InputError("This is the only owner of the tenant", remedy="Make somebody else an owner first")
    return row[0], row[1]
