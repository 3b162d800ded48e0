"""The gate: a new version runs beside what is in force, on the gold set, and is promoted only if it loses too little.

What is new is a version of the taxonomy, other models, or what an installed release tells models (prompt, schema). Of
each field the share that is right is compared, on the same messages; the largest loss of any field counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from opsintel.access.audit import Actor, Entry, Subject, record
from opsintel.db.engine import Database
from opsintel.errors import ConflictError, InputError, NotFoundError
from opsintel.ids import new_id
from opsintel.llm.chain import links_of, reorder_chain
from opsintel.taxonomy.kept import id_of_version
from opsintel.taxonomy.kept import promote as put_in_force

if TYPE_CHECKING:
    from opsintel.learning.metrics import Comparison

LEASE = timedelta(minutes=30)
"""How long one may take; after it, whoever had it in hand is taken for dead."""

Models = Sequence[tuple[UUID, str]]
_WAITING = "SELECT tenant_id, id FROM shadow_run WHERE state IN ('waiting', 'running') ORDER BY created_at, id LIMIT 20"

_HELD = """
    SELECT version FROM taxonomy
    WHERE id = %s AND promoted_at IS NULL AND EXISTS (SELECT FROM gold_set)
      AND NOT EXISTS (
        SELECT FROM shadow_run JOIN tenant ON tenant.id = shadow_run.tenant_id
        WHERE taxonomy_version = taxonomy.version AND chain IS NULL AND shadow_run.state IN ('measured', 'promoted')
          AND loss <= promotion_margin)
"""


@dataclass(frozen=True, slots=True)
class Candidate:
    """What is tried; None: what is in force."""

    taxonomy_version: int | None = None
    models: tuple[tuple[UUID, str], ...] | None = None


def ask_for(connection: psycopg.Connection, tenant_id: UUID, author: Actor, candidate: Candidate) -> UUID:
    """Have a candidate tried, in the caller's transaction; return the id of its run.

    Raises `NotFoundError` for a version or key that is none of the tenant's, `InputError` for no models at all.
    """
    if candidate.models is not None and not candidate.models:
        raise InputError("A chain has at least one model", remedy="Name a model, or leave the chain as it is")
    if candidate.taxonomy_version is not None:
        id_of_version(connection, candidate.taxonomy_version)
    links_of(connection, candidate.models or ())
    run_id = new_id()
    chain = None if candidate.models is None else [{"key_id": str(k), "model": m} for k, m in candidate.models]
    connection.execute(
        "INSERT INTO shadow_run (tenant_id, id, taxonomy_version, chain, actor_kind, actor_id)"
        " VALUES (%s, %s, %s, %s, %s, %s)",
        (
            tenant_id, run_id, candidate.taxonomy_version, None if chain is None else Jsonb(chain), author.kind,
            author.id,
        ),
    )  # fmt: skip
    record(connection, Entry(tenant_id, author, "shadow_run.asked", Subject("shadow_run", str(run_id))))
    return run_id


def waiting(database: Database) -> list[tuple[UUID, UUID]]:
    """Return (tenant, run) of what has not ended, oldest first."""
    with database.system_tx() as connection:
        return connection.execute(_WAITING).fetchall()


def take(connection: psycopg.Connection, run_id: UUID) -> Candidate | None:
    """Take a run in hand; None where another process has it, or it is over."""
    row = connection.execute(
        "UPDATE shadow_run SET state = 'running', started_at = now() WHERE id = %s AND (state = 'waiting'"
        " OR (state = 'running' AND started_at < now() - %s)) RETURNING taxonomy_version, chain",
        (run_id, LEASE),
    ).fetchone()
    return None if row is None else Candidate(row[0], _models(row[1]))


def measured(
    connection: psycopg.Connection,
    run_id: UUID,
    gold_version: int,
    profile_version: str,
    comparison: Comparison,
    spent: tuple[int, Decimal],
) -> None:
    """Keep what a run found, in the caller's transaction; `spent` are calls and USD."""
    connection.execute(
        "UPDATE shadow_run SET state = 'measured', gold_version = %s, profile_version = %s, figures = %s, loss = %s,"
        " calls = %s, cost_usd = %s, measured_at = now() WHERE id = %s",
        (gold_version, profile_version, Jsonb(dict(comparison.figures)), comparison.loss, *spent, run_id),
    )


def fail(connection: psycopg.Connection, run_id: UUID, error: str) -> None:
    """Say why a run could not be measured, in the caller's transaction."""
    connection.execute(
        "UPDATE shadow_run SET state = 'failed', error = %s, measured_at = now() WHERE id = %s", (error, run_id)
    )


def put_off(connection: psycopg.Connection, run_id: UUID, error: str, pause: timedelta, most: int) -> None:
    """End a run that failed on our side; whoever asked may ask again. `pause` and `most` are for what is tried anew."""
    del pause, most
    fail(connection, run_id, error)


def refusal(connection: psycopg.Connection, run_id: UUID) -> str:
    """Return why a run may not be promoted without an override; "" where it may. `NotFoundError` for none."""
    row = connection.execute(
        "SELECT shadow_run.state, loss, promotion_margin, figures, error FROM shadow_run JOIN tenant"
        " ON tenant.id = shadow_run.tenant_id WHERE shadow_run.id = %s",
        (run_id,),
    ).fetchone()
    if row is None:
        raise NotFoundError("There is no such run")
    state, loss, margin, figures, error = row
    if state == "failed":
        return f"It was not measured: {error}"
    if state != "measured":
        return f"It is {state}"
    if loss <= margin:
        return ""
    worse = [
        f"{field} {each['present']:.3f} → {each['tried']:.3f} on {each['examples']} examples"
        for field, each in sorted(figures.items())
        if each["present"] - each["tried"] > margin
    ]
    return f"It loses more than the margin of {margin:g}: {'; '.join(worse)}"


def promote(connection: psycopg.Connection, tenant_id: UUID, author: Actor, run_id: UUID, override: str = "") -> None:
    """Put what a run tried in force, in the caller's transaction; `override` says why, where it loses too much.

    Raises `ConflictError` with the figures where it does and nobody overrides that, and for one that has not ended or
    is in force already. What was analysed stays; what comes goes by it.
    """
    row = connection.execute(
        "SELECT state, taxonomy_version, chain, loss FROM shadow_run WHERE id = %s FOR UPDATE", (run_id,)
    ).fetchone()
    if row is None:
        raise NotFoundError("There is no such run")
    state, taxonomy_version, chain, loss = row
    if why := refusal(connection, run_id):
        if state not in ("measured", "failed"):
            raise ConflictError(why, remedy="Only a run that was measured is promoted, once")
        if not override:
            raise ConflictError(why, remedy="Override it with a reason, or try something else")
    if taxonomy_version is not None:
        put_in_force(connection, tenant_id, id_of_version(connection, taxonomy_version), author)
    if (models := _models(chain)) is not None:
        links_of(connection, models)
        reorder_chain(connection, tenant_id, "analyse", models, author)
    connection.execute(
        "UPDATE shadow_run SET state = 'promoted', promoted_at = now(), is_overridden = %s, reason = %s WHERE id = %s",
        (bool(why), override if why else "", run_id),
    )
    action = "shadow_run.overridden" if why else "shadow_run.promoted"
    record(connection, Entry(tenant_id, author, action, Subject("shadow_run", str(run_id)), {"loss": loss}))


def put_taxonomy_in_force(connection: psycopg.Connection, tenant_id: UUID, taxonomy_id: UUID, author: Actor) -> None:
    """Put a version of the taxonomy in force, in the caller's transaction, unless the gate holds it.

    It holds a version that was never in force, of a tenant with a gold set, until a run of it alone lost no more than
    the margin: `ConflictError`. Raises `NotFoundError` for none of the tenant's.
    """
    held = connection.execute(_HELD, (taxonomy_id,)).fetchone()
    if held is not None:
        raise ConflictError(
            f"Version {held[0]} of the taxonomy was not tried on the gold set, or loses more than the margin",
            remedy="Try it in a shadow run, and promote that: a reason overrides its figures",
        )
    put_in_force(connection, tenant_id, taxonomy_id, author)


def set_margin(database: Database, tenant_id: UUID, margin: float, author: Actor) -> None:
    """Set how much accuracy a version may lose in a field and be promoted all the same, from 0 to 1."""
    if not 0 <= margin <= 1:
        raise InputError("A margin is a share from 0 to 1", remedy="0.01 lets a version lose one example of 100")
    with database.system_tx() as connection:
        connection.execute("UPDATE tenant SET promotion_margin = %s WHERE id = %s", (margin, tenant_id))
        subject = Subject("policy", "promotion")
        record(connection, Entry(tenant_id, author, "policy.promotion_changed", subject, {"margin": margin}))


def margin_of(connection: psycopg.Connection, tenant_id: UUID) -> float:
    """Return how much accuracy a version of the tenant may lose in a field and be promoted all the same."""
    row = connection.execute("SELECT promotion_margin FROM tenant WHERE id = %s", (tenant_id,)).fetchone()
    assert row is not None
    return float(row[0])


def _models(chain: list[dict[str, Any]] | None) -> tuple[tuple[UUID, str], ...] | None:
    return None if chain is None else tuple((UUID(one["key_id"]), one["model"]) for one in chain)
