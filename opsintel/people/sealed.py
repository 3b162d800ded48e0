"""Files that are sealed in pieces, so that they are opened piece by piece while they are sent.

A file has a key of its own, which is a secret of the tenant: sealed by its data key, sealed anew by a rotation, gone
with the tenant. Each piece is bound to its file and place (opsintel/crypto/envelope.py), so none can be moved.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from uuid import UUID

from opsintel.crypto.envelope import KEY_BYTES, OVERHEAD, SealContext, open_sealed, seal

PURPOSE = "person_export.key"
PIECE = 1 << 20
"""Bytes of a piece before it is sealed."""

Read = Callable[[int, int], bytes]
"""Returns so many bytes from an offset: (offset, size)."""


def new_key() -> bytes:
    """Return a fresh key for one file."""
    return os.urandom(KEY_BYTES)


def sealed_file(key: bytes, tenant_id: UUID, file_id: UUID, content: bytes) -> bytes:
    """Return a file sealed in pieces."""
    starts = range(0, len(content), PIECE)
    return b"".join(
        seal(key, file_id, content[start : start + PIECE], _place(tenant_id, file_id, number))
        for number, start in enumerate(starts, 1)
    )


def opened_file(key: bytes, tenant_id: UUID, file_id: UUID, size: int, read: Read) -> Iterator[bytes]:
    """Yield the pieces of a file of `size` bytes; `SealError` for one that was changed, moved or cut."""
    for number, start in enumerate(range(0, size, PIECE), 1):
        length = min(PIECE, size - start) + OVERHEAD
        sealed = read((number - 1) * (PIECE + OVERHEAD), length)
        yield open_sealed(key, sealed, _place(tenant_id, file_id, number))


def _place(tenant_id: UUID, file_id: UUID, number: int) -> SealContext:
    return SealContext(PURPOSE, tenant_id, "person_export", file_id, number)
