"""What every embedder gives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]


class Embedder(Protocol):
    """Turns texts into unit vectors, always the same ones for the same version."""

    @property
    def name(self) -> str:
        """Name shown to people: `lexical`, `all-MiniLM-L6-v2`."""
        ...

    @property
    def version(self) -> str:
        """Identity of the fitted model or of the weights."""
        ...

    @property
    def dimensions(self) -> int:
        """Length of a vector."""
        ...

    @property
    def built_in(self) -> bool:
        """Whether it is the lexical one, which needs no weights and understands no paraphrase."""
        ...

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return one row for each text, of length 1; a row of zeros for a text without words."""
        ...


def normalized(rows: NDArray[np.floating]) -> Vectors:
    """Return the rows scaled to length 1; rows of zeros stay."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(lengths > 0, lengths, 1.0), dtype=np.float32)
