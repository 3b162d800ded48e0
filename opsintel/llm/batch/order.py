"""A step with a batch and what came of it, as they cross the pipe between the worker and the process that calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal
from uuid import UUID

from opsintel.crypto.secrets import Secret
from opsintel.llm.call import Answer, Call, ModelError

SECONDS = 300.0
"""Time for a whole step: some hundred megabytes may go up or come down."""

Result = Answer | ModelError
State = Literal["running", "ended", "refused", "full"]
"""Of a batch at its provider. `refused`: it began none of it; `full`: likewise, as too much waits there already."""


class Step(StrEnum):
    """What is done with a batch at its provider."""

    SUBMIT = "submit"
    FIND = "find"
    LOOK = "look"
    COLLECT = "collect"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Order:
    """One step. `batch_id` is our own id, `remote_id` the provider's, '' where that is not known yet."""

    step: Step
    batch_id: UUID
    provider: str
    base_url: str
    model: str
    remote_id: str = ""
    calls: Mapping[str, Call] = field(default_factory=dict)
    """What is submitted, by the id of each question."""

    count: int = 0
    """How many questions the batch has: what is looked for where a provider keeps no name of ours."""

    begun_at: datetime | None = None
    """When it was first submitted."""

    others: tuple[str, ...] = ()
    """Batches of the key that are known, and so are not the one looked for."""

    api_key: Secret | None = field(default=None, repr=False)
    seconds: float = SECONDS

    def frame(self) -> dict[str, Any]:
        """Return the order as JSON has it, with the key in clear: for the pipe only."""
        return {
            "step": self.step.value, "batch_id": str(self.batch_id), "provider": self.provider,
            "base_url": self.base_url, "model": self.model, "remote_id": self.remote_id,
            "calls": {name: call.frame() for name, call in self.calls.items()}, "count": self.count,
            "begun_at": self.begun_at and self.begun_at.isoformat(), "others": list(self.others),
            "api_key": self.api_key and self.api_key.reveal().decode(), "seconds": self.seconds,
        }  # fmt: skip

    @staticmethod
    def of(frame: Mapping[str, Any]) -> Order:
        """Return the order of a frame."""
        begun, secret = frame["begun_at"], frame["api_key"]
        return Order(
            **{
                **frame,
                "step": Step(frame["step"]),
                "batch_id": UUID(frame["batch_id"]),
                "calls": {name: Call.of(call) for name, call in frame["calls"].items()},
                "begun_at": begun and datetime.fromisoformat(begun),
                "others": tuple(frame["others"]),
                "api_key": None if secret is None else Secret(secret.encode()),
            }
        )


@dataclass(frozen=True, slots=True)
class Told:
    """What came of a step: `remote_id` of SUBMIT and FIND ('': there is none), `state` of LOOK and REMOVE, `results`
    of COLLECT by the id of each question; those that are missing came in no form that can be read."""

    remote_id: str = ""
    state: State = "running"
    results: Mapping[str, Result] = field(default_factory=dict)

    def frame(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        results = {
            name: {"fault" if isinstance(result, ModelError) else "answer": result.frame()}
            for name, result in self.results.items()
        }
        return {"remote_id": self.remote_id, "state": self.state, "results": results}

    @staticmethod
    def of(frame: Mapping[str, Any]) -> Told:
        """Return what a frame says."""
        results: dict[str, Result] = {
            name: ModelError.of(each["fault"]) if "fault" in each else Answer.of(each["answer"])
            for name, each in frame["results"].items()
        }
        return Told(frame["remote_id"], frame["state"], results)
