"""Secrets of the installation: the master key and what signs tokens."""

from __future__ import annotations

import base64

from pydantic import BaseModel

from opsintel.errors import SettingError
from opsintel.settings.declaration import MasterKeyList, SigningSecret, setting
from opsintel.settings.values import split_at_commas


class KeySettings(BaseModel):
    """Secrets of the installation: the master key and what signs tokens."""

    master_encryption_key: MasterKeyList = setting(
        "MASTER_ENCRYPTION_KEY",
        default=None,
        meaning="Base64 of 32 bytes; wraps every tenant's data key",
        example="the output of: openssl rand -base64 32",
        absent="what serves or stores refuses to start; only the demo makes and keeps its own",
    )
    previous_master_keys: MasterKeyList = setting(
        "OPSINTEL_PREVIOUS_MASTER_KEYS",
        default=None,
        meaning="Further master keys that open, with commas between: the old one during `opsintel keys"
        " rotate-master`, the next one before it where processes restart one by one",
        example="the MASTER_ENCRYPTION_KEY of before",
        absent="none",
    )
    jwt_secret: SigningSecret = setting(
        "JWT_SECRET",
        default=None,
        meaning="Signs tokens; at least 32 bytes that nobody can think of: known words and repetitions are refused",
        example="the output of: openssl rand -base64 48",
        absent="as above",
    )

    def master_key(self) -> bytes:
        """Return the 32 bytes of the master key; `SettingError` when absent."""
        if self.master_encryption_key is None:
            raise SettingError(
                "MASTER_ENCRYPTION_KEY is not set", remedy="Make one with: openssl rand -base64 32, and keep it safe"
            )
        return base64.b64decode(self.master_encryption_key.get_secret_value())

    def previous_keys(self) -> list[bytes]:
        """Return the further master keys that open and do not wrap."""
        given = self.previous_master_keys.get_secret_value() if self.previous_master_keys else ""
        return [base64.b64decode(key) for key in split_at_commas(given)]

    def jwt_key(self) -> bytes:
        """Return the key that signs tokens; `SettingError` when absent."""
        if self.jwt_secret is None:
            raise SettingError("JWT_SECRET is not set", remedy="Make one with: openssl rand -base64 48")
        return self.jwt_secret.get_secret_value().encode()

    def require_secrets(self) -> None:
        """Raise `SettingError` unless both secrets are there, each of its own: for processes that serve or store."""
        self.master_key()
        signs = self.jwt_key().decode()
        for wraps in (self.master_encryption_key, self.previous_master_keys):
            if wraps is not None and signs in split_at_commas(wraps.get_secret_value()):
                raise SettingError(
                    "JWT_SECRET is a master key as well", remedy="Make one with: openssl rand -base64 48"
                )
