"""What the product reads by a form of its own: everything else is made from the declarations alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from opsintel.clock import now

if TYPE_CHECKING:
    from tests.isolation.world import TenantOfWorld

ROWS = 3
"""Rows of a table for each tenant: enough for a page of one and a cursor to the next."""


def _output(text: str, _place: int) -> Jsonb:
    """Return an analysis by its schema."""
    return Jsonb(
        {
            "category_path": [text],
            "evidence": [{"field": "kind", "quote": text, "start": 0, "end": len(text)}],
            "entities": [{"type": text, "value": text}],
            "action_items": [{"text": text, "owner_hint": text, "due": text, "quote": text}],
            "asks": [{"type": text, "quote": text}],
            "pii": [{"type": text, "count": 1}],
            "injection_quote": text,
            "confidence": {"kind": 0.5},
        }
    )


def _announcement(text: str, place: int) -> Jsonb:
    """Return what the relay takes for an announcement."""
    return Jsonb({"version": 1, "day": f"2026-01-0{place + 1}", "reason": text, "first_stage": "marts"})


def _filter(text: str, _place: int) -> Jsonb:
    """Return the tree of a filter."""
    return Jsonb({"version": 1, "tree": {"op": "words", "field": "any", "text": text}})


def _categories(text: str, _place: int) -> Jsonb:
    """Return what a version of a taxonomy says."""
    return Jsonb([{"path": [text], "description": text, "examples": [text]}])


SHAPES: dict[tuple[str, str], Callable[[str, int], Any]] = {
    ("analysis", "output"): _output,
    ("analysis", "corrected"): lambda _text, _place: Jsonb({}),
    ("correction", "old_value"): lambda _text, _place: Jsonb("other"),
    ("correction", "new_value"): lambda _text, _place: Jsonb("billing"),
    ("shadow_run", "figures"): lambda _text, _place: Jsonb({"kind": {"examples": 1, "present": 1, "tried": 1}}),
    ("shadow_run", "chain"): lambda _text, _place: None,
    ("learned_rule", "value"): lambda text, _place: Jsonb(text),
    ("audit_log", "action"): lambda _text, _place: "source.seeded",
    ("audit_log", "subject_kind"): lambda _text, _place: "source",
    ("source", "kind"): lambda _text, _place: "mbox",
    ("source", "filtered_at"): lambda _text, _place: now(),
    ("filter_version", "tree"): _filter,
    ("invitation", "expires_at"): lambda _text, _place: now() + timedelta(days=7),
    ("taxonomy", "categories"): _categories,
    ("outbox", "topic"): lambda _text, _place: "partition.dirty",
    ("outbox", "payload"): _announcement,
    ("queue_message", "topic"): lambda _text, _place: "partition.dirty",
    ("queue_message", "payload"): _announcement,
}
"""By table and column, or by ("*", column) for a column of any table."""

WORD = "alarm"
"""A word of every text of every tenant: who searches for it finds all that he may see."""

WITHOUT_TEXT = frozenset(
    {
        "GET /v1/events",
        "GET /v1/gold-sets",
        "GET /v1/policies/personal-data",
        "GET /v1/policies/promotion",
        "GET /v1/policies/retention",
        "GET /v1/policies/sending",
        "GET /v1/source-kinds",
        "GET /v1/taxonomy-defaults",
    }
)
"""Routes whose answers hold neither text nor ids of their tenant, so that no canary can stand in them."""

ROWS_OF = {"dry_run_id": "erasure"}
"""Whose rows a parameter names that is not called after their table."""

PARAMETERS: dict[str, Callable[[TenantOfWorld], str]] = {
    "tenant": lambda tenant: tenant.canary,
    "tenant_id": lambda tenant: str(tenant.id),
}
"""What a parameter of a route takes that names something of a tenant by another value than an id of a row."""
