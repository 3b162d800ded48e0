"""Learned rules: proposed from corrections that repeat, accepted by a person, undone at any time."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from opsintel_api.masking import Shown
from opsintel_api.models.common import Answer, NextCursor, PageParameters
from opsintel_api.models.corrections import CorrectedField
from opsintel_api.models.erasures import AskedBy

RuleState = Literal["proposed", "accepted", "rejected", "undone"]

RULE_EXAMPLE: dict[str, Any] = {
    "id": "01993c5e-7c00-7000-8000-00000000000f",
    "scope": "subject",
    "pattern": "wrong tax on invoice #",
    "field": "kind",
    "value": "billing",
    "corrections": 3,
    "state": "proposed",
    "decided_by": None,
    "created_at": "2026-11-23T09:00:00Z",
    "decided_at": None,
    "is_settled": True,
}
DETAIL_EXAMPLE: dict[str, Any] = {
    **RULE_EXAMPLE,
    "evidence": [
        {
            "message_id": "01993c5e-7c00-7000-8000-000000000002",
            "subject": "Wrong tax on invoice 4417",
            "value": "billing",
            "is_correction": True,
        }
    ],
    "changes": {
        "messages": 12,
        "samples": [
            {
                "message_id": "01993c5e-7c00-7000-8000-000000000002",
                "subject": "Wrong tax on invoice 4420",
                "shown": "complaint",
            }
        ],
    },
}


class LearnedRule(Answer):
    """A rule. One that is accepted stands over what was found, and below what a person says of a message."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [RULE_EXAMPLE]})

    id: UUID
    scope: Literal["sender", "subject", "organization"]
    pattern: str | None = Field(
        description="The sender's address, the subject with its numbers as #, or the organisation's domain"
    )
    field: CorrectedField
    value: Shown | int | None
    corrections: int = Field(description="Corrections that say so, when it was proposed")
    state: RuleState
    decided_by: AskedBy | None
    created_at: datetime
    decided_at: datetime | None
    is_settled: bool = Field(description="Whether all messages that it goes for show what was decided")


class RuleEvidence(Answer):
    """What a person said of a message that the rule goes for."""

    message_id: UUID
    subject: str
    value: Shown | int | None
    is_correction: bool = Field(description="Whether it was corrected to that; else it was confirmed in a review")


class ChangedMessage(Answer):
    """A message that a rule changes."""

    message_id: UUID
    subject: str
    shown: Shown | int | None = Field(description="What the field is without the rule")


class RuleChanges(Answer):
    """What a rule changes, or would change, of the messages of the last 30 days."""

    messages: int
    samples: list[ChangedMessage] = Field(description="The latest of them, 10 at most")


class LearnedRuleDetail(LearnedRule):
    """A rule with its evidence and what it changes."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [DETAIL_EXAMPLE]})

    evidence: list[RuleEvidence] = Field(description="The latest 20, those to the contrary too")
    changes: RuleChanges


class LearnedRulePage(Answer):
    """A page of rules, latest first."""

    items: list[LearnedRule]
    next_cursor: NextCursor


class RuleParameters(PageParameters):
    """Which rules."""

    state: RuleState | None = None
