"""Master keys: the current one wraps every tenant's data key; earlier ones stay at hand during a rotation."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from uuid import UUID

from opsintel.crypto.envelope import SealContext, key_id_of, open_sealed, seal
from opsintel.errors import SealError
from opsintel.ids import derived_id
from opsintel.settings import Settings


def master_key_id(master_key: bytes) -> UUID:
    """Return the id by which a master key is known where it is not: it tells nothing of the key."""
    return derived_id("master-key", hashlib.sha256(b"opsintel master key id" + master_key).hexdigest())


class MasterKeys:
    """A ring: wraps with the current key, unwraps with whichever of them a data key was wrapped by."""

    __slots__ = ("_keys", "current_id")

    def __init__(self, current: bytes, previous: Sequence[bytes] = ()) -> None:
        self._keys = {master_key_id(key): key for key in (*previous, current)}
        self.current_id = master_key_id(current)

    @classmethod
    def of(cls, settings: Settings) -> MasterKeys:
        """Return the ring of an installation; `SettingError` when it has no master key."""
        return cls(settings.master_key(), settings.previous_keys())

    def __contains__(self, key_id: UUID) -> bool:
        return key_id in self._keys

    def __repr__(self) -> str:
        return f"MasterKeys({len(self._keys)} keys)"

    def with_previous(self, keys: Sequence[bytes]) -> MasterKeys:
        """Return the ring with further keys that may open, and do not wrap."""
        current = self._keys[self.current_id]
        return MasterKeys(current, [*(key for key in self._keys.values() if key != current), *keys])

    def wrap(self, tenant_id: UUID, key_id: UUID, data_key: bytes) -> bytes:
        """Return a tenant's data key, sealed for that tenant by the current master key."""
        return seal(self._keys[self.current_id], self.current_id, data_key, _wrapping(tenant_id, key_id))

    def unwrap(self, tenant_id: UUID, key_id: UUID, wrapped: bytes) -> bytes:
        """Return a data key; `SealError` when none of the master keys opens it, or it was destroyed."""
        if not wrapped:
            raise SealError("The tenant's data key was destroyed, and what it sealed with it")
        try:
            return open_sealed(self._keys[key_id_of(wrapped)], wrapped, _wrapping(tenant_id, key_id))
        except (SealError, KeyError):
            raise SealError(
                "The tenant's data key does not open",
                remedy="Is MASTER_ENCRYPTION_KEY the one it was made with? Others go into"
                " OPSINTEL_PREVIOUS_MASTER_KEYS",
            ) from None


def _wrapping(tenant_id: UUID, key_id: UUID) -> SealContext:
    return SealContext("data_key", tenant_id, "data_key", key_id, 1)
