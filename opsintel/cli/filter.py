"""`opsintel filter`: which items of files a filter matches, and what of it a provider evaluates."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from opsintel.cli.main import print_json
from opsintel.errors import FilterError, OpsintelError, one_line

if TYPE_CHECKING:
    from uuid import UUID

    import psycopg

    from opsintel.events.message import CanonicalMessage
    from opsintel.filters.syntax import Node

app = typer.Typer(add_completion=False, no_args_is_help=True)

NOTHING_MATCHES = 1
BAD_FILTER = 2
# A filter may begin with `-`, which is then no option.
_SETTINGS = {"ignore_unknown_options": True}
_SHOWN_CHARACTERS = 100

Text = Annotated[str, typer.Argument(metavar="TEXT", help="The filter, in quotes of the shell")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines")]


Slug = Annotated[str, typer.Option("--tenant", metavar="TENANT", help="Short name of the tenant")]
Named = Annotated[str, typer.Argument(metavar="FILTER", help="Name or id of the filter")]


@app.callback()
def filters() -> None:
    """Try filters: which items match, and what a provider evaluates; keep them by name, for sources to go by."""


@app.command("list")
def list_filters(tenant: Slug, as_json: AsJson = False) -> None:
    """List the filters of a tenant, each with its newest version and how many sources go by it."""
    with _opened(tenant) as (connection, _):
        rows = connection.execute(
            "SELECT filter.id, filter.name, filter.version, said.text,"
            " (SELECT count(*) FROM source WHERE source.filter_id = filter.id)"
            " FROM filter JOIN filter_version AS said ON said.filter_id = filter.id AND said.version = filter.version"
            " WHERE filter.archived_at IS NULL ORDER BY filter.name"
        ).fetchall()
    if as_json:
        print_json([dict(zip(("id", "name", "version", "text", "sources"), row, strict=True)) for row in rows])
        return
    for filter_id, name, version, text, sources in rows:
        typer.echo(f"{filter_id}  {name}, version {version}, {sources} sources: {text or 'everything'}")


@app.command("show")
def show_filter(filter_: Named, tenant: Slug, as_json: AsJson = False) -> None:
    """Print every version of a filter, the newest first."""
    from opsintel.filters.saved import filter_named

    with _opened(tenant) as (connection, _):
        filter_id = filter_named(connection, filter_)
        rows = connection.execute(
            "SELECT version, text, created_at, tree FROM filter_version WHERE filter_id = %s ORDER BY version DESC",
            (filter_id,),
        ).fetchall()
    if as_json:
        names = ("version", "text", "created_at", "tree")
        print_json({"id": filter_id, "versions": [dict(zip(names, row, strict=True)) for row in rows]})
        return
    for version, text, created_at, _ in rows:
        typer.echo(f"{version}  {created_at:%Y-%m-%d %H:%M}  {text or 'everything'}")


@app.command("save", context_settings=_SETTINGS)
def save_filter_as(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name shown to people")],
    text: Text,
    tenant: Slug,
    as_json: AsJson = False,
) -> None:
    """Keep TEXT by a NAME: a new filter, or a new version of the one of this name, which its sources then go by."""
    from opsintel.access.audit import SYSTEM
    from opsintel.errors import NotFoundError
    from opsintel.filters.saved import Author, change_filter, filter_named, save_filter
    from opsintel.sources.following import follow

    tree, jobs = _parsed(text, as_json=as_json), []
    with _opened(tenant) as (connection, tenant_id):
        try:
            filter_id = filter_named(connection, name)
        except NotFoundError:
            filter_id = save_filter(connection, tenant_id, name, tree, Author(SYSTEM))
        else:
            if change_filter(connection, tenant_id, filter_id, name, tree, Author(SYSTEM)):
                jobs = follow(connection, tenant_id, filter_id, tree, Author(SYSTEM))
    if as_json:
        print_json({"id": filter_id, "jobs": jobs})
        return
    typer.echo(f"{name} is kept ({filter_id})")
    if jobs:
        typer.echo(f"{len(jobs)} sources go by it and select anew what is stored, once the worker runs")


@app.command("archive")
def archive(filter_: Named, tenant: Slug) -> None:
    """Put a filter away that no source goes by; its versions stay readable."""
    from opsintel.access.audit import SYSTEM
    from opsintel.filters.saved import Author, archive_filter, filter_named

    with _opened(tenant) as (connection, tenant_id):
        archive_filter(connection, tenant_id, filter_named(connection, filter_), Author(SYSTEM))
    typer.echo(f"{filter_} is put away")


@app.command("match", context_settings=_SETTINGS)
def match_files(
    text: Text,
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE", help="Mails (.eml), mbox, Maildir, JSON Lines, CSV, Slack export")
    ],
    as_json: AsJson = False,
) -> None:
    """Print the items of FILEs that match; exit code 0 if any does, 1 if none does, 2 for a bad filter or file."""
    from opsintel.clock import now
    from opsintel.filters.evaluate import Item, Place, predicate

    is_match = predicate(_parsed(text, as_json=as_json), now())
    found = failed = 0
    for path in files:
        try:
            for kind, place, message in _messages(path):
                if isinstance(message, str):
                    failed += 1
                    sys.stderr.write(f"{one_line(f'{path}: {place}')}: {message}\n")
                elif is_match(Item(message, (Place(path.name, kind),))):
                    found += 1
                    _print_match(path, place, message, as_json=as_json)
        except OpsintelError as error:
            failed += 1
            sys.stderr.write(f"{one_line(str(path))}: {error.line()}\n")
    if failed:
        raise typer.Exit(BAD_FILTER)
    if not found:
        raise typer.Exit(NOTHING_MATCHES)


@app.command("explain", context_settings=_SETTINGS)
def explain(
    text: Text,
    provider: Annotated[
        str, typer.Option("--for", metavar="PROVIDER", help="gmail, graph, imap, slack, zendesk or jira")
    ],
    as_json: AsJson = False,
) -> None:
    """Print the tree of TEXT, what PROVIDER evaluates of it and how well, and what remains to be evaluated here."""
    from importlib import import_module

    from opsintel.clock import now
    from opsintel.filters.document import document_of
    from opsintel.filters.plan import explained
    from opsintel.filters.syntax import PROVIDERS
    from opsintel.filters.text import written

    if provider not in PROVIDERS:
        raise typer.BadParameter(f"{provider} is none of {', '.join(PROVIDERS)}", param_hint="--for")
    tree, at = _parsed(text, as_json=as_json), now().replace(microsecond=0)
    found = explained(import_module(f"opsintel.connectors.{provider}.pushdown").push_down(tree, at))
    if as_json:
        print_json({"filter": written(tree), "for": provider, "at": at.isoformat(), **document_of(tree), **found})
        return
    rows = [(entry["exactness"], entry["term"], entry["reason"]) for entry in found["terms"]]
    width = max([len(term) for _, term, _ in rows], default=0)
    lines = [f"  {kind:<9} {term:<{width}}  {reason}".rstrip() for kind, term, reason in rows]
    pushed = [f"  {name}: {value}" for name, value in found["pushed"].items()] or ["  nothing: everything is read"]
    residual = found["residual"] or "nothing: the provider's answer is exact"
    lines = [f"Pushed to {provider}", *pushed, "Terms", *lines, "Evaluated here", f"  {residual}"]
    sys.stdout.write("\n".join(lines) + "\n")


@app.command("preview", context_settings=_SETTINGS)
def preview_filter(
    text: Text,
    tenant: Annotated[str, typer.Option(metavar="TENANT", help="Short name of the tenant")],
    as_json: AsJson = False,
) -> None:
    """Print what TEXT would select of the last 30 days, the latest 20, and what providers do not evaluate."""
    from dataclasses import asdict

    from opsintel.clock import now
    from opsintel.filters.preview import preview
    from opsintel.sources.following import plans_of

    tree, at = _parsed(text, as_json=as_json), now()
    with _opened(tenant) as (connection, _):
        shown, plans = preview(connection, tree, at), plans_of(connection, tree, at)
    if as_json:
        print_json(asdict(shown) | {"providers": plans})
        return
    typer.echo(f"{shown.messages:,} messages of the last 30 days match, {shown.messages_per_day:g} a day")
    for identifier in shown.samples:
        typer.echo(f"  {identifier}")
    for plan in plans:
        for term in plan["not_pushed"]:
            typer.echo(f"{plan['kind']} does not evaluate {term['term']}: {term['reason']}")


@contextmanager
def _opened(slug: str) -> Iterator[tuple[psycopg.Connection, UUID]]:
    """Yield a transaction of a tenant, and the tenant's id."""
    from opsintel.db.connect import open_database
    from opsintel.settings import load_settings
    from opsintel.tenants import find_tenant

    with open_database(load_settings()) as database:
        found = find_tenant(database, slug)
        with database.tenant_tx(found.id) as connection:
            yield connection, found.id


def _parsed(text: str, *, as_json: bool) -> Node:
    """Return the tree of a filter; end the command with the place of what is wrong."""
    from opsintel.filters.parse import parse

    try:
        return parse(text)
    except FilterError as error:
        _refuse(error, as_json=as_json)


def _refuse(error: FilterError, *, as_json: bool) -> NoReturn:
    """Print the error and end the command with exit code 2."""
    sys.stderr.write(f"opsintel: {error.line()}\n{error.caret()}\n")
    if as_json:
        print_json({"error": {"code": error.code, "message": error.message, "remedy": error.remedy,
                              "position": error.position, "caret": error.caret()}})  # fmt: skip
    raise typer.Exit(BAD_FILTER)


def _messages(path: Path) -> Iterator[tuple[str, str, CanonicalMessage | str]]:
    """Yield (kind of source, place within the file, message or why it cannot be read) of each item of a file."""
    from opsintel.connectors.contract import Failure, Upsert
    from opsintel.connectors.detect import detect_kind
    from opsintel.connectors.registry import connector_class
    from opsintel_pipeline.normalize.parse import NormalizeContext, parse_payload

    kind = detect_kind(path)
    connector = connector_class(kind)
    for stream in connector.manifest.streams:
        for item in connector(connector.manifest.config_model.model_validate({"path": path})).read(stream, None):
            if isinstance(item, Failure):
                yield kind, item.key, item.reason
            elif isinstance(item, Upsert):
                place = item.places[0] if item.places else item.native_id
                context = NormalizeContext(channel=item.channel)
                try:
                    yield kind, place, parse_payload(item.payload, item.format, item.native_id, context=context)
                except OpsintelError as error:
                    yield kind, place, error.line()


def _print_match(path: Path, place: str, message: CanonicalMessage, *, as_json: bool) -> None:
    author = message.author.value if message.author else ""
    shown: dict[str, Any] = {
        "file": str(path),
        "item": place,
        "native_id": message.native_id,
        "occurred_at": message.occurred_at.isoformat() if message.occurred_at else None,
        "author": author,
        "subject": message.subject,
    }
    if as_json:
        print_json(shown)
        return
    words = message.subject or message.text
    parts = [shown["occurred_at"] or "-", author or "-", words[:_SHOWN_CHARACTERS]]
    sys.stdout.write(one_line(f"{path}: {place}: {' '.join(parts)}") + "\n")
