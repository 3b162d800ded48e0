"""The tables, declared: columns, tenant column, access, comments, retention and erasure path."""

from opsintel.db.tables import (
    accounts,
    act,
    analysis,
    analysts,
    audit,
    control,
    coordination,
    events,
    filters,
    ingest,
    issues,
    keys,
    llm,
    marts,
    objects,
    people,
)
from opsintel.db.tables.declaration import Declaration, declaration_of, metadata

__all__ = [
    "Declaration",
    "accounts",
    "act",
    "analysis",
    "analysts",
    "audit",
    "control",
    "coordination",
    "declaration_of",
    "events",
    "filters",
    "ingest",
    "issues",
    "keys",
    "llm",
    "marts",
    "metadata",
    "objects",
    "people",
]
