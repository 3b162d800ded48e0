"""The kinds of alerts: what each is about, who may read of it, and who is told since they may mend it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

AlertKind = Literal["key.invalid", "budget.warning", "budget.exhausted", "source.unhealthy"]
SubjectKind = Literal["model_key", "budget", "source"]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of alerts. Scopes are those of the routes by which one reads of the subject, and mends it."""

    subject: SubjectKind
    reads: str
    mends: str
    about: str
    """What a letter calls the subject."""


KINDS: Mapping[AlertKind, Kind] = MappingProxyType(
    {
        "key.invalid": Kind("model_key", "model_keys.manage", "model_keys.manage", "Model key"),
        "budget.warning": Kind("budget", "insights.read", "policies.manage", "Ceiling"),
        "budget.exhausted": Kind("budget", "insights.read", "policies.manage", "Ceiling"),
        "source.unhealthy": Kind("source", "insights.read", "sources.manage", "Source"),
    }
)


def notable(scopes: Collection[str]) -> list[AlertKind]:
    """Return the kinds that somebody who holds these scopes may read or mend, and so take note of."""
    return [name for name, kind in KINDS.items() if {kind.reads, kind.mends} & set(scopes)]


def readable(scopes: Collection[str]) -> list[AlertKind]:
    """Return the kinds that somebody who holds these scopes may read."""
    return [name for name, kind in KINDS.items() if kind.reads in scopes]
