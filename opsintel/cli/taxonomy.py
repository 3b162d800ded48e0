"""`opsintel taxonomy`: the categories that a tenant's analyses choose from, version by version."""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from opsintel.cli.main import print_json
from opsintel.cli.tenant_context import opened
from opsintel.errors import InputError

if TYPE_CHECKING:
    import psycopg

    from opsintel.taxonomy.taxonomy import Taxonomy

app = typer.Typer(add_completion=False, no_args_is_help=True)

MOST_BYTES = 1_000_000

Slug = Annotated[str, typer.Option("--tenant", metavar="TENANT", help="Short name of the tenant")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document for machines")]


@app.callback()
def taxonomies() -> None:
    """The categories that analyses choose from: one of the product's taxonomies, or your own, version by version."""


@app.command("list")
def list_(tenant: Slug, as_json: AsJson = False) -> None:
    """List the product's taxonomies and the versions of the tenant's; the one in force is marked."""
    from opsintel.taxonomy.kept import versions
    from opsintel.taxonomy.shipped import shipped

    with opened(tenant) as (context, found), context.database.tenant_tx(found.id) as connection:
        kept = versions(connection)
    if as_json:
        offered = [{"key": one.key, "name": one.name, "description": one.description} for one in shipped()]
        print_json({"shipped": offered, "versions": kept})
        return
    for one in shipped():
        typer.echo(f"{one.key:12} {one.description}")
    for version in kept:
        mark = "*" if version["current"] else " "
        typer.echo(f"{mark} {version['version']:10} {version['name']} ({version['categories']} categories)")


@app.command("show")
def show(
    tenant: Slug,
    which: Annotated[
        str | None, typer.Argument(metavar="VERSION|NAME", help="Version, or one of the product's; default: in force")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print a taxonomy as the file that `opsintel taxonomy set` takes."""
    with opened(tenant) as (context, found), context.database.tenant_tx(found.id) as connection:
        taxonomy = _chosen(connection, which)
    if as_json:
        from opsintel.taxonomy.taxonomy import documents_of

        said = {"version": taxonomy.version, "title": taxonomy.name, "category": documents_of(taxonomy.categories)}
        print_json(said)
        return
    sys.stdout.write(_written(taxonomy))


@app.command("use")
def use(
    which: Annotated[str, typer.Argument(metavar="VERSION|NAME", help="Version, or one of the product's taxonomies")],
    tenant: Slug,
    as_json: AsJson = False,
) -> None:
    """Put a version in force, or one of the product's taxonomies; what is analysed from now on goes by it.

    Nothing is analysed anew by that: `opsintel analyse diff` says what it would change, `analyse run` does it. With a
    gold set a new version has to be tried first: `opsintel analyse shadow --taxonomy VERSION`.
    """
    from opsintel.access.audit import SYSTEM
    from opsintel.learning.promotion import put_taxonomy_in_force
    from opsintel.taxonomy.kept import id_of_version, propose
    from opsintel.taxonomy.shipped import shipped_as

    with opened(tenant) as (context, found):
        with context.database.tenant_tx(found.id) as connection:
            if which.isdecimal():
                version = int(which)
                taxonomy_id = id_of_version(connection, version)
            else:
                one = shipped_as(which)
                taxonomy_id, version = propose(connection, found.id, one.name, one.categories, SYSTEM, one.key)
        with context.database.tenant_tx(found.id) as connection:
            put_taxonomy_in_force(connection, found.id, taxonomy_id, SYSTEM)
    _say(version, as_json, in_force=True)


@app.command("set")
def set_(
    file: Annotated[str, typer.Argument(metavar="FILE", help="TOML or JSON as `show` prints it; - for standard input")],
    tenant: Slug,
    propose_only: Annotated[bool, typer.Option("--propose", help="Keep it, and put it in force later")] = False,
    as_json: AsJson = False,
) -> None:
    """Keep a taxonomy of your own as a new version, and put it in force. Versions before it stay as they are.

    It is kept even where it may not be put in force yet.
    """
    from opsintel.access.audit import SYSTEM
    from opsintel.learning.promotion import put_taxonomy_in_force
    from opsintel.taxonomy.kept import propose
    from opsintel.taxonomy.taxonomy import categories_of

    said = _read(file)
    if unknown := set(said) - {"title", "description", "category", "version"}:
        raise InputError(f"A taxonomy has no {min(unknown)!r}", remedy="It has a title and categories")
    categories = categories_of(said.get("category"))
    with opened(tenant) as (context, found):
        with context.database.tenant_tx(found.id) as connection:
            taxonomy_id, version = propose(connection, found.id, str(said.get("title", "")), categories, SYSTEM)
        if not propose_only:
            with context.database.tenant_tx(found.id) as connection:
                put_taxonomy_in_force(connection, found.id, taxonomy_id, SYSTEM)
    _say(version, as_json, in_force=not propose_only)


def _chosen(connection: psycopg.Connection, which: str | None) -> Taxonomy:
    from opsintel.taxonomy.kept import taxonomy_in_force, taxonomy_of_version
    from opsintel.taxonomy.shipped import shipped_as
    from opsintel.taxonomy.taxonomy import Taxonomy

    if which is None:
        return taxonomy_in_force(connection)
    if which.isdecimal():
        return taxonomy_of_version(connection, int(which))
    one = shipped_as(which)
    return Taxonomy(0, one.name, one.categories)


def _written(taxonomy: Taxonomy) -> str:
    """Return a taxonomy as TOML; the strings of JSON are strings of TOML."""
    lines = [f"title = {_text(taxonomy.name)}"]
    for category in taxonomy.categories:
        lines += ["", "[[category]]", f"path = [{', '.join(map(_text, category.path))}]"]
        lines += [f"description = {_text(category.description)}"]
        lines += ["examples = [", *(f"    {_text(example)}," for example in category.examples), "]"]
    return "\n".join(lines) + "\n"


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _read(file: str) -> dict[str, Any]:
    content = sys.stdin.read(MOST_BYTES + 1) if file == "-" else _content(Path(file))
    if len(content) > MOST_BYTES:
        raise InputError(f"{file} has more than {MOST_BYTES:,} characters")
    try:
        said = json.loads(content) if content.lstrip().startswith("{") else tomllib.loads(content)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{file} is neither TOML nor JSON: {error}", remedy="See `opsintel taxonomy show`") from None
    if not isinstance(said, dict):
        raise InputError(f"{file} holds no taxonomy", remedy="See `opsintel taxonomy show`")
    return said


def _content(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as opened_file:
            return opened_file.read(MOST_BYTES + 1)
    except UnicodeDecodeError:
        raise InputError(f"{path} is not in UTF-8", remedy="Save it in UTF-8") from None


def _say(version: int, as_json: bool, *, in_force: bool) -> None:
    if as_json:
        print_json({"version": version, "in_force": in_force})
    elif in_force:
        typer.echo(f"Version {version} is in force for what is analysed from now on")
    else:
        typer.echo(f"Version {version} is kept; opsintel analyse diff --taxonomy {version} says what it changes")
