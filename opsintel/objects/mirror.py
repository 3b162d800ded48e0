"""Objects on local disk that are kept twice: in the data folder, and where back-ups go.

An object is stored before the transaction that refers to it commits, so whatever moment the database is restored to,
its objects are among the copies.
"""

from __future__ import annotations

from obstore.store import LocalStore

from opsintel.objects.store import ObjectStore


class MirroredObjectStore(ObjectStore):
    """Reads from the first store and writes to both; what is removed stays among the copies."""

    def __init__(self, store: LocalStore, copies: LocalStore, place: str) -> None:
        super().__init__(store, place)
        self._copies = ObjectStore(copies, "The folder of back-ups")

    def write(self, key: str, content: bytes) -> None:
        """Store the bytes in both. Raises `StorageError`."""
        self._copies.write(key, content)
        super().write(key, content)
