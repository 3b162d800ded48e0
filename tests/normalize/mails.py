"""Builds raw mails from bytes for the tests of the normaliser."""

from __future__ import annotations

from opsintel.connectors.contract import PayloadFormat
from opsintel.events.message import CanonicalMessage
from opsintel_pipeline.normalize.parse import NormalizeContext, parse_payload

HEAD = (
    b"From: Ada Byron <ada@customer.example>\r\nTo: help@acme.example\r\nSubject: Printer\r\n"
    b"Date: Mon, 2 Apr 2012 18:22:10 +0400\r\nMessage-ID: <1@customer.example>\r\n"
)


def mail(body: bytes, content_type: bytes = b"text/plain; charset=utf-8", fields: bytes = b"") -> bytes:
    """Return a mail with usual header fields, further fields and this body."""
    return HEAD + fields + b"Content-Type: " + content_type + b"\r\n\r\n" + body


def multipart(kind: bytes, *parts: bytes, boundary: bytes = b"=_b") -> bytes:
    """Return a mail of several parts, each with its own header fields."""
    body = b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts) + b"--" + boundary + b"--\r\n"
    return mail(body, b"multipart/" + kind + b'; boundary="' + boundary + b'"')


def part(body: bytes, content_type: bytes = b"text/plain; charset=utf-8", fields: bytes = b"") -> bytes:
    """Return one part with its header fields."""
    return b"Content-Type: " + content_type + b"\r\n" + fields + b"\r\n" + body


def read(payload: bytes, context: NormalizeContext | None = None) -> CanonicalMessage:
    """Return the canonical message of a raw mail."""
    return parse_payload(payload, PayloadFormat.MIME, "native-1", context=context or NormalizeContext())
