"""What a rule of the lint is, and what it finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, LiteralString

Weight = Literal["failed", "warning"]

MIGRATE = "Run `opsintel migrate`, which puts it back"


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that must hold in the catalogue of a migrated database."""

    name: str
    problem: str
    """What is wrong with an object that the rule finds; follows its name in a sentence."""

    query: LiteralString
    """Gives a name for each object that breaks the rule; its parameters are those of `Declared`."""

    remedy: str = MIGRATE
    weight: Weight = "failed"
    """A warning is what an operator of a managed server may have to live with."""


@dataclass(frozen=True, slots=True)
class Finding:
    """An object that breaks a rule."""

    rule: Rule
    subject: str

    def line(self) -> str:
        """Return rule, object and problem in one line."""
        return f"{self.rule.name}: {self.subject} {self.rule.problem}"
