"""`opsintel source`: connect mailboxes, workspaces and help desks; check, read, count, pause and remove them."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from opsintel.cli.main import print_json
from opsintel.cli.tenant_context import opened
from opsintel.errors import InputError

if TYPE_CHECKING:
    from opsintel.context import Context
    from opsintel.sources.source import Source
    from opsintel.tenants import Tenant

app = typer.Typer(add_completion=False, no_args_is_help=True)

Slug = Annotated[str, typer.Option("--tenant", metavar="TENANT", help="Short name of the tenant")]
Named = Annotated[str, typer.Argument(metavar="SOURCE", help="Name or id of the source")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document for machines")]


@app.command("kinds")
def kinds(as_json: AsJson = False) -> None:
    """List the kinds of source that can be connected, and what their configuration and credential hold."""
    from opsintel.connectors.registry import connector_class
    from opsintel.sources.connect import remote_kinds

    manifests = [connector_class(kind).manifest for kind in remote_kinds()]
    if as_json:
        print_json(
            [
                {
                    "kind": one.kind, "title": one.title, "config": one.config_model.model_json_schema(),
                    "credential": one.credential_model and one.credential_model.model_json_schema(),
                }
                for one in manifests
            ]
        )  # fmt: skip
        return
    for one in manifests:
        typer.echo(f"{one.kind:12} {one.title}: {one.summary}")
        for what, model in (("config", one.config_model), ("credential", one.credential_model)):
            for name, field in model.model_fields.items() if model else ():
                typer.echo(f"  {what:10} {name:20} {field.description or ''}")


@app.command("add")
def add(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="imap, slack, ...: `opsintel source kinds` lists them")],
    tenant: Slug,
    name: Annotated[str, typer.Option(metavar="NAME", help="Name shown to people")],
    config: Annotated[
        list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help="A field of its configuration; repeatable")
    ] = None,
    credential: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="JSON file with the credential; - for standard input; default: asked for"),
    ] = None,
    poll: Annotated[int | None, typer.Option(metavar="SECONDS", help="How often it is read")] = None,
    later: Annotated[bool, typer.Option("--later", help="Without a credential: it is authorised in the page")] = False,
    as_json: AsJson = False,
) -> None:
    """Connect a source; a running stack reads it from now on. Secrets are never arguments: others would see them."""
    from opsintel.access.audit import SYSTEM
    from opsintel.sources.connect import Wanted, connect_source, remote_manifest

    model = remote_manifest(kind).credential_model
    given = None if later or model is None else _credential(model, credential)
    wanted = Wanted(kind, name, _fields(config or []), given, poll)
    with opened(tenant) as (context, found):
        made = connect_source(context, found.id, wanted, SYSTEM)
    if as_json:
        print_json({"id": made.source.id, "kind": kind, "name": made.source.name, "push_secret": made.push_secret})
        return
    typer.echo(f"{made.source.name} is connected ({made.source.id})")
    if made.push_secret:
        typer.echo(f"Its pushes are proved with {made.push_secret}, which is shown this once")


@app.command("list")
def list_(tenant: Slug, as_json: AsJson = False) -> None:
    """List the sources of a tenant with their state."""
    with opened(tenant) as (context, found), context.database.tenant_tx(found.id) as connection:
        rows = connection.execute(
            "SELECT id, kind, name, state, detail, last_sync_at FROM source ORDER BY created_at, id"
        ).fetchall()
    names = ("id", "kind", "name", "state", "detail", "last_sync_at")
    if as_json:
        print_json([dict(zip(names, row, strict=True)) for row in rows])
        return
    for source_id, kind, name, state, detail, _ in rows:
        typer.echo(f"{source_id}  {kind:12} {state:8} {name}{f': {detail}' if detail else ''}")


@app.command("check")
def check(source: Named, tenant: Slug, as_json: AsJson = False) -> None:
    """Check a source now; ends with 1 where something that it needs failed."""
    from opsintel_pipeline.worker.asked import check as check_source

    with opened(tenant) as (context, found):
        one = _find(context, found, source)
        check_source(context, one)
        with context.database.tenant_tx(found.id) as connection:
            row = connection.execute("SELECT checks FROM source WHERE id = %s", (one.id,)).fetchone()
    assert row is not None
    if as_json:
        print_json(row[0])
    else:
        for each in row[0]:
            remedy = f" ({each['remedy']})" if each["remedy"] and each["verdict"] != "passed" else ""
            typer.echo(f"{each['verdict']:8} {each['name']}: {each['detail']}{remedy}")
    if any(each["required"] and each["verdict"] == "failed" for each in row[0]):
        raise typer.Exit(1)


@app.command("sync")
def sync(source: Named, tenant: Slug, as_json: AsJson = False) -> None:
    """Read a source to its end now; killed, the next read goes on where it stopped."""
    _run(source, tenant, "sync", None, as_json)


@app.command("census")
def census(source: Named, tenant: Slug, as_json: AsJson = False) -> None:
    """Count all of a source by day at its provider, and fetch what is missing here."""
    _run(source, tenant, "census", None, as_json)


@app.command("backfill")
def backfill(
    source: Named,
    tenant: Slug,
    first: Annotated[str, typer.Option("--from", metavar="DAY", help="First UTC day, e.g. 2026-01-01")],
    estimate: Annotated[bool, typer.Option("--estimate", help="Fetch nothing; say how much it would be")] = False,
    as_json: AsJson = False,
) -> None:
    """Fetch what is missing of a source from a day on."""
    _run(source, tenant, "estimate" if estimate else "backfill", first, as_json)


@app.command("retry")
def retry(source: Named, tenant: Slug, as_json: AsJson = False) -> None:
    """Have the items of a source tried again that were set aside after many tries."""
    _run(source, tenant, "retry", None, as_json)


@app.command("filter")
def filter_(
    source: Named,
    tenant: Slug,
    chosen: Annotated[
        str | None, typer.Argument(metavar="FILTER", help="Name or id of the filter that it is to go by")
    ] = None,
    none: Annotated[bool, typer.Option("--none", help="By none: all of its messages are analysed")] = False,
    as_json: AsJson = False,
) -> None:
    """Have a source go by a kept filter: it decides which of its messages are analysed, never what is deleted."""
    from opsintel.access.audit import SYSTEM
    from opsintel.filters.saved import filter_named
    from opsintel_pipeline.ingest.refilter import set_filter

    if (chosen is None) is not none:
        raise InputError("Name a filter, or give --none", remedy="`opsintel filter list` names them")
    with opened(tenant) as (context, found):
        one = _find(context, found, source)
        with context.database.tenant_tx(found.id) as connection:
            filter_id = None if chosen is None else filter_named(connection, chosen)
        figures = set_filter(context, one, filter_id, SYSTEM, _shown(as_json))
    if as_json:
        print_json(figures)
        return
    typer.echo(f"{one.name}: {figures['selected']:,} messages are selected, {figures['left_out']:,} left out")
    if figures["needs_backfill"]:
        typer.echo("It selects messages that the provider was never asked for: run `opsintel source backfill`")


@app.command("pause")
def pause(source: Named, tenant: Slug) -> None:
    """Leave a source alone until it is resumed; pushes are kept for then."""
    _pause(source, tenant, paused=True)


@app.command("resume")
def resume(source: Named, tenant: Slug) -> None:
    """Read a paused source again."""
    _pause(source, tenant, paused=False)


@app.command("authorise")
def authorise(
    source: Named,
    tenant: Slug,
    credential: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="JSON file with the credential; - for standard input; default: asked for"),
    ] = None,
) -> None:
    """Give a source another credential; it is read at once, also where it was disabled."""
    from opsintel.access.audit import SYSTEM
    from opsintel.sources.connect import remote_manifest
    from opsintel.sources.control import Change, change_source

    with opened(tenant) as (context, found):
        one = _find(context, found, source)
        model = remote_manifest(one.kind).credential_model
        if model is None:
            raise InputError("A source of this kind has no credential")
        change = Change(credential=_credential(model, credential))
        change_source(context, found.id, one.id, change, SYSTEM)
    typer.echo(f"{one.name} has another credential")


@app.command("remove")
def remove(source: Named, tenant: Slug) -> None:
    """Destroy a source's credential and read it no more; what it brought stays."""
    from opsintel.access.audit import SYSTEM
    from opsintel.sources.control import remove_source

    with opened(tenant) as (context, found):
        one = _find(context, found, source)
        remove_source(context, found.id, one.id, SYSTEM)
    typer.echo(f"{one.name} is removed")


def _run(named: str, tenant: str, action: Any, first: str | None, as_json: bool) -> None:
    import threading
    from datetime import date

    from opsintel.errors import ConflictError
    from opsintel.sources.errands import Errand
    from opsintel_pipeline.worker.asked import perform

    try:
        day = date.fromisoformat(first) if first else None
    except ValueError:
        raise InputError(f"{first} is no day", remedy="Write it as 2026-01-01") from None
    with opened(tenant) as (context, found):
        one = _find(context, found, named)
        figures = perform(context, one, Errand(action, one.id, day), _shown(as_json), threading.Event())
    if figures is None:
        raise ConflictError("The source is being read, paused or disabled", remedy="Wait, resume it, or authorise it")
    if as_json:
        print_json(figures)
    else:
        typer.echo(f"{one.name}: " + ", ".join(f"{count:,} {name}" for name, count in figures.items()))


def _shown(as_json: bool) -> Callable[[Any], None]:
    def show(figures: Any) -> None:
        if not as_json and sys.stderr.isatty():
            sys.stderr.write("\r" + ", ".join(f"{count:,} {name}" for name, count in figures.items()) + " ...")

    return show


def _pause(named: str, tenant: str, *, paused: bool) -> None:
    from opsintel.access.audit import SYSTEM
    from opsintel.sources.control import Change, change_source

    with opened(tenant) as (context, found):
        one = _find(context, found, named)
        change_source(context, found.id, one.id, Change(paused=paused), SYSTEM)
    typer.echo(f"{one.name} is {'paused' if paused else 'read again'}")


def _find(context: Context, tenant: Tenant, named: str) -> Source:
    from opsintel.sources.source import source_named

    return source_named(context.database, tenant.id, named)


def _fields(given: list[str]) -> dict[str, Any]:
    """Return the fields of `FIELD=VALUE`: values are JSON where they are some, else texts; dots lead into objects."""
    fields: dict[str, Any] = {}
    for each in given:
        name, equals, text = each.partition("=")
        if not equals or not name:
            raise InputError(f"{each!r} is no FIELD=VALUE")
        *path, last = name.split(".")
        place = fields
        for part in path:
            place = place.setdefault(part, {})
        place[last] = _value(text)
    return fields


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _credential(model: Any, file: str | None) -> dict[str, str]:
    """Return a credential out of a file, standard input, or what a person types in."""
    if file is None:
        return _typed(model)
    text = sys.stdin.read() if file == "-" else Path(file).read_text()
    try:
        given = json.loads(text)
    except ValueError:
        raise InputError("The credential is no JSON object of texts") from None
    if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
        raise InputError("The credential is no JSON object of texts")
    return given


def _typed(model: Any) -> dict[str, str]:
    if not sys.stdin.isatty():
        raise InputError("There is nobody to ask for the credential", remedy="Give a file: --credential FILE, or -")
    given = {}
    for name, field in model.model_fields.items():
        extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
        asked = f"{name} ({field.description})" if field.description else name
        value = typer.prompt(asked, default="", show_default=False, hide_input=bool(extra.get("secret")))
        if value:
            given[name] = value
    return given
