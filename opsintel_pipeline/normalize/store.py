"""Canonical messages become rows: one message however many places it was seen in, edits as revisions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from opsintel.db.bulk import insert_rows
from opsintel.events.message import CanonicalMessage
from opsintel.ids import new_id
from opsintel.partitions import Partition
from opsintel_pipeline.normalize.duplicates import content_hash
from opsintel_pipeline.normalize.insert import NewMessages, write_parts
from opsintel_pipeline.normalize.people import Participants
from opsintel_pipeline.normalize.threading import Threads


@dataclass(frozen=True, slots=True)
class Incoming:
    """A canonical message and the place it was seen in."""

    source_id: UUID
    native_id: str
    version: str
    raw_payload_id: UUID
    channel: str
    message: CanonicalMessage
    digest: bytes | None = None
    """Content hash of the message as it came, where a person who was erased was taken out of it."""


def store_messages(connection: psycopg.Connection, partition: Partition, incoming: Sequence[Incoming]) -> set[date]:
    """Store messages of one partition in the caller's transaction; return the days of what changed.

    A message is the same as one that is there when its occurrence is known (then it is an edit), or when Message-ID
    and content hash both agree (Message-IDs can be forged).
    """
    occurrences = _known_occurrences(connection, incoming)
    twins = _known_twins(connection, incoming)
    participants = Participants(connection, partition.tenant_id)
    participants.prepare([item.message.author for item in incoming if item.message.author])
    threads = Threads(connection, partition.tenant_id)
    threads.prepare([item.message for item in incoming])
    new = NewMessages(connection, partition, participants, threads)
    days: set[date] = set()
    for item in incoming:
        place = (item.source_id, item.native_id)
        digest = item.digest or content_hash(item.message)
        twin_key = (item.message.rfc_message_id, digest)
        message_id, is_buried = occurrences.get(place, (None, False))
        if is_buried and item.message.deleted:
            continue
        if message_id is not None and not is_buried:
            if message_id in new:
                _write(connection, new)
            days |= _edit(connection, message_id, item, digest)
        else:
            message_id = twins.get(twin_key) if item.message.rfc_message_id else None
            if message_id is None:
                message_id = new_id()
                new.add(message_id, item.message, item.channel, digest)
            if item.message.rfc_message_id:
                twins[twin_key] = message_id
            occurrences[place] = message_id, False
            days.add(partition.day)
    _write(connection, new)
    _upsert_occurrences(connection, partition.tenant_id, incoming, occurrences)
    threads.finish()
    return days


def delete_occurrences(connection: psycopg.Connection, places: Sequence[tuple[UUID, str, datetime | None]]) -> None:
    """Record deletions at the source; a message whose last occurrence went keeps no text and nothing derived.

    What came back after its deletion stays.
    """
    for source_id, native_id, deleted_at in places:
        row = connection.execute(
            "UPDATE message_occurrence AS place SET deleted_at = coalesce(%s, now())"
            " WHERE source_id = %s AND native_id = %s AND (SELECT deleted FROM raw_payload AS latest"
            " WHERE latest.source_id = place.source_id AND latest.native_id = place.native_id"
            " ORDER BY fetched_at DESC, latest.id DESC LIMIT 1) RETURNING message_id",
            (deleted_at, source_id, native_id),
        ).fetchone()
        if row is None:
            continue
        live = connection.execute(
            "SELECT 1 FROM message_occurrence WHERE message_id = %s AND deleted_at IS NULL LIMIT 1", (row[0],)
        ).fetchone()
        if live is None:
            bury(connection, row[0], deleted_at)


def bury(connection: psycopg.Connection, message_id: UUID, deleted_at: datetime | None) -> None:
    """Make a message a tombstone: its texts, analyses, corrections, vectors and memberships go."""
    connection.execute(
        "UPDATE message SET deleted_at = coalesce(%s, now()), subject = '', text = '', quoted_text = '',"
        " signature_text = '', recipients = '[]', extra = '{}' WHERE id = %s",
        (deleted_at, message_id),
    )
    for table in ("message_revision", "attachment", "message_label", "message_link", "review_item", "gold_example",
                  "analysis", "correction", "embedding", "issue_member"):  # fmt: skip
        connection.execute(f"DELETE FROM {table} WHERE message_id = %s", (message_id,))


def _known_occurrences(
    connection: psycopg.Connection, incoming: Sequence[Incoming]
) -> dict[tuple[UUID, str], tuple[UUID, bool]]:
    """Return the message of each place that is known, and whether that was buried: what comes back is another."""
    rows = connection.execute(
        "SELECT wanted.source_id, wanted.native_id, found.message_id, found.is_buried"
        " FROM unnest(%s::uuid[], %s::text[]) AS wanted (source_id, native_id) CROSS JOIN LATERAL ("
        " SELECT message_id, message.deleted_at IS NOT NULL AS is_buried"
        " FROM message_occurrence AS place JOIN message ON message.id = place.message_id"
        " WHERE place.source_id = wanted.source_id AND place.native_id = wanted.native_id LIMIT 1) AS found",
        ([item.source_id for item in incoming], [item.native_id for item in incoming]),
    ).fetchall()
    return {(source_id, native_id): (message_id, is_buried) for source_id, native_id, message_id, is_buried in rows}


def _known_twins(connection: psycopg.Connection, incoming: Sequence[Incoming]) -> dict[tuple[str, bytes], UUID]:
    """Return messages by Message-ID and content hash.

    OFFSET keeps each lookup its own, so that its cost does not follow from how much the tenant has stored.
    """
    rows = connection.execute(
        "SELECT wanted.rfc_message_id, found.content_hash, found.id FROM unnest(%s::text[]) AS wanted (rfc_message_id)"
        " CROSS JOIN LATERAL (SELECT content_hash, id FROM message"
        " WHERE rfc_message_id = wanted.rfc_message_id AND deleted_at IS NULL OFFSET 0) AS found",
        (list({item.message.rfc_message_id for item in incoming if item.message.rfc_message_id}),),
    ).fetchall()
    return {(rfc_message_id, bytes(digest)): message_id for rfc_message_id, digest, message_id in rows}


def _write(connection: psycopg.Connection, new: NewMessages) -> None:
    for message_id, message in new.write():
        if message.deleted:
            bury(connection, message_id, message.edited_at)


def _edit(connection: psycopg.Connection, message_id: UUID, item: Incoming, digest: bytes) -> set[date]:
    row = connection.execute(
        "SELECT content_hash, partition_day, deleted_at, extra, tenant_id,"
        " ARRAY(SELECT label FROM message_label WHERE message_id = message.id), channel"
        " FROM message WHERE id = %s FOR UPDATE",
        (message_id,),
    ).fetchone()
    if row is None or row[2] is not None:
        return set()
    if item.message.deleted:
        bury(connection, message_id, item.message.edited_at)
        return {row[1]}
    channel = item.message.channel or item.channel
    if row[6] != channel:
        connection.execute("UPDATE message SET channel = %s WHERE id = %s", (channel, message_id))
    if bytes(row[0]) != digest:
        _revise(connection, message_id, item, digest)
    elif row[3] != item.message.extra or set(row[5]) != set(item.message.labels):
        connection.execute("UPDATE message SET extra = %s WHERE id = %s", (Jsonb(item.message.extra), message_id))
    else:
        return set()
    for table in ("attachment", "message_label", "message_link"):
        connection.execute(f"DELETE FROM {table} WHERE message_id = %s", (message_id,))
    write_parts(connection, row[4], [(message_id, item.message)])
    return {row[1]}


def _revise(connection: psycopg.Connection, message_id: UUID, item: Incoming, digest: bytes) -> None:
    """Give a message another text, and keep the one that it had."""
    connection.execute(
        "INSERT INTO message_revision (tenant_id, message_id, revision, subject, text)"
        " SELECT tenant_id, id, revision, subject, text FROM message WHERE id = %s",
        (message_id,),
    )
    connection.execute(
        "UPDATE message SET subject = %s, text = %s, quoted_text = %s, signature_text = %s, language = %s,"
        " edited_at = coalesce(%s, now()), content_hash = %s, revision = revision + 1, extra = %s WHERE id = %s",
        (item.message.subject, item.message.text, item.message.quoted_text, item.message.signature_text,
         item.message.language, item.message.edited_at, digest, Jsonb(item.message.extra), message_id),
    )  # fmt: skip
    connection.execute("DELETE FROM embedding WHERE message_id = %s", (message_id,))


def _upsert_occurrences(
    connection: psycopg.Connection,
    tenant_id: UUID,
    incoming: Sequence[Incoming],
    message_ids: dict[tuple[UUID, str], tuple[UUID, bool]],
) -> None:
    latest = {(item.source_id, item.native_id): item for item in incoming}
    insert_rows(
        connection,
        "message_occurrence",
        ("tenant_id", "source_id", "native_id", "message_id", "raw_payload_id", "version", "channel"),
        [
            (tenant_id, *place, message_ids[place][0], item.raw_payload_id, item.version, item.channel)
            for place, item in latest.items()
        ],
        "ON CONFLICT (tenant_id, source_id, native_id) DO UPDATE SET message_id = excluded.message_id,"
        " raw_payload_id = excluded.raw_payload_id, version = excluded.version, channel = excluded.channel,"
        " deleted_at = NULL",
    )
