"""`opsintel analyse shadow` and `promote`: what is new is measured before it is in force."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import typer

from opsintel.cli.main import print_json
from opsintel.cli.tenant_context import opened
from opsintel.errors import FatalError, InputError

Slug = Annotated[str, typer.Option("--tenant", metavar="TENANT", help="Short name of the tenant")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document for machines")]

_FOUND = (
    "SELECT run.id, run.taxonomy_version, run.profile_version, run.state, run.gold_version, run.figures, run.loss,"
    " tenant.promotion_margin AS margin, run.calls, run.cost_usd, run.error"
    " FROM shadow_run AS run JOIN tenant ON tenant.id = run.tenant_id WHERE run.id = %s"
)


def shadow(
    tenant: Slug,
    taxonomy: Annotated[
        int | None, typer.Option(metavar="VERSION", min=1, help="Version of the taxonomy; without it the one in force")
    ] = None,
    models: Annotated[
        list[str] | None,
        typer.Option("--model", metavar="KEY=MODEL", help="Models in their order; without it those in force"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Try a version on what people have corrected and confirmed; nothing is stored but how right it was."""
    from opsintel.access.audit import SYSTEM
    from opsintel.learning import promotion
    from opsintel.llm.keys import key_named
    from opsintel_pipeline.analyze.shadow import perform

    pairs = [one.partition("=") for one in models or ()]
    if not all(key and model for key, _, model in pairs):
        raise InputError("A model is given as KEY=MODEL", remedy="opsintel key list names the keys")
    with opened(tenant) as (context, found):
        with context.database.tenant_tx(found.id) as connection:
            chain = tuple((key_named(connection, key).id, model) for key, _, model in pairs) or None
            run_id = promotion.ask_for(connection, found.id, SYSTEM, promotion.Candidate(taxonomy, chain))
        perform(context, found.id, run_id)
        with context.database.tenant_tx(found.id) as connection:
            cursor = connection.execute(_FOUND, (run_id,))
            row = cursor.fetchone()
            assert row is not None
            names = [column.name for column in cursor.description or ()]
            refusal = promotion.refusal(connection, run_id)
    _say(dict(zip(names, row, strict=True)), refusal, as_json=as_json)


def promote(
    run: Annotated[UUID, typer.Argument(metavar="RUN", help="Id that `shadow` prints")],
    tenant: Slug,
    override: Annotated[str, typer.Option(metavar="TEXT", help="Why it is promoted though it loses too much")] = "",
) -> None:
    """Put what a run tried in force; refused with the figures where a field loses more than the tenant's margin."""
    from opsintel.access.audit import SYSTEM
    from opsintel.learning import promotion

    with opened(tenant) as (context, found), context.database.tenant_tx(found.id) as connection:
        promotion.promote(connection, found.id, SYSTEM, run, override)
    typer.echo(f"{run} is in force: what is analysed from now on goes by it")


def _say(run: dict[str, Any], refusal: str, *, as_json: bool) -> None:
    if as_json:
        cost = float(run["cost_usd"])
        print_json({**run, "cost_usd": cost, "may_be_promoted": not refusal})
    if run["state"] == "failed":
        raise FatalError(run["error"], remedy="Correct or confirm some analyses first, or opsintel key test")
    if as_json:
        return
    typer.echo(f"Run {run['id']}, on version {run['gold_version']} of the gold set:")
    for field, each in sorted(run["figures"].items()):
        typer.echo(f"  {field}: {each['present']:.3f} → {each['tried']:.3f} on {each['examples']} examples")
    typer.echo(refusal or f"It may be promoted: opsintel analyse promote {run['id']}")
