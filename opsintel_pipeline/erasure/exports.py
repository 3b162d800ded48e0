"""Exports of people's data: all go, since anybody's may quote the person, and each can be made again."""

from __future__ import annotations

from opsintel.people.exports import give_up_export, remove_file
from opsintel_pipeline.erasure.work import Work

ERASED = "A person was erased meanwhile; ask for the export again"


def remove_exports(work: Work) -> None:
    """Remove the file of every export of the tenant, and stop those that are being made."""
    with work.page() as connection:
        rows = connection.execute(
            "SELECT id, state FROM person_export WHERE state IN ('queued', 'running') OR object_key IS NOT NULL"
        ).fetchall()
        work.counts["person_export"] += len(rows)
        for export_id, state in rows:
            if state != "done":
                give_up_export(connection, export_id, ERASED)
    if work.dry_run:
        return
    for export_id, state in rows:
        if state == "done":
            remove_file(work.context, work.tenant_id, export_id)
