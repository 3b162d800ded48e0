"""The consumer: from the queue into the ledger, committed before it is acknowledged."""

from __future__ import annotations

from datetime import date

from opsintel.db.engine import Database
from opsintel.queue.contract import Queue

CONSUME_PAGE = 500


def consume_once(database: Database, queue: Queue) -> int:
    """Move a page of announcements into the ledger and return how many; a double changes nothing."""
    announcements = queue.receive(CONSUME_PAGE)
    if announcements:
        with database.system_tx() as connection, connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO work (tenant_id, id, partition_day, reason)"
                " SELECT id, %(id)s, %(day)s, %(reason)s FROM tenant WHERE id = %(tenant_id)s ON CONFLICT DO NOTHING",
                [
                    {
                        "tenant_id": a.tenant_id,
                        "id": a.id,
                        "day": date.fromisoformat(a.payload["day"]),
                        "reason": a.payload["reason"],
                    }
                    for a in announcements
                ],
            )
        queue.acknowledge(announcements)
    return len(announcements)
