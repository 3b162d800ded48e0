"""What models are asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from opsintel.llm.budget import Work


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: the same words for every call of a purpose (`system`), and those of this one."""

    work: Work
    system: str
    text: str
    schema: Mapping[str, Any]
    max_tokens: int
    insists: bool = False
    """Whether it is asked once more, in the next way, where neither an answer nor its repair is valid."""

    def messages(self) -> list[dict[str, str]]:
        """Return it as a conversation that begins."""
        return [{"role": "system", "content": self.system}, {"role": "user", "content": self.text}]
