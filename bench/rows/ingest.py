"""Ingest: from a folder of .eml to committed, normalised rows in one process.

Limit: reading the same files and parsing them, nothing else. Peer: dlt's filesystem source into PostgreSQL, its
transformer parsing as the standard library's documentation shows; beside it, for its loading alone, with our parser.
"""

from __future__ import annotations

import email
import email.policy
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench.mails import write_folder
from bench.measure import by_size, in_turns, timed
from bench.report import Bound, CannotRun, Report, compared, grown
from bench.workplace import Installed, Workplace
from opsintel.connectors.contract import PayloadFormat
from opsintel.ids import new_id
from opsintel.partitions import Partition
from opsintel.tenants import find_tenant
from opsintel_pipeline.ingest.files import import_file
from opsintel_pipeline.normalize import run as normalize
from opsintel_pipeline.normalize.parse import NormalizeContext, parse_payload

SIZES = (100, 1_000, 10_000)
MAIN = 1_000
ROUNDS = 5
OURS, LIMIT = "ours", "reading and parsing alone"
DLT, DLT_PARSER = "dlt, parsing by the standard library", "dlt, parsing by ours"
CONTEXT = NormalizeContext(own_domains=frozenset({"acme.example"}))


def run(workplace: Workplace) -> Report:
    """Measure messages a second of all four at the middle size, and how our cost grows."""
    folders = {size: workplace.scratch(f"mails-{size}") for size in SIZES}
    for size, folder in folders.items():
        write_folder(folder, size)
    with workplace.installation() as installed:
        main = folders[MAIN]
        contenders = {
            OURS: lambda: MAIN / timed(lambda: ingest(installed, main)),
            LIMIT: lambda: MAIN / timed(lambda: read_and_parse(main)),
            DLT: _dlt(workplace, installed, main, by_standard_library),
            DLT_PARSER: _dlt(workplace, installed, main, by_our_parser),
        }
        in_turns(contenders, 1)  # what is loaded or made once is no part of any
        values = in_turns(contenders, ROUNDS)
        costs = by_size(lambda size: timed(lambda: ingest(installed, folders[size])), SIZES, 2)
    bounds = {LIMIT: Bound(0.5, 0.7), DLT: Bound(3, 5), DLT_PARSER: None}
    what = f"{MAIN:,} mails"
    return Report(
        [compared(what, "messages/s", values, ours=OURS, peer=peer, bound=bound) for peer, bound in bounds.items()],
        [grown("one import by number of mails", "s", costs)],
    )


def ingest(installed: Installed, folder: Path) -> None:
    """Import a folder into a new tenant and normalise every day it touched, as the product does."""
    slug = f"mails-{new_id().hex}"
    import_file(installed.context, folder, slug, kind="eml_folder", own_domains=("acme.example",))
    tenant = find_tenant(installed.context.database, slug)
    with installed.context.database.tenant_tx(tenant.id) as connection:
        days = connection.execute("SELECT DISTINCT partition_day FROM raw_payload ORDER BY partition_day").fetchall()
    for (day,) in days:
        normalize.run(installed.context, Partition(day, tenant.id, slug))


def read_and_parse(folder: Path) -> None:
    """Read and parse every mail of a folder."""
    for path in sorted(folder.iterdir()):
        parse_payload(path.read_bytes(), PayloadFormat.MIME, path.name, context=CONTEXT)


def _dlt(
    workplace: Workplace, installed: Installed, folder: Path, parse: Callable[[bytes], dict[str, Any]]
) -> Callable[[], float]:
    """Return a run of dlt over the folder that tells its messages a second; `CannotRun` without dlt."""
    os.environ |= {"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "ERROR"}
    try:
        import dlt
        from dlt.sources.filesystem import filesystem
    except ImportError:
        raise CannotRun("dlt is not installed", remedy="`make bench` installs requirements/bench.lock") from None

    def read(items: list[Any]) -> Iterator[dict[str, Any]]:
        yield from (parse(item.read_bytes()) for item in items)

    def load() -> None:
        pipeline = dlt.pipeline(
            f"mails_{new_id().hex}",
            pipelines_dir=str(workplace.scratch("dlt")),
            destination=dlt.destinations.postgres(installed.admin_url),
            dataset_name=f"dlt_{new_id().hex}",
        )
        pipeline.run(filesystem(bucket_url=str(folder), file_glob="*.eml") | dlt.transformer(read, name="mail"))

    return lambda: MAIN / timed(load)


def by_standard_library(payload: bytes) -> dict[str, Any]:
    """Return the fields that one takes from a mail with the standard library's own means."""
    mail = email.message_from_bytes(payload, policy=email.policy.default)
    body = mail.get_body(("plain", "html"))
    return {
        "message_id": mail["message-id"],
        "subject": mail["subject"],
        "author": str(mail["from"]),
        "recipients": str(mail["to"]),
        "in_reply_to": mail["in-reply-to"],
        "occurred_at": mail["date"].datetime if mail["date"] else None,
        "text": body.get_content() if body else "",
    }


def by_our_parser(payload: bytes) -> dict[str, Any]:
    """Return the same fields as our parser finds them, and what else it tells."""
    message = parse_payload(payload, PayloadFormat.MIME, "mail", context=CONTEXT)
    left_out = {"links", "attachments", "labels", "references", "recipients", "edited_at"}
    return message.model_dump(mode="json", exclude=left_out)
