"""Bodies of answers, bounded while they stream: their size, and what they grow to.

Only gzip is asked for, and only gzip is undone, piece by piece with a limit on each (zlib's `max_length`), so that a
bomb costs one piece of memory. Another coding, or several on top of each other, is refused: it was not asked for.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from opsintel.errors import AnswerError
from opsintel.net.policy import MEGABYTE, Policy

ACCEPTED = b"gzip"
_PIECE = 64 * 1024
_GZIP = 16 + zlib.MAX_WBITS


class Body:
    """Takes pieces of one answer's body as they come; gives pieces of its content."""

    def __init__(self, policy: Policy, content_encoding: str) -> None:
        coding = content_encoding.strip().lower()
        if coding not in ("", "identity", "gzip", "x-gzip"):
            raise AnswerError(f"The answer is encoded in a way that was not asked for: {coding[:40]!r}")
        self._policy = policy
        self._gzip = zlib.decompressobj(_GZIP) if "gzip" in coding else None
        self._received = self._grown = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the content of a piece; `AnswerError` when it is too much, grows too much, or is no gzip."""
        self._received += len(data)
        if self._gzip is None:
            yield self._counted(data)
            return
        while data:
            if self._gzip.eof:  # RFC 1952 allows members one after the other
                self._gzip = zlib.decompressobj(_GZIP)
            try:
                piece = self._gzip.decompress(data, _PIECE)
            except zlib.error:
                raise AnswerError("The answer says it is gzip, and is not") from None
            yield self._counted(piece)
            data = self._gzip.unconsumed_tail or self._gzip.unused_data

    def finish(self) -> None:
        """Raise `AnswerError` when the content ends before its end."""
        if self._gzip is not None and self._received and not self._gzip.eof:
            raise AnswerError("The answer ends too early")

    def _counted(self, piece: bytes) -> bytes:
        self._grown += len(piece)
        if self._grown > self._policy.max_body_bytes:
            raise AnswerError(f"The answer is larger than {self._policy.max_body_bytes} bytes")
        if self._grown > MEGABYTE and self._grown > self._policy.max_ratio * self._received:
            raise AnswerError(f"The answer grows to more than {self._policy.max_ratio} times its size")
        return piece
