"""Connect a source: its configuration and credential as the kind's models have them, stored in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb
from pydantic import BaseModel, ValidationError

from opsintel.access.audit import Actor, Entry, Subject, record
from opsintel.connectors.connection import Credential
from opsintel.connectors.contract import Manifest, Watched
from opsintel.connectors.files.text import bounded, to_json
from opsintel.connectors.registry import all_manifests, connector_class
from opsintel.context import Context
from opsintel.errors import ConflictError, InputError, one_line
from opsintel.ids import new_id
from opsintel.sources.source import Source

NAME_LIMIT = 200
"""Characters of the name of a source."""

FASTEST_POLL = 30
"""Seconds between two reads, at least."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A source as a person asks for it. Without a credential it waits for one, e.g. by OAuth."""

    kind: str
    name: str
    config: Mapping[str, Any]
    credential: Mapping[str, str] | None = None
    poll_seconds: int | None = None
    """None: as often as its kind is read."""


@dataclass(frozen=True, slots=True)
class Connected:
    """A source as it was made."""

    source: Source
    push_secret: str | None = field(repr=False)
    """Where the kind sends pushes: what they are proved with; whoever sends them has to know it."""


def remote_manifest(kind: str) -> Manifest:
    """Return the manifest of a kind that is connected; `InputError` for others: files are imported."""
    if kind not in remote_kinds():
        raise InputError(f"{kind!r} is no kind of source that is connected", remedy=f"Use {', '.join(remote_kinds())}")
    return connector_class(kind).manifest


def remote_kinds() -> tuple[str, ...]:
    """Return the kinds that are connected, rather than imported from files."""
    return tuple(manifest.kind for manifest in all_manifests() if is_remote(manifest))


def is_remote(manifest: Manifest) -> bool:
    """Tell whether a kind is connected: it has a credential, or sends by itself."""
    return manifest.credential_model is not None or bool(manifest.push_title)


def connect_source(context: Context, tenant_id: UUID, wanted: Wanted, actor: Actor) -> Connected:
    """Store a source that is read from now on, and return it with the secret of its pushes, which is shown once.

    Raises `InputError` for a kind, configuration or credential that cannot be used, before anything is stored, and
    `ConflictError` where the tenant has the same already.
    """
    manifest = remote_manifest(wanted.kind)
    config = checked(manifest.config_model, wanted.config, "configuration")
    credential = None if wanted.credential is None else checked_credential(manifest, wanted.credential)
    name = checked_name(wanted.name)
    seconds = checked_poll(wanted.poll_seconds) or manifest.poll_seconds
    waits = credential is None and manifest.credential_model is not None
    key = bounded(to_json({"name": name, "config": config}).decode())
    source_id = new_id()
    with context.database.tenant_tx(tenant_id) as connection:
        secret_id = None if credential is None else context.credentials.store(connection, tenant_id, credential)
        push_id, push_secret = (
            context.credentials.store_push_secret(connection, tenant_id) if manifest.push_title else (None, None)
        )
        row = connection.execute(
            "INSERT INTO source (tenant_id, id, kind, name, config, config_key, secret_id, push_secret_id, state,"
            " detail, poll_seconds, next_poll_at, renew_at)"
            " VALUES (%(tenant)s, %(id)s, %(kind)s, %(name)s, %(config)s, %(key)s, %(secret)s, %(push)s, %(state)s,"
            " %(detail)s, %(seconds)s, now(),"
            " CASE WHEN %(watched)s THEN now() END)"
            " ON CONFLICT (tenant_id, kind, config_key) DO NOTHING RETURNING id",
            {
                "tenant": tenant_id, "id": source_id, "kind": wanted.kind, "name": name, "config": Jsonb(config),
                "key": key, "secret": secret_id, "push": push_id, "seconds": seconds,
                "state": "disabled" if waits else "active", "detail": "It waits to be authorised" if waits else "",
                "watched": issubclass(connector_class(wanted.kind), Watched),
            },
        ).fetchone()  # fmt: skip
        if row is None:
            raise ConflictError(
                "There is a source of this name with the same configuration", remedy="Name it otherwise"
            )
        subject = Subject("source", str(source_id))
        record(connection, Entry(tenant_id, actor, "source.connected", subject, {"kind": wanted.kind}))
    return Connected(Source(source_id, tenant_id, wanted.kind, name, config, secret_id), push_secret)


def checked(model: type[BaseModel], given: Mapping[str, Any], what: str) -> dict[str, Any]:
    """Return what a model makes of given values, as JSON has it; `InputError` names the field, and never the value."""
    try:
        return model.model_validate(dict(given)).model_dump(mode="json")
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        reason = first["msg"].removeprefix("Value error, ")
        raise InputError(one_line(f"The {what} cannot be used: {place}: {reason}".replace(": : ", ": "))) from None


def checked_credential(manifest: Manifest, given: Mapping[str, str]) -> Credential:
    """Return a credential as the kind's model has it, without fields that are not set; `InputError` as `checked`."""
    if manifest.credential_model is None:
        raise InputError(f"{manifest.title} has no credential")
    values = checked(manifest.credential_model, given, "credential")
    return {name: str(value) for name, value in values.items() if value is not None}


def checked_name(name: str) -> str:
    """Return a name as people see it; `InputError` for none."""
    shown = one_line(name)[:NAME_LIMIT]
    if not shown:
        raise InputError("A source needs a name")
    return shown


def checked_poll(seconds: int | None) -> int | None:
    """Return how often a source is read; `InputError` for what no provider likes."""
    if seconds is not None and seconds < FASTEST_POLL:
        raise InputError(f"A source is read every {FASTEST_POLL} s at most")
    return seconds
