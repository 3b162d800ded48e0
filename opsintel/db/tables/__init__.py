"""The tables, declared: columns, tenant column, access, comments, retention and erasure path."""

from opsintel.db.tables import act, analysis, control, events, ingest, issues, marts
from opsintel.db.tables.declaration import Declaration, declaration_of, metadata

__all__ = [
    "Declaration",
    "act",
    "analysis",
    "control",
    "declaration_of",
    "events",
    "ingest",
    "issues",
    "marts",
    "metadata",
]
