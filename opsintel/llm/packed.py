"""Vectors of texts as an answer holds them: short enough to be kept on the disk and to cross a pipe."""

from __future__ import annotations

import base64
from array import array
from collections.abc import Sequence


def packed(vectors: Sequence[Sequence[float]]) -> str:
    """Return vectors as text; raises `ValueError` unless all have the same length, which is not 0."""
    lengths = {len(vector) for vector in vectors}
    if len(lengths) != 1 or lengths == {0}:
        raise ValueError("vectors of one length are packed together")
    values = array("f", (value for vector in vectors for value in vector))
    return f"{lengths.pop()}:{base64.b64encode(values.tobytes()).decode()}"


def unpacked(content: str) -> tuple[int, bytes]:
    """Return the length of the vectors that `packed` packed, and their values as 32-bit floats, one after another."""
    length, _, values = content.partition(":")
    return int(length), base64.b64decode(values)
