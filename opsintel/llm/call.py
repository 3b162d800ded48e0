"""A call of a model and its answer, as they cross the pipe between whoever wants it and the process that makes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any
from uuid import UUID

from opsintel.crypto.secrets import Secret
from opsintel.errors import RetriableError


class Way(StrEnum):
    """What is asked for: an answer in the form of a schema, in three ways, or vectors of the texts."""

    SCHEMA = "schema"
    TOOL = "tool"
    JSON = "json"
    VECTORS = "vectors"


ANSWERS = (Way.SCHEMA, Way.TOOL, Way.JSON)
"""The ways to get an answer in the form of a schema, the most reliable first."""


class Fault(StrEnum):
    """Why a call gave no answer; the same whatever the provider says it by."""

    CREDENTIAL = "credential"
    QUOTA = "quota"
    LIMITED = "limited"
    MODEL = "model"
    UNREACHABLE = "unreachable"
    WAY = "way"
    LENGTH = "length"
    REFUSED = "refused"


class ModelError(RetriableError):
    """A call gave no answer. `seconds`: when the provider wants to be asked again, None where it does not say.

    `may_be_paid`: the request may have reached the provider, and nobody knows what it charges.
    """

    code = "model_failed"

    def __init__(
        self,
        fault: Fault,
        message: str,
        *,
        remedy: str = "",
        seconds: float | None = None,
        may_be_paid: bool = False,
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.fault = fault
        self.seconds = seconds
        self.may_be_paid = may_be_paid

    def frame(self) -> dict[str, Any]:
        """Return the error as JSON has it."""
        return {
            "fault": self.fault.value, "message": self.message, "remedy": self.remedy, "seconds": self.seconds,
            "may_be_paid": self.may_be_paid,
        }  # fmt: skip

    @staticmethod
    def of(frame: Mapping[str, Any]) -> ModelError:
        """Return the error of a frame."""
        rest = {name: frame[name] for name in ("remedy", "seconds", "may_be_paid")}
        return ModelError(Fault(frame["fault"]), frame["message"], **rest)


@dataclass(frozen=True, slots=True)
class Call:
    """One request to a model.

    `messages` are `{"role": system|user|assistant, "content": text}`; a system message comes first. `key` is the
    SHA-256 (hex) of all that the answer depends on: the same call is made once.
    """

    tenant_id: UUID
    key: str
    provider: str
    base_url: str
    model: str
    messages: tuple[Mapping[str, str], ...]
    max_tokens: int
    seconds: float
    """Time for the whole exchange."""

    schema: Mapping[str, Any] | None = None
    """JSON Schema of the answer; None asks for text. Vectors have none."""

    way: Way = Way.SCHEMA
    api_key: Secret | None = field(default=None, repr=False)

    def frame(self) -> dict[str, Any]:
        """Return the call as JSON has it, with the key in clear: for the pipe only."""
        return {
            "tenant_id": str(self.tenant_id),
            "key": self.key,
            "provider": self.provider,
            "base_url": self.base_url,
            "model": self.model,
            "messages": [dict(message) for message in self.messages],
            "max_tokens": self.max_tokens,
            "seconds": self.seconds,
            "schema": self.schema and dict(self.schema),
            "way": self.way.value,
            "api_key": self.api_key and self.api_key.reveal().decode(),
        }

    @staticmethod
    def of(frame: Mapping[str, Any]) -> Call:
        """Return the call of a frame."""
        secret = frame["api_key"]
        return Call(
            **{
                **frame,
                "tenant_id": UUID(frame["tenant_id"]),
                "messages": tuple(frame["messages"]),
                "way": Way(frame["way"]),
                "api_key": None if secret is None else Secret(secret.encode()),
            }
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model answered; vectors are packed (packed.py).

    Tokens are those the provider counted; cached and written are part of `tokens_in`.
    """

    content: str
    is_cut: bool
    """Whether it ends because `max_tokens` were reached."""

    tokens_in: int
    tokens_out: int
    tokens_cached: int
    latency_ms: int
    is_refused: bool = False
    """Whether the model, or its provider, declines; `content` says nothing then. It costs what an answer costs."""

    tokens_written: int = 0
    """What the provider put into its cache."""

    was_kept: bool = False
    """Whether it was paid for before, by a process that ended before it could use it."""

    def frame(self) -> dict[str, Any]:
        """Return the answer as JSON has it."""
        return asdict(self)

    @staticmethod
    def of(frame: Mapping[str, Any]) -> Answer:
        """Return the answer of a frame."""
        return Answer(**frame)
