"""What a secret that signs must be: long, and nothing that somebody could think of."""

from __future__ import annotations

import re

MINIMUM_BYTES = 32
FEWEST_CHARACTERS = 8
"""Different ones. 32 random hexadecimal digits have fewer once in ten million times."""
MAKE_ONE = "make one with: openssl rand -base64 48"

# The words of this product and its pages, and of the samples, tutorials and lists that people copy from.
_WORDS = """
    openssl rand base64 output harbourline northlamp opsintel signing access refresh tokens token secret secretkey
    passphrase passwort password passwd changethis changeme change_me change-me change replace example sample insecure
    unsafe default testing development production staging docker compose placeholder dummy django flask fastapi
    supersecret super your-256-bit-secret your 256-bit bits bytes long enough minimum least should must this that with
    please here value string admin root user username qwertyuiop qwerty asdfghjkl asdf zxcvbnm letmein welcome iloveyou
    monkey dragon correct horse battery staple hunter2 trustno1 quick brown jumps over lazy lorem ipsum
    abcdefghijklmnopqrstuvwxyz abcdef 0123456789 1234567890 123456 deadbeef cafebabe keyboard company server service
    application website backend jsonwebtoken json jwt key random characters character very secure private public
    2023 2024 2025 2026 not for the and all
"""
_KNOWN = re.compile("|".join(sorted(_WORDS.split(), key=lambda word: (-len(word), word))), re.IGNORECASE)
_LEAST_BESIDE_WORDS = 24
"""Bytes that remain of a secret without its known words; a random one has hardly any of them."""

_OTHER_KEYS = re.compile(r"\s*(?:-----BEGIN |ssh-|ecdsa-|sk-ssh-|\{|\[)")


def check_signing_secret(value: str) -> None:
    """Require a secret that nobody guesses; raises `ValueError` saying what is wrong, never the value.

    No test can tell random from thought up. Refused are the kinds that are found in the wild: short, of few
    characters, repeated, counted up, made of known words, and keys that are public or meant for something else
    (RFC 8725 section 3.5, RFC 7518 section 3.2).
    """
    if len(value.encode()) < MINIMUM_BYTES:
        raise ValueError(f"is shorter than {MINIMUM_BYTES} bytes, {MAKE_ONE}")
    if _OTHER_KEYS.match(value):
        raise ValueError(f"is a key file or certificate, {MAKE_ONE}")
    if len(set(value)) < FEWEST_CHARACTERS:
        raise ValueError(f"has fewer than {FEWEST_CHARACTERS} different characters, {MAKE_ONE}")
    if _is_repeated(value):
        raise ValueError(f"repeats itself, {MAKE_ONE}")
    if _is_counted(value):
        raise ValueError(f"is a row of neighbouring characters, {MAKE_ONE}")
    if len(_KNOWN.sub("", value).encode()) < _LEAST_BESIDE_WORDS:
        raise ValueError(f"is made of words that many know, {MAKE_ONE}")


def _is_repeated(value: str) -> bool:
    """Tell whether a piece of at most half the length, over and over, gives the whole."""
    return any(value.startswith(value[size:]) for size in range(1, len(value) // 2 + 1))


def _is_counted(value: str) -> bool:
    steps = [ord(second) - ord(first) for first, second in zip(value, value[1:], strict=False)]
    return sum(step in (-1, 0, 1) for step in steps) > len(steps) // 2
