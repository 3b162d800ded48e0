"""Sealed values: seal and open by the envelope, against AES-256-GCM of the same bytes alone."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from uuid import uuid4

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bench.measure import Spread, in_turns, ratio
from bench.report import Bound, Line, Report
from bench.workplace import Workplace
from opsintel.crypto.envelope import SealContext, open_sealed, seal

SIZES = (64, 640, 6400)
ROUNDS = 5
CALLS = 5_000
PEER = "AES-256-GCM alone"
LEAST, AIM = 10_000, 50_000


def run(workplace: Workplace) -> Report:
    """Measure calls a second of one core at three sizes of a credential."""
    del workplace
    lines = [line for size in SIZES for line in _measure(size)]
    notes = ["the peer derives no key for each value and commits to none: one ciphertext of it can open under two keys"]
    return Report(lines, notes=notes)


def _measure(size: int) -> list[Line]:
    key, value, place = os.urandom(32), os.urandom(size), SealContext("bench", uuid4(), "secret", uuid4(), 1)
    key_id, associated = uuid4(), place.encode()
    sealed, cipher = seal(key, key_id, value, place), AESGCM(key)
    nonce = os.urandom(12)
    text = cipher.encrypt(nonce, value, associated)
    found = in_turns(
        {
            "seal": lambda: _rate(lambda: seal(key, key_id, value, place)),
            "open": lambda: _rate(lambda: open_sealed(key, sealed, place)),
            "encrypt": lambda: _rate(lambda: AESGCM(key).encrypt(os.urandom(12), value, associated)),
            "decrypt": lambda: _rate(lambda: AESGCM(key).decrypt(nonce, text, associated)),
        },
        ROUNDS,
    )
    pairs = (("seal", "encrypt"), ("open", "decrypt"))
    return [line for what, peer in pairs for line in _lines(what, size, found[what], found[peer])]


def _lines(what: str, size: int, ours: list[float], peer: list[float]) -> list[Line]:
    return [
        Line(f"{what}, {size:,} bytes", "calls/s", Spread.of(ours), bound=Bound(LEAST, AIM)),
        Line(f"{what}, {size:,} bytes", "calls/s", Spread.of(ours), PEER, Spread.of(peer), ratio(ours, peer)),
    ]


def _rate(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    for _ in range(CALLS):
        call()
    return CALLS / (time.perf_counter() - began)
