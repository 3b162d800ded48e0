"""Machine-readable parts of reports: delivery status (RFC 3464), receipts (RFC 8098), complaints (RFC 5965)."""

from __future__ import annotations

from opsintel_pipeline.normalize.headers import Headers
from opsintel_pipeline.normalize.text import clean_line

_RECIPIENTS_LIMIT = 20
_FIELDS = (
    "final-recipient",
    "original-recipient",
    "action",
    "status",
    "diagnostic-code",
    "disposition",
    "feedback-type",
    "remote-mta",
    "original-message-id",
)


def read_report(data: bytes) -> tuple[list[dict[str, str]], bool]:
    """Return the fields of each recipient, and whether the delivery to one of them failed for good."""
    recipients: list[dict[str, str]] = []
    failed = False
    for block in data.replace(b"\r\n", b"\n").strip().split(b"\n\n")[: _RECIPIENTS_LIMIT + 1]:
        headers = Headers(block + b"\n")
        fields = {name.replace("-", "_"): clean_line(headers.raw(name), 500) for name in _FIELDS if name in headers}
        if not fields:
            continue
        recipients.append(fields)
        action = fields.get("action", "").lower()
        failed = failed or action.startswith("failed") or (not action and fields.get("status", "").startswith("5"))
    return recipients, failed
