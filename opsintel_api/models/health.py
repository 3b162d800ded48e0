"""Health of the process."""

from __future__ import annotations

from typing import Literal

from opsintel_api.models.common import Answer


class Health(Answer):
    """The process answers."""

    status: Literal["ok"]


class Readiness(Answer):
    """Whether the process can serve, by part; degraded: it does, without a part that it can do without."""

    status: Literal["ready", "degraded", "not_ready"]
    checks: dict[str, str]
