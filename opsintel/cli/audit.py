"""`opsintel audit`: whether the audit log is what it was."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from opsintel.cli.main import print_json

if TYPE_CHECKING:
    from opsintel.access.audit_anchors import Anchored
    from opsintel.access.audit_chain import Verdict
    from opsintel.context import Context

app = typer.Typer(add_completion=False, no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document for machines")]


@app.callback()
def audit() -> None:
    """Check the audit log, and anchor it outside of the database."""


@app.command("verify")
def verify(
    tenant: Annotated[
        str | None, typer.Option(metavar="TENANT", help="Short name of one tenant; all when not given")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check every chain against its own hashes and the anchors outside; exit code 1 and the first bad place if not."""
    from opsintel.access.audit_anchors import read_anchors
    from opsintel.access.audit_chain import chains, verify_chain
    from opsintel.context import open_context
    from opsintel.settings import load_settings
    from opsintel.tenants import find_tenant

    with open_context(load_settings()) as context:
        anchored = read_anchors(context)
        if tenant:
            wanted = [find_tenant(context.database, tenant).id]
        else:
            wanted = sorted({*chains(context.database), *anchored.hashes})
        verdicts = [verify_chain(context.database, one, anchored.hashes.get(one, {})) for one in wanted]
        names = _names(context)
    if as_json:
        print_json(_document(verdicts, anchored, names))
    else:
        _print(verdicts, anchored, names)
    if anchored.faults or not all(verdict.is_whole for verdict in verdicts):
        raise typer.Exit(1)


@app.command("anchor")
def anchor(as_json: AsJson = False) -> None:
    """Anchor the heads that moved in the object store now, as the schedule does every quarter of an hour."""
    from opsintel.access.audit_anchors import write_anchor
    from opsintel.context import open_context
    from opsintel.settings import load_settings

    with open_context(load_settings()) as context:
        written = write_anchor(context)
    if as_json:
        print_json(asdict(written) if written else None)
    else:
        typer.echo(f"Anchor {written.number}: {len(written.heads):,} heads" if written else "Nothing has moved")


def _names(context: Context) -> dict[UUID, str]:
    with context.database.system_tx() as connection:
        return dict(connection.execute("SELECT id, slug FROM tenant").fetchall())


def _called(tenant_id: UUID, names: dict[UUID, str]) -> str:
    return "the installation" if tenant_id.int == 0 else names.get(tenant_id, str(tenant_id))


def _document(verdicts: list[Verdict], anchored: Anchored, names: dict[UUID, str]) -> dict[str, object]:
    return {
        "whole": not anchored.faults and all(verdict.is_whole for verdict in verdicts),
        "chains": [{**asdict(verdict), "tenant": names.get(verdict.tenant_id)} for verdict in verdicts],
        "anchors": {
            "newest": anchored.last.at if anchored.last else None,
            "of_another_key": anchored.unsigned,
            "faults": anchored.faults,
        },
        "restored": [
            {"at": at, "tenant_id": tenant_id, "tenant": names.get(tenant_id), "first": first, "last": last}
            for at, tenant_id, first, last in anchored.restored
        ],
    }


def _print(verdicts: list[Verdict], anchored: Anchored, names: dict[UUID, str]) -> None:
    for verdict in verdicts:
        called = _called(verdict.tenant_id, names)
        if verdict.is_whole:
            typer.echo(f"{called}: {verdict.entries:,} entries are whole, {verdict.anchored:,} of them anchored")
        else:
            typer.echo(f"{called}: entry {verdict.first_bad:,} is the first bad one: {verdict.reason}")
    for at, tenant_id, first, last in anchored.restored:
        typer.echo(
            f"{_called(tenant_id, names)}: a back-up was restored at {at}; entries {first:,} to {last:,} of before are"
            " not in it"
        )
    for fault in anchored.faults:
        typer.echo(fault)
    if anchored.unsigned:
        typer.echo(f"{anchored.unsigned:,} anchors were signed under another master key; their hashes were compared")
    typer.echo(f"The newest anchor is of {anchored.last.at}" if anchored.last else "warning: there is no anchor yet")
