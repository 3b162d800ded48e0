"""`opsintel learn`: rules that corrections suggest."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from opsintel.cli.main import print_json
from opsintel.cli.tenant_context import opened
from opsintel.errors import NotFoundError, one_line

if TYPE_CHECKING:
    from opsintel.learning.deciding import State

app = typer.Typer(add_completion=False, no_args_is_help=True)

Slug = Annotated[str, typer.Option("--tenant", metavar="TENANT", help="Short name of the tenant")]
Rule = Annotated[UUID, typer.Argument(metavar="RULE", help="Id that `rules` shows")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document for machines")]

_RULES = """
    SELECT id, state, scope, CASE scope WHEN 'subject' THEN key
        WHEN 'organization' THEN (SELECT domain FROM organization WHERE organization.id::text = rule.key)
        ELSE (SELECT min(value) FROM participant_identity AS one WHERE one.participant_id = rule.participant_id)
        END AS pattern, field, value, corrections
    FROM learned_rule AS rule WHERE %(rule)s::uuid IS NULL OR id = %(rule)s ORDER BY created_at DESC, id DESC
"""


@app.callback()
def learn() -> None:
    """Rules proposed from corrections that repeat: show, accept, reject, undo."""


@app.command("rules")
def list_rules(tenant: Slug, as_json: AsJson = False) -> None:
    """List the rules of a tenant, the latest first, with what became of them."""
    found = _rules(tenant, None)
    if as_json:
        print_json(found)
        return
    for rule in found:
        typer.echo(f"{rule['id']}  {_line(rule)}")
    if not found:
        typer.echo("No rule is proposed")


@app.command("show")
def show_rule(rule: Rule, tenant: Slug, as_json: AsJson = False) -> None:
    """Show a rule, what people said, and what it changes, or would change, of the last 30 days."""
    from opsintel.learning.rules import effect, evidence

    found = _rules(tenant, rule)
    if not found:
        raise NotFoundError("There is no such rule", remedy="opsintel learn rules")
    with opened(tenant) as (context, of), context.database.tenant_tx(of.id) as connection:
        told, changes = evidence(connection, rule), effect(connection, rule)
    if as_json:
        samples = [dict(zip(("message_id", "subject", "shown"), one, strict=True)) for one in changes.samples]
        print_json(
            {**found[0], "evidence": [one._asdict() for one in told],
             "changes": {"messages": changes.messages, "samples": samples}}
        )  # fmt: skip
        return
    typer.echo(_line(found[0]))
    for one in told:
        how = "corrected to" if one.is_correction else "confirmed as"
        typer.echo(f"  {how} {json.dumps(one.value)}: {one_line(one.subject)[:80]}")
    typer.echo(f"It changes {changes.messages:,} messages of the last 30 days")
    for _, subject, shown in changes.samples:
        typer.echo(f"  {json.dumps(shown)} without it: {one_line(subject)[:80]}")


@app.command("accept")
def accept(rule: Rule, tenant: Slug) -> None:
    """Have a rule hold, for what is stored and what comes."""
    _decide(tenant, rule, "accepted")


@app.command("reject")
def reject(rule: Rule, tenant: Slug) -> None:
    """Put a proposal away; it is not proposed again."""
    _decide(tenant, rule, "rejected")


@app.command("undo")
def undo(rule: Rule, tenant: Slug) -> None:
    """Take a rule back: its messages show again what stood before."""
    _decide(tenant, rule, "undone")


def _rules(slug: str, rule: UUID | None) -> list[dict[str, object]]:
    with opened(slug) as (context, tenant), context.database.tenant_tx(tenant.id) as connection:
        cursor = connection.execute(_RULES, {"rule": rule})
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor]


def _line(rule: dict[str, object]) -> str:
    said = f"{rule['field']} is {json.dumps(rule['value'])}"
    return f"{rule['state']}: {rule['scope']} {rule['pattern']}: {said} ({rule['corrections']} corrections)"


def _decide(slug: str, rule: UUID, state: State) -> None:
    from opsintel.access.audit import SYSTEM
    from opsintel.learning.deciding import decide, settle

    with opened(slug) as (context, tenant):
        with context.database.tenant_tx(tenant.id) as connection:
            decide(connection, tenant.id, SYSTEM, rule, state)
        changed = settle(context.database, tenant.id, rule)
    typer.echo(f"The rule is {state}; {changed:,} analyses show something else now")
