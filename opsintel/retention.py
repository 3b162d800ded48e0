"""How long a tenant keeps what: the policy, its bounds, and what is past it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import LiteralString

DEFAULT_JOB_DAYS = 90
DEFAULT_AUDIT_DAYS = 3650
LEAST_AUDIT_DAYS = 365
MOST_DAYS = 36_500


@dataclass(frozen=True, slots=True)
class Retention:
    """Days that each kind of data is kept; None for messages means for ever, for the others as long as the messages."""

    messages: int | None = None
    payloads: int | None = None
    """What providers sent, as it came: needed for nothing once messages are made of it."""

    facts: int | None = None
    """Counts by day, which name nobody but by an id."""

    jobs: int = DEFAULT_JOB_DAYS
    audit: int = DEFAULT_AUDIT_DAYS
    """At least: the log is a chain, and is kept whole."""

    def fault(self) -> tuple[str, str] | None:
        """Return (field, reason) where the policy contradicts itself."""
        if self.messages is None:
            if self.facts is not None:
                return "fact_days", "Messages are kept for ever, and so are the counts of them"
            return None
        if self.payloads is not None and self.payloads > self.messages:
            return "raw_payload_days", "Nothing is kept as it came for longer than its messages"
        if self.facts is not None and self.facts < self.messages:
            return "fact_days", "Counts are kept for as long as the messages that they count, at least"
        return None

    @property
    def payload_days(self) -> int | None:
        """Days that payloads are kept; None for ever."""
        return _least(self.payloads, self.messages)


def _least(one: int | None, other: int | None) -> int | None:
    given = [days for days in (one, other) if days is not None]
    return min(given) if given else None


FROZEN_UNTIL: LiteralString = """
    SELECT (now() AT TIME ZONE 'UTC')::date - retention_days FROM tenant
    WHERE retention_days IS NOT NULL AND fact_days IS NOT NULL AND id = current_setting('app.tenant_id')::uuid
"""
"""The last day whose counts stay as they are, since some of its messages may be gone; no row where there is none."""
