"""Heads of the audit log, signed and kept in the object store: who rewrites the database does not rewrite them.

An anchor is one object with the heads that moved since the one before, that one's digest, and an HMAC-SHA256 under a
key derived from the master key. Their numbers have no gap, so one that is missing, other than the newest, is found;
every anchor is a log line too.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from opsintel.clock import now
from opsintel.context import Context
from opsintel.crypto.master import master_key_id
from opsintel.objects.store import ObjectStore, Stored

logger = logging.getLogger(__name__)

PREFIX = "audit/anchors/"
UNDER_WAY = timedelta(hours=1)
"""Longer than any transaction that records something."""

RECENT = 8
"""Anchors, at least, that tell which heads are anchored already."""

_INFO = b"opsintel audit anchors v1"


@dataclass(frozen=True, slots=True)
class Anchor:
    """An anchor as it is stored. One of kind `restore` says that the chains go on from its heads."""

    number: int
    kind: Literal["heads", "restore"]
    at: str
    previous: str
    """SHA-256 of the anchor before; "" for the first."""

    key: str
    """Id of the master key whose derived key signs it."""

    heads: dict[str, tuple[int, str]]
    """Place and hash of the newest entry by tenant."""

    mac: str = ""


@dataclass
class Anchored:
    """What all anchors say together: the hash of each anchored place by tenant, and what is wrong with them."""

    hashes: dict[UUID, dict[int, bytes]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    unsigned: int = 0
    """Anchors whose master key is not at hand, so that only their content was compared."""

    last: Anchor | None = None
    last_digest: str = ""
    restored: list[tuple[str, UUID, int, int]] = field(default_factory=list)
    """When a back-up was restored, and which entries (tenant, first, last) were anchored before and are not in it."""


def write_anchor(context: Context, kind: Literal["heads", "restore"] = "heads") -> Anchor | None:
    """Anchor the heads that moved since the last anchor; None when none did. Raises `StorageError`."""
    master_key = context.settings.master_key()
    recent = _stored(context.objects)[-RECENT:]
    known = _read(context, recent)
    heads = _moved(context, known) if kind == "heads" else _all_heads(context)
    if not heads and kind == "heads":
        return None
    anchor = Anchor(
        number=known.last.number + 1 if known.last else 1,
        kind=kind,
        at=now().isoformat(),
        previous=known.last_digest,
        key=str(master_key_id(master_key)),
        heads=heads,
    )
    signed = Anchor(**{**asdict(anchor), "mac": _mac(master_key, anchor)})
    context.objects.write(f"{PREFIX}{signed.number:010}.json", _encode(asdict(signed)))
    logger.info("audit anchor %d of %d heads: %s", signed.number, len(heads), signed.mac)
    return signed


def read_anchors(context: Context) -> Anchored:
    """Return what was anchored, with the faults of the anchors themselves. Raises `StorageError`."""
    return _read(context, _stored(context.objects), first=1)


def _read(context: Context, stored: list[Stored], first: int | None = None) -> Anchored:
    """Read anchors in their order; without `first` any number and predecessor will do for the first of them."""
    found = Anchored()
    settings = context.settings
    keys = {str(master_key_id(key)): key for key in (settings.master_key(), *settings.previous_keys())}
    for one in stored:
        content = context.objects.get_range(one.key, 0, one.size)
        anchor = _decode(content)
        if anchor is None:
            found.faults.append(f"anchor {one.key.removeprefix(PREFIX)} cannot be read")
            continue
        expected = found.last.number + 1 if found.last else first or anchor.number
        if not found.last and first is None:
            found.last_digest = anchor.previous
        if anchor.number != expected:
            found.faults.append(f"anchor {expected} is gone")
        elif anchor.previous != found.last_digest:
            found.faults.append(f"anchor {anchor.number} does not follow the one before")
        if anchor.key not in keys:
            found.unsigned += 1
        elif not hmac.compare_digest(anchor.mac, _mac(keys[anchor.key], anchor)):
            found.faults.append(f"anchor {anchor.number} was changed")
        _take_in(found, anchor)
        found.last, found.last_digest = anchor, hashlib.sha256(content).hexdigest()
    return found


def _take_in(found: Anchored, anchor: Anchor) -> None:
    if anchor.kind == "restore":
        for tenant_id, hashes in found.hashes.items():
            kept = anchor.heads.get(str(tenant_id), (0, ""))[0]
            if hashes and max(hashes) > kept:
                found.restored.append((anchor.at, tenant_id, kept + 1, max(hashes)))
            found.hashes[tenant_id] = {seq: digest for seq, digest in hashes.items() if seq <= kept}
    for tenant, (seq, digest) in anchor.heads.items():
        found.hashes.setdefault(UUID(tenant), {})[seq] = bytes.fromhex(digest)


def _moved(context: Context, known: Anchored) -> dict[str, tuple[int, str]]:
    """Return the heads that moved since the last anchor, or were under way then."""
    if known.last is None:
        return _all_heads(context)
    since = datetime.fromisoformat(known.last.at) - UNDER_WAY
    with context.database.system_tx() as connection:
        rows = connection.execute(
            "SELECT head.tenant_id, head.seq, head.hash FROM audit_head AS head JOIN audit_log AS entry"
            " ON entry.tenant_id = head.tenant_id AND entry.seq = head.seq WHERE entry.at > %s ORDER BY 1",
            (since,),
        ).fetchall()
    return {str(t): (seq, bytes(digest).hex()) for t, seq, digest in rows if seq not in known.hashes.get(t, {})}


def _all_heads(context: Context) -> dict[str, tuple[int, str]]:
    with context.database.system_tx() as connection:
        rows = connection.execute("SELECT tenant_id, seq, hash FROM audit_head WHERE seq > 0 ORDER BY 1").fetchall()
    return {str(t): (seq, bytes(digest).hex()) for t, seq, digest in rows}


def _stored(objects: ObjectStore) -> list[Stored]:
    return sorted((one for page in objects.pages_under(PREFIX) for one in page), key=lambda one: one.key)


def _mac(master_key: bytes, anchor: Anchor) -> str:
    key = HKDF(SHA256(), 32, None, _INFO).derive(master_key)
    return hmac.digest(key, _encode({**asdict(anchor), "mac": ""}), hashlib.sha256).hex()


def _encode(fields: Mapping[str, Any]) -> bytes:
    return json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()


def _decode(content: bytes) -> Anchor | None:
    try:
        fields = json.loads(content)
        heads = {str(UUID(t)): (int(seq), bytes.fromhex(digest).hex()) for t, (seq, digest) in fields["heads"].items()}
        anchor = Anchor(**{**fields, "heads": heads})
        datetime.fromisoformat(anchor.at)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    texts = (anchor.mac, anchor.key, anchor.previous)
    return anchor if isinstance(anchor.number, int) and all(_is_ascii(text) for text in texts) else None


def _is_ascii(value: Any) -> bool:
    return isinstance(value, str) and value.isascii()
