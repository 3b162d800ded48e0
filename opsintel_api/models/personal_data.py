"""What becomes of personal data in answers: the tenant's policy, and the request to see one message unmasked."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from opsintel_api.models.common import Answer, Parameters

Policy = Literal["shown", "masked", "revealed"]
DESCRIPTION = (
    "shown: to everyone who may read message text; masked: unless it was granted to see it; revealed: masked for"
    " everyone, who may see it reveals one message at a time"
)


class PersonalDataPolicy(Answer):
    """A tenant's policy."""

    policy: Policy = Field(description=DESCRIPTION)


class PersonalDataPolicyRequest(Parameters):
    """The policy from now on."""

    policy: Policy = Field(description=DESCRIPTION)


class RevealRequest(Parameters):
    """Why a message has to be seen unmasked; kept in the audit log, so name nobody in it."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"reason": "Refund of ticket 4417"}]})

    reason: Annotated[str, Field(min_length=3, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*\S[^\x00-\x1f\x7f]*$")]
