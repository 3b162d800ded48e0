"""New messages of a page: collected, then written together with their threads, people and parts."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from opsintel.db.bulk import insert_rows
from opsintel.events.message import CanonicalMessage
from opsintel.partitions import Partition
from opsintel_pipeline.normalize.people import Participants
from opsintel_pipeline.normalize.threading import Threads


class NewMessages:
    """Messages that no occurrence and no twin is known of, in the order they came."""

    def __init__(
        self, connection: psycopg.Connection, partition: Partition, participants: Participants, threads: Threads
    ) -> None:
        self._connection = connection
        self._partition = partition
        self._participants = participants
        self._threads = threads
        self._waiting: dict[UUID, dict[str, Any]] = {}
        self._messages: dict[UUID, CanonicalMessage] = {}

    def __contains__(self, message_id: UUID) -> bool:
        """Tell whether a message still waits to be written."""
        return message_id in self._waiting

    def add(self, message_id: UUID, message: CanonicalMessage, channel: str, digest: bytes) -> None:
        """Take a message in; `channel` is where it was seen, for messages that name none themselves."""
        self._messages[message_id] = message
        self._waiting[message_id] = {
            "tenant_id": self._partition.tenant_id,
            "id": message_id,
            "kind": message.kind.value,
            "partition_day": self._partition.day,
            "occurred_at": message.occurred_at,
            "occurred_at_flag": message.occurred_at_flag,
            "edited_at": message.edited_at,
            "rfc_message_id": message.rfc_message_id,
            "content_hash": digest,
            "thread_id": self._threads.id_of(message),
            "parent_key": message.parent_key,
            "author_id": self._participants.id_of(message.author, message) if message.author else None,
            "recipients": Jsonb([address.model_dump(mode="json") for address in message.recipients]),
            "direction": message.direction.value,
            "visibility": message.visibility.value,
            "channel": message.channel or channel,
            "subject": message.subject,
            "text": message.text,
            "quoted_text": message.quoted_text,
            "signature_text": message.signature_text,
            "language": message.language,
            "automatic": message.automatic.value if message.automatic else None,
            "automatic_reason": message.automatic_reason,
            "is_bot": message.is_bot,
            "opaque": message.opaque,
            "defects": list(message.defects),
            "extra": Jsonb(message.extra),
        }

    def write(self) -> list[tuple[UUID, CanonicalMessage]]:
        """Write what waits, and return it."""
        if not self._waiting:
            return []
        threads, people = self._threads.store(), self._participants.store()
        for row in self._waiting.values():
            row["thread_id"] = threads.get(row["thread_id"], row["thread_id"])
            row["author_id"] = people.get(row["author_id"], row["author_id"])
        rows, written = list(self._waiting.values()), list(self._messages.items())
        insert_rows(self._connection, "message", list(rows[0]), [list(row.values()) for row in rows])
        write_parts(self._connection, self._partition.tenant_id, written)
        self._waiting.clear()
        self._messages.clear()
        return written


def write_parts(connection: psycopg.Connection, tenant_id: UUID, written: list[tuple[UUID, CanonicalMessage]]) -> None:
    """Write attachments, labels and links of messages that have none."""
    attachments = [
        (tenant_id, message_id, position, part.filename, part.content_type, part.size, part.inline)
        for message_id, message in written
        for position, part in enumerate(message.attachments)
    ]
    columns = ("tenant_id", "message_id", "position", "filename", "content_type", "size", "inline")
    insert_rows(connection, "attachment", columns, attachments)
    labels = {(tenant_id, message_id, label): None for message_id, message in written for label in message.labels}
    insert_rows(connection, "message_label", ("tenant_id", "message_id", "label"), list(labels))
    links = [
        (tenant_id, message_id, position, link.url, link.text)
        for message_id, message in written
        for position, link in enumerate(message.links)
    ]
    insert_rows(connection, "message_link", ("tenant_id", "message_id", "position", "url", "text"), links)
