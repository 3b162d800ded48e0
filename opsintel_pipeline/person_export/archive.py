"""The file that a person gets: records as JSON lines, the originals of what they wrote, and an index to read."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from opsintel.clock import now
from opsintel.context import Context
from opsintel_pipeline.erasure.work import Person
from opsintel_pipeline.person_export.collect import collected
from opsintel_pipeline.person_export.index import index_page
from opsintel_pipeline.person_export.messages import AUTHOR, Found

FORMAT = 1
_ENDINGS = {"mime": "eml", "slack": "json", "record": "json"}
_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass
class Archive:
    """The zip file under way, with how many records each of its files holds."""

    lines: dict[str, list[bytes]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    messages: list[dict[str, Any]] = field(default_factory=list)
    """What the index lists."""

    _seen: set[bytes] = field(default_factory=set)

    def add(self, found: Iterable[Found]) -> None:
        """Take in records; one that comes twice is taken once."""
        for name, record in found:
            line = json.dumps(record, ensure_ascii=False, sort_keys=True).encode()
            digest = hashlib.sha256(name.encode() + line).digest()
            if digest in self._seen:
                continue
            self._seen.add(digest)
            self.lines.setdefault(name, []).append(line)
            self.counts[name] += 1
            if name == "message":
                self.messages.append(record)

    def own_ids(self) -> list[UUID]:
        """Return the messages that the person wrote."""
        return [UUID(record["id"]) for record in self.messages if record["person_is"] == AUTHOR]


def archive_of(context: Context, tenant_id: UUID, person: Person) -> tuple[bytes, dict[str, int]]:
    """Return the zip file of what is stored of a person, and how many records it holds by file."""
    archive = Archive()
    archive.add(collected(context, tenant_id, person))
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as file:
        made_at = now().isoformat()
        for name, lines in sorted(archive.lines.items()):
            _write(file, f"records/{name}.jsonl", b"\n".join(lines) + b"\n")
        for name, content in _originals(context, tenant_id, archive.own_ids()):
            archive.counts["original"] += 1
            _write(file, f"originals/{name}", content)
        manifest = {"format": FORMAT, "made_at": made_at, "records": dict(sorted(archive.counts.items()))}
        _write(file, "manifest.json", json.dumps(manifest, indent=2).encode())
        _write(file, "index.html", index_page(archive.messages, dict(archive.counts), made_at).encode())
    return written.getvalue(), dict(archive.counts)


def _originals(context: Context, tenant_id: UUID, message_ids: list[UUID]) -> Iterable[tuple[str, bytes]]:
    """Yield what a provider sent of the messages that the person wrote, as it came."""
    with context.database.tenant_tx(tenant_id) as connection:
        rows = connection.execute(
            "SELECT id, format, object_key, object_offset, size FROM raw_payload"
            " WHERE erased_at IS NULL AND object_key IS NOT NULL AND (source_id, native_id) IN ("
            " SELECT source_id, native_id FROM message_occurrence WHERE message_id = ANY(%s)) ORDER BY object_key, id",
            (message_ids,),
        ).fetchall()
    for payload_id, kind, key, offset, size in rows:
        yield f"{payload_id}.{_ENDINGS.get(kind, 'bin')}", context.objects.get_range(key, offset, size)


def _write(file: zipfile.ZipFile, name: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED
    file.writestr(entry, content)
