"""Which models analyse is changed through the gate too: what was not measured needs a person's reason."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from opsintel.access.audit import Actor, Entry, Subject, record
from opsintel.errors import ConflictError
from opsintel.ids import new_id
from opsintel.learning.promotion import refusal
from opsintel.llm.chain import chain_of, reorder_chain
from opsintel.llm.provider import Purpose

UNMEASURED = "Nobody has corrected or confirmed anything yet: these models were not measured before they are in force"

_TRIED = """
    SELECT run.id, run.state = 'promoted' OR loss <= tenant.promotion_margin
    FROM shadow_run AS run JOIN tenant ON tenant.id = run.tenant_id
    WHERE run.chain = %s AND run.taxonomy_version IS NULL AND run.state IN ('measured', 'promoted')
      AND run.created_at >= coalesce((SELECT max(promoted_at) FROM taxonomy), '-infinity')
    ORDER BY 2 DESC, run.created_at DESC LIMIT 1
"""
"""The run that says most for a chain, and whether it is let through; a taxonomy in force since makes it void."""


def set_chain(
    connection: psycopg.Connection,
    tenant_id: UUID,
    purpose: Purpose,
    models: Sequence[tuple[UUID, str]],
    author: Actor,
    override: str = "",
) -> str:
    """Replace a chain by these (key, model), in the caller's transaction; return what is to be known of it, mostly "".

    The chain that analyses is held, where there is a gold set, until a shadow run of it lost no more than the margin;
    `override` is a reason to put it in force all the same. The same models by other keys are no change: a key that is
    dead is replaced at once. Raises `ConflictError` for what is held, `InputError` for what is no chain.
    """
    before = _models_of(connection) if purpose == "analyse" else []
    reorder_chain(connection, tenant_id, purpose, models, author)
    if purpose != "analyse" or _models_of(connection) == before:
        return ""
    if connection.execute("SELECT FROM gold_set LIMIT 1").fetchone() is None:
        return UNMEASURED
    chain = Jsonb([{"key_id": str(key_id), "model": model} for key_id, model in models])
    tried = connection.execute(_TRIED, (chain,)).fetchone()
    if tried is not None and tried[1]:
        return ""
    if not override:
        why = "These models were not tried on the gold set" if tried is None else refusal(connection, tried[0])
        raise ConflictError(why, remedy="Try them in a shadow run and promote that, or give a reason to override")
    run_id = new_id()
    connection.execute(
        "INSERT INTO shadow_run (tenant_id, id, chain, state, is_overridden, reason, actor_kind, actor_id, promoted_at)"
        " VALUES (%s, %s, %s, 'promoted', true, %s, %s, %s, now())",
        (tenant_id, run_id, chain, override, author.kind, author.id),
    )
    record(connection, Entry(tenant_id, author, "shadow_run.overridden", Subject("shadow_run", str(run_id))))
    return "These models are in force by a person's reason, not by what was measured"


def _models_of(connection: psycopg.Connection) -> list[tuple[str, str]]:
    return [(link.provider, link.model) for link in chain_of(connection, "analyse")]
