"""How many calls groups save on labelled lines, and how often a line gets the analysis of another template."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from opsintel_pipeline.analyze.templates.groups import Groups


@dataclass(frozen=True, slots=True)
class Reuse:
    """What groups do with one set of lines."""

    lines: int
    groups: int
    saved: float
    """Share of lines that need no call of their own: every line but the first of each group."""
    wrong: float
    """Share of all lines whose group's first line, the one that is analysed, bears another label."""


def reuse_of(texts: Sequence[str], labels: Sequence[str]) -> Reuse:
    """Return what is saved, and what goes wrong, when lines are grouped one by one in their order."""
    groups = Groups()
    label_of: dict[str, str] = {}
    wrong = 0
    for text, label in zip(texts, labels, strict=True):
        wrong += label_of.setdefault(groups.key_of(text), label) != label
    lines = len(texts)
    return Reuse(lines, len(label_of), round(1 - len(label_of) / lines, 4), round(wrong / lines, 4))
