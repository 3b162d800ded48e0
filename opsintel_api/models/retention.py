"""How long a tenant keeps what."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Field

from opsintel.retention import DEFAULT_AUDIT_DAYS, DEFAULT_JOB_DAYS, LEAST_AUDIT_DAYS, MOST_DAYS, Retention
from opsintel_api.models.common import Answer, Parameters

LEAST_DAYS = 7

POLICY_EXAMPLE: dict[str, Any] = {
    "message_days": 730, "raw_payload_days": 90, "fact_days": 1825, "job_days": 90, "audit_days": 3650,
}  # fmt: skip

Days = Annotated[int, Field(ge=LEAST_DAYS, le=MOST_DAYS)]


class RetentionDays(Parameters):
    """Days that each kind of data is kept."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [POLICY_EXAMPLE]})

    message_days: Days | None = Field(description="Messages and all that hangs on them; null: for ever")
    raw_payload_days: Days | None = Field(description="What providers sent, as it came; null: as long as messages")
    fact_days: Days | None = Field(description="Counts by day, which may outlive messages; null: as long as messages")
    job_days: Days = Field(DEFAULT_JOB_DAYS, description="Jobs and exports that have ended")
    audit_days: Annotated[int, Field(ge=LEAST_AUDIT_DAYS, le=MOST_DAYS)] = Field(
        DEFAULT_AUDIT_DAYS, description="The audit log, at least; it is kept whole"
    )

    def retention(self) -> Retention:
        """Return the policy that is asked for."""
        return Retention(self.message_days, self.raw_payload_days, self.fact_days, self.job_days, self.audit_days)


class PastRetention(Answer):
    """How much is past a policy: it goes with the next run of the schedule, once a day."""

    messages: int
    raw_payloads: int
    facts: int
    jobs: int


class RetentionPolicy(Answer):
    """A tenant's policy, and what is past it now."""

    message_days: int | None
    raw_payload_days: int | None
    fact_days: int | None
    job_days: int
    audit_days: int
    would_go: PastRetention


class RetentionParameters(Parameters):
    """Whether to set the policy, or only to say what would go."""

    preview: bool = Field(False, description="Set nothing; say what would go under this policy")
