"""A value that shows itself to nobody."""

from __future__ import annotations

from typing import NoReturn


class Secret:
    """Holds secret bytes; has no text form, cannot be pickled, copied into JSON or compared."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value = value

    def reveal(self) -> bytes:
        """Return the bytes; call it where they are used, and nowhere else."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(hidden)"

    def __str__(self) -> str:
        return "(hidden)"

    def __format__(self, specification: str) -> str:
        return "(hidden)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret cannot be pickled or copied")

    def __getstate__(self) -> NoReturn:
        raise TypeError("a Secret has no state to copy")

    def __eq__(self, other: object) -> NoReturn:
        raise TypeError("Secrets are not compared")

    __hash__ = None  # type: ignore[assignment]
