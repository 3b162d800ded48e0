"""Objects on local disk that are kept twice: in the data folder, and where back-ups go.

An object is stored before the transaction that refers to it commits, so whatever moment the database is restored to,
its objects are among the copies.
"""

from __future__ import annotations

from uuid import UUID

from obstore.store import LocalStore

from opsintel.objects.store import ObjectStore


class MirroredObjectStore(ObjectStore):
    """Reads from the first store and writes to both."""

    def __init__(self, store: LocalStore, copies: LocalStore) -> None:
        super().__init__(store)
        self._copies = ObjectStore(copies)

    def put(self, tenant_id: UUID, kind: str, content: bytes) -> str:
        """Store the bytes in both and return their key. Raises `StorageError`."""
        self._copies.put(tenant_id, kind, content)
        return super().put(tenant_id, kind, content)
