"""`opsintel keys`: which keys are in use, and their rotation while everything goes on."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from opsintel.cli.main import print_json
from opsintel.errors import FatalError, InputError

if TYPE_CHECKING:
    from opsintel.crypto.master import MasterKeys
    from opsintel.settings import Settings

app = typer.Typer(add_completion=False, no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines")]
OldKeys = Annotated[
    list[Path] | None,
    typer.Option("--old", metavar="FILE", help="File with a former MASTER_ENCRYPTION_KEY; may be given again"),
]


@app.command("status")
def status(as_json: AsJson = False) -> None:
    """Say how many tenants' data keys are wrapped by which master key."""
    from opsintel.crypto.rotation import census
    from opsintel.db.connect import open_database
    from opsintel.settings import load_settings

    settings = load_settings()
    masters = _masters(settings, None)
    with open_database(settings) as database:
        counted = census(database, masters)
    if as_json:
        print_json({"master_key": str(masters.current_id), **asdict(counted)})
        return
    typer.echo(f"master key {masters.current_id}")
    typer.echo(f"{counted.current:,} data keys under it, {counted.previous:,} under previous ones at hand")
    typer.echo(f"{counted.unknown:,} under keys that are not at hand, {counted.destroyed:,} destroyed")


@app.command("rotate-master")
def rotate_master(old: OldKeys = None, as_json: AsJson = False) -> None:
    """Wrap every data key by MASTER_ENCRYPTION_KEY; the former key is in OPSINTEL_PREVIOUS_MASTER_KEYS or a file."""
    from opsintel.crypto import rotation
    from opsintel.db.connect import open_database
    from opsintel.settings import load_settings

    settings = load_settings()
    masters = _masters(settings, old)
    with open_database(settings) as database:
        for progress in rotation.rotate_master(database, masters):
            if as_json:
                print_json(asdict(progress))
            else:
                typer.echo(f"{progress.rewrapped:,} data keys wrapped anew, {progress.left:,} left")
        counted = rotation.census(database, masters)
    if progress.unopened:
        raise FatalError(
            f"{progress.unopened:,} data keys open with none of the keys at hand",
            remedy="Give the key they are under in OPSINTEL_PREVIOUS_MASTER_KEYS or by --old, and run this again",
        )
    if counted.previous:
        raise FatalError(
            f"{counted.previous:,} data keys came under a previous key meanwhile",
            remedy="Restart what still runs with the old MASTER_ENCRYPTION_KEY, and run this again",
        )


@app.command("rotate-data")
def rotate_data(
    tenant: Annotated[str, typer.Argument(metavar="TENANT", help="Short name of the tenant")], as_json: AsJson = False
) -> None:
    """Give a tenant a new data key and seal its credentials anew; the old key is removed."""
    from opsintel.access.audit import SYSTEM, Entry, Subject, record
    from opsintel.crypto.keyring import Keyring
    from opsintel.db.connect import open_database
    from opsintel.settings import load_settings
    from opsintel.tenants import find_tenant

    settings = load_settings()
    masters = _masters(settings, None)
    with open_database(settings) as database:
        found = find_tenant(database, tenant)
        with database.tenant_tx(found.id) as connection:
            sealed = Keyring(database, masters).rotate_data_key(connection, found.id)
            subject = Subject("tenant", str(found.id))
            record(connection, Entry(found.id, SYSTEM, "keys.data_key_rotated", subject, {"credentials": sealed}))
    if as_json:
        print_json({"tenant": tenant, "credentials": sealed})
    else:
        typer.echo(f"{tenant} has a new data key; {sealed:,} credentials are sealed by it")


def _masters(settings: Settings, old: list[Path] | None) -> MasterKeys:
    from opsintel.crypto.master import MasterKeys

    return MasterKeys.of(settings).with_previous([_key_of(path) for path in old or ()])


def _key_of(path: Path) -> bytes:
    """Return the key in a file; a key on the command line would be seen by every user of the machine."""
    import base64

    from opsintel.settings.values import check_key

    try:
        text = path.read_text().strip()
        check_key(text)
    except (ValueError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: {error}", remedy="The file holds what MASTER_ENCRYPTION_KEY was") from None
    return base64.b64decode(text)
