"""What the analyses of a partition took."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from opsintel.llm.ask import Asked


@dataclass(slots=True)
class Figures:
    """Calls, USD, and what became of messages."""

    calls: int = 0
    reused: int = 0
    parked: int = 0
    failed: int = 0
    cost_usd: float = 0.0

    def add(self, asked: Asked[Any]) -> None:
        """Count a question that was answered."""
        self.calls += asked.attempts
        self.cost_usd += float(asked.cost_usd or 0)
