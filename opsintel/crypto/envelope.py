"""Envelope format v1: sealed bytes that open only with the right key and in the right place.

    magic "OPS1" | key id, 16 bytes | message id, 32 | commitment, 32 | nonce, 12 | ciphertext and tag

Encryption and commitment keys are derived from the data key by HKDF-SHA512 (RFC 5869) with the message id as salt and
separate info strings, since AES-GCM alone commits to no key: one ciphertext can be made to open under two. The
associated data is the header and the length-prefixed context, so a value moved to another tenant, table, row, purpose
or version does not open. AES-256-GCM is NIST SP 800-38D, by the package `cryptography`.
"""

from __future__ import annotations

import hmac
import os
import struct
from dataclasses import dataclass
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from opsintel.errors import SealError

MAGIC = b"OPS1"
KEY_BYTES = 32
_KEY_ID, _MESSAGE_ID, _COMMITMENT, _NONCE, _TAG = 16, 32, 32, 12, 16
_HEADER = len(MAGIC) + _KEY_ID + _MESSAGE_ID + _COMMITMENT + _NONCE
OVERHEAD = _HEADER + _TAG
"""Bytes that sealing adds to a value."""

_ENCRYPTION_INFO = b"opsintel envelope v1 encryption"
_COMMITMENT_INFO = b"opsintel envelope v1 commitment"


@dataclass(frozen=True, slots=True)
class SealContext:
    """The place a sealed value belongs to; it opens nowhere else."""

    purpose: str
    tenant_id: UUID
    table: str
    row_id: UUID
    version: int

    def encode(self) -> bytes:
        """Return the parts, each with its length before it, so that no two contexts look alike."""
        parts = (
            self.purpose.encode(),
            self.tenant_id.bytes,
            self.table.encode(),
            self.row_id.bytes,
            struct.pack(">Q", self.version),
        )
        return b"".join(struct.pack(">I", len(part)) + part for part in parts)


def seal(key: bytes, key_id: UUID, plaintext: bytes, context: SealContext) -> bytes:
    """Return the plaintext sealed under a 32-byte key for one place."""
    message_id, nonce = os.urandom(_MESSAGE_ID), os.urandom(_NONCE)
    encryption_key, commitment = _derive(key, message_id)
    header = MAGIC + key_id.bytes + message_id + commitment + nonce
    return header + encrypt(encryption_key, nonce, plaintext, header + context.encode())


def open_sealed(key: bytes, sealed: bytes, context: SealContext) -> bytes:
    """Return the plaintext; `SealError` for another key, another place, or bytes that were changed."""
    if len(sealed) < _HEADER + _TAG or sealed[: len(MAGIC)] != MAGIC:
        raise SealError("This is not a sealed value")
    header = sealed[:_HEADER]
    position = len(MAGIC) + _KEY_ID
    message_id = header[position : position + _MESSAGE_ID]
    stored_commitment = header[position + _MESSAGE_ID : position + _MESSAGE_ID + _COMMITMENT]
    encryption_key, commitment = _derive(key, message_id)
    if not hmac.compare_digest(stored_commitment, commitment):
        raise SealError("The sealed value belongs to another key")
    return decrypt(encryption_key, header[-_NONCE:], sealed[_HEADER:], header + context.encode())


def key_id_of(sealed: bytes) -> UUID:
    """Return the id of the key a value is sealed under; `SealError` when it is no sealed value."""
    if len(sealed) < _HEADER + _TAG or sealed[: len(MAGIC)] != MAGIC:
        raise SealError("This is not a sealed value")
    return UUID(bytes=sealed[len(MAGIC) : len(MAGIC) + _KEY_ID])


def encrypt(key: bytes, nonce: bytes, plaintext: bytes, associated: bytes) -> bytes:
    """Return ciphertext and tag by AES-256-GCM: the one primitive that sealing uses."""
    return AESGCM(key).encrypt(nonce, plaintext, associated)


def decrypt(key: bytes, nonce: bytes, ciphertext: bytes, associated: bytes) -> bytes:
    """Return the plaintext by AES-256-GCM; `SealError` when the tag does not fit."""
    try:
        return AESGCM(key).decrypt(nonce, ciphertext, associated)
    except (InvalidTag, ValueError):
        raise SealError("The sealed value was changed, or belongs to another place") from None


def derive(key: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    """Return key material by HKDF-SHA512 (RFC 5869): the one primitive that keys are derived by."""
    return HKDF(SHA512(), length, salt, info).derive(key)


def _derive(key: bytes, message_id: bytes) -> tuple[bytes, bytes]:
    if len(key) != KEY_BYTES:
        raise SealError("A key has 32 bytes")
    return (
        derive(key, message_id, _ENCRYPTION_INFO, KEY_BYTES),
        derive(key, message_id, _COMMITMENT_INFO, _COMMITMENT),
    )
