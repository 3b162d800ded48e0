"""Who is meant by a request about a person."""

from __future__ import annotations

from typing import Any, Self
from uuid import UUID

from pydantic import ConfigDict, Field, model_validator

from opsintel.access.accounts import normalized_email
from opsintel_api.models.auth import Email
from opsintel_api.models.common import Parameters

SUBJECT_EXAMPLE: dict[str, Any] = {"email": "ana@example.com"}


class PersonSubject(Parameters):
    """A person, by an address or as the author of messages; all their addresses are meant."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [SUBJECT_EXAMPLE]})

    email: Email | None = Field(None, description="One of the person's e-mail addresses")
    participant_id: UUID | None = Field(None, description="The person as the author of messages")

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.email is None) is (self.participant_id is None):
            raise ValueError("Give `email` or `participant_id`")
        return self

    @property
    def address(self) -> str | None:
        """The address as it is stored."""
        return None if self.email is None else normalized_email(self.email)

    def wanted(self) -> dict[str, Any]:
        """Return the subject as the row of the request keeps it until it is done."""
        return {"participants": [str(self.participant_id)]} if self.address is None else {"address": self.address}
