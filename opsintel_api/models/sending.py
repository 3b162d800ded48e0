"""What a tenant lets go to models."""

from __future__ import annotations

from pydantic import ConfigDict, Field

from opsintel_api.masking import Shown
from opsintel_api.models.common import Answer, Parameters

NOTES = "Whether models read internal notes, which customers do not see"
LOCAL = "Whether no text leaves the machines that the operator names: other models are not asked, nothing is published"
NEAR = "Whether messages that say the same in nearly the same words share one analysis by a model"


class SendingPolicyRequest(Parameters):
    """The policy from now on."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"sends_notes": False, "local_only": True, "shares_near_duplicates": False}]},
    )

    sends_notes: bool = Field(description=NOTES)
    local_only: bool = Field(description=LOCAL)
    shares_near_duplicates: bool = Field(False, description=NEAR)


class SendingPolicy(Answer):
    """A tenant's policy, and what it leaves idle."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"sends_notes": False, "local_only": True, "shares_near_duplicates": False, "idle_keys": ["OpenAI"]}
            ]
        },
    )

    sends_notes: bool = Field(description=NOTES)
    local_only: bool = Field(description=LOCAL)
    shares_near_duplicates: bool = Field(description=NEAR)
    idle_keys: list[Shown] = Field(description="Names of model keys that are not used because of it")
