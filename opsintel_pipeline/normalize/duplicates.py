"""The second identity of a message: what two copies of it share, whichever way they came."""

from __future__ import annotations

import hashlib

from opsintel.events.message import CanonicalMessage


def content_hash(message: CanonicalMessage) -> bytes:
    """Return the SHA-256 of the canonical header fields and the body, without what transport adds.

    White space and line breaks do not count: relays re-wrap and re-encode bodies.
    """
    digest = hashlib.sha256()
    recipients = sorted(address.value for address in message.recipients)
    for text in (
        message.kind.value,
        message.author.value if message.author else "",
        "" if message.occurred_at is None else message.occurred_at.replace(microsecond=0).isoformat(),
        message.subject,
        "\x1f".join(recipients),
        message.text,
        message.quoted_text,
        message.signature_text,
        "\x1f".join(f"{part.filename}\x1e{part.size}" for part in message.attachments),
    ):
        digest.update("".join(text.split()).encode("utf-8"))
        digest.update(b"\x00")
    return digest.digest()
