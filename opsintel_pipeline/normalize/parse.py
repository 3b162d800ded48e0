"""The one way from raw bytes to a canonical message; pure: no clock but for future dates, no network, no database."""

from __future__ import annotations

from opsintel.connectors.contract import PayloadFormat
from opsintel.events.message import CanonicalMessage
from opsintel_pipeline.normalize.context import NormalizeContext
from opsintel_pipeline.normalize.mime import parse_mime
from opsintel_pipeline.normalize.record import parse_record
from opsintel_pipeline.normalize.slack import parse_slack

__all__ = ["NormalizeContext", "parse_payload"]


def parse_payload(
    payload: bytes, format: PayloadFormat, native_id: str, *, context: NormalizeContext
) -> CanonicalMessage:
    """Return the canonical message of one item as its connector stored it.

    Raises `ItemError` only when there is nothing to read at all; whatever else is wrong is named in `defects`.
    """
    match format:
        case PayloadFormat.MIME:
            return parse_mime(payload, native_id, context)
        case PayloadFormat.SLACK:
            return parse_slack(payload, native_id, context)
        case PayloadFormat.RECORD:
            return parse_record(payload, native_id, context)
