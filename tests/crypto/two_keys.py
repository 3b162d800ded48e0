"""A ciphertext that AES-GCM opens under two keys, by one block of it solved for (Dodis, Grubbs, Ristenpart, Woodage:
Fast Message Franking, CRYPTO 2018; Albertini and others: How to Abuse and Fix Authenticated Encryption, 2022)."""

from __future__ import annotations

import os
import struct

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

_R = 0xE1 << 120
ONE = 1 << 127
BLOCK = 16


def multiplied(a: int, b: int) -> int:
    """Return the product in GF(2^128) as GCM has it (NIST SP 800-38D, algorithm 1)."""
    product = 0
    for place in range(127, -1, -1):
        if b >> place & 1:
            product ^= a
        a = a >> 1 ^ (_R if a & 1 else 0)
    return product


def power(a: int, exponent: int) -> int:
    """Return a power in GF(2^128)."""
    result = ONE
    while exponent:
        if exponent & 1:
            result = multiplied(result, a)
        a, exponent = multiplied(a, a), exponent >> 1
    return result


def colliding_ciphertext(keys: tuple[bytes, bytes], nonce: bytes, associated: bytes, blocks: int) -> bytes:
    """Return random ciphertext and a tag that hold under both keys for one nonce and associated data."""
    chosen = [int.from_bytes(os.urandom(BLOCK)) for _ in range(blocks)]
    chosen[0] = 0
    padded = associated + bytes(-len(associated) % BLOCK)
    lengths = int.from_bytes(struct.pack(">QQ", len(associated) * 8, blocks * BLOCK * 8))
    data = [int.from_bytes(padded[start : start + BLOCK]) for start in range(0, len(padded), BLOCK)]
    place = blocks + 1  # the power of H that the first block of ciphertext is multiplied by
    hashed = [_raw(key, bytes(BLOCK)) for key in keys]
    masks = [_raw(key, nonce + b"\0\0\0\1") for key in keys]
    tags = [_ghash(h, [*data, *chosen, lengths]) ^ mask for h, mask in zip(hashed, masks, strict=True)]
    difference = power(hashed[0], place) ^ power(hashed[1], place)
    chosen[0] = multiplied(tags[0] ^ tags[1], power(difference, 2**128 - 2))
    tag = _ghash(hashed[0], [*data, *chosen, lengths]) ^ masks[0]
    return b"".join(block.to_bytes(BLOCK) for block in (*chosen, tag))


def _ghash(h: int, blocks: list[int]) -> int:
    found = 0
    for block in blocks:
        found = multiplied(found ^ block, h)
    return found


def _raw(key: bytes, block: bytes) -> int:
    encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    return int.from_bytes(encryptor.update(block))
