"""Keys of tenants to model providers: stored sealed, rotated with two of them alive, removed; and their health."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit
from uuid import UUID

import psycopg

from opsintel.access.audit import Actor, Entry, Subject, record
from opsintel.alerts.store import resolve_alerts
from opsintel.crypto.secrets import Secret
from opsintel.errors import ConflictError, InputError, NotFoundError, one_line
from opsintel.ids import new_id
from opsintel.llm.alerts import LASTED, alert_of_key
from opsintel.llm.call import Fault
from opsintel.llm.provider import Provider, provider_of
from opsintel.net.client import check_address
from opsintel.net.hosts import canonical_host
from opsintel.net.policy import Policy, local_servers_of
from opsintel.settings import Settings

if TYPE_CHECKING:
    from opsintel.crypto.keyring import Keyring

Health = Literal["untested", "valid", "quota", "rate_limited", "revoked", "model_missing", "unreachable"]

HEALTH_OF: Mapping[Fault, Health] = MappingProxyType(
    {
        Fault.CREDENTIAL: "revoked",
        Fault.QUOTA: "quota",
        Fault.LIMITED: "rate_limited",
        Fault.MODEL: "model_missing",
        Fault.UNREACHABLE: "unreachable",
    }
)
"""What a fault says of a key; others are of what was asked."""

KEY_PURPOSE = "model.key"
NAME_LIMIT = 200
ROTATION_DAYS = 1
"""How long the key before a rotation is taken as well."""

FIRST_RETRY = timedelta(minutes=1)
LONGEST_RETRY = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class ModelKey:
    """A key as it is stored; `previous_secret_id` only while a rotation lasts."""

    id: UUID
    name: str
    provider: str
    base_url: str
    secret_id: UUID | None
    previous_secret_id: UUID | None
    health: Health
    detail: str
    checked_at: datetime | None
    valid_at: datetime | None
    retry_at: datetime | None
    of_platform: bool
    """Whether it goes by the installation's key."""


_COLUMNS = (
    "id, name, provider, base_url, secret_id,"
    " CASE WHEN previous_until > now() THEN previous_secret_id END, health, detail, checked_at, valid_at, retry_at,"
    " of_platform"
)


def keys_of(connection: psycopg.Connection) -> list[ModelKey]:
    """Return the keys of the transaction's tenant, by name."""
    return [ModelKey(*row) for row in connection.execute(f"SELECT {_COLUMNS} FROM model_key ORDER BY name, id")]


def key_named(connection: psycopg.Connection, name: str) -> ModelKey:
    """Return the key of this name or id; `NotFoundError` for none."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM model_key WHERE name = %(given)s OR id::text = %(given)s", {"given": name}
    ).fetchone()
    if row is None:
        raise NotFoundError(f"There is no key {name!r}", remedy="opsintel key list")
    return ModelKey(*row)


def address_of(provider: Provider, given: str | None, settings: Settings) -> str:
    """Return the address a key's calls go to; `InputError` where none is given and the provider has none."""
    address = given or provider.base_url or (str(settings.ollama_base_url) if provider.name == "ollama" else None)
    if address is None:
        raise InputError(f"{provider.title} has no address of its own", remedy="Give the server's: --base-url")
    check_address(address, Policy(local_servers=model_servers(settings)))
    return address.rstrip("/")


def model_servers(settings: Settings) -> frozenset[tuple[str, int]]:
    """Return the servers on private addresses that calls of models may go to: those of the operator's settings."""
    own = urlsplit(str(settings.ollama_base_url))
    port = own.port or (443 if own.scheme == "https" else 80)
    return local_servers_of(settings) | {(canonical_host(own.hostname or ""), port)}


def add_key(
    connection: psycopg.Connection,
    keyring: Keyring,
    tenant_id: UUID,
    wanted: tuple[str, str, str],
    secret: Secret | None,
    actor: Actor,
    *,
    of_platform: bool = False,
) -> UUID:
    """Store a key (`wanted`: name, provider, address) in the caller's transaction and return its id.

    `of_platform`: it stands for the installation's key, and has no value of its own. Raises `InputError` for what
    cannot be one, `ConflictError` for a name that is taken.
    """
    name, provider, base_url = one_line(wanted[0])[:NAME_LIMIT], provider_of(wanted[1]), wanted[2]
    if not name:
        raise InputError("A key needs a name")
    secret_id = None if secret is None else keyring.store_in(connection, tenant_id, KEY_PURPOSE, usable(secret))
    row = connection.execute(
        "INSERT INTO model_key (tenant_id, id, name, provider, base_url, secret_id, of_platform)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s)"
        " ON CONFLICT (tenant_id, name) DO NOTHING RETURNING id",
        (tenant_id, new_id(), name, provider.name, base_url, secret_id, of_platform),
    ).fetchone()
    if row is None:
        raise ConflictError(f"There is a key named {name!r}", remedy="opsintel key rotate, or another name")
    record(connection, Entry(tenant_id, actor, "model_key.added", Subject("model_key", str(row[0]))))
    key_id: UUID = row[0]
    return key_id


def rotate_key(
    connection: psycopg.Connection, keyring: Keyring, tenant_id: UUID, key: ModelKey, secret: Secret, actor: Actor
) -> None:
    """Give a key another value in the caller's transaction; the one before is taken as well for a day.

    What its calls cost is counted on: budgets know keys by their id, which stays. `InputError` for a key of the
    installation.
    """
    if key.of_platform:
        raise InputError("This key is the installation's", remedy="Its operator rotates it; add a key of your own")
    secret_id = keyring.store_in(connection, tenant_id, KEY_PURPOSE, usable(secret))
    row = connection.execute("SELECT previous_secret_id FROM model_key WHERE id = %s FOR UPDATE", (key.id,)).fetchone()
    connection.execute(
        "UPDATE model_key SET secret_id = %s, previous_secret_id = %s,"
        " previous_until = CASE WHEN %s THEN now() + make_interval(days => %s) END,"
        " health = 'untested', detail = '', retry_at = NULL, faults = 0, ill_since = NULL WHERE id = %s",
        (secret_id, key.secret_id, key.secret_id is not None, ROTATION_DAYS, key.id),
    )
    resolve_alerts(connection, key.id, by_person=True)
    if row is not None and row[0] is not None:
        connection.execute("DELETE FROM secret WHERE id = %s", (row[0],))
    record(connection, Entry(tenant_id, actor, "model_key.rotated", Subject("model_key", str(key.id))))


def remove_key(connection: psycopg.Connection, tenant_id: UUID, key: ModelKey, actor: Actor) -> None:
    """Destroy a key in the caller's transaction; chains go on without it."""
    row = connection.execute(
        "DELETE FROM model_key WHERE id = %s RETURNING secret_id, previous_secret_id", (key.id,)
    ).fetchone()
    if row is not None:
        connection.execute("DELETE FROM secret WHERE id = ANY(%s)", ([each for each in row if each is not None],))
    resolve_alerts(connection, key.id, by_person=True)
    record(connection, Entry(tenant_id, actor, "model_key.removed", Subject("model_key", str(key.id))))


def found_well(connection: psycopg.Connection, key_id: UUID) -> None:
    """Note in the caller's transaction that a key gave an answer, which resolves its alert."""
    noted = connection.execute(
        "UPDATE model_key SET health = 'valid', detail = '', checked_at = now(), valid_at = now(), retry_at = NULL,"
        " faults = 0, ill_since = NULL"
        " WHERE id = %s AND (health <> 'valid' OR valid_at < now() - interval '1 minute')",
        (key_id,),
    ).rowcount
    if noted:
        resolve_alerts(connection, key_id)


def found_ill(
    connection: psycopg.Connection, key_id: UUID, health: Health, detail: str, wait: timedelta | None
) -> None:
    """Note in the caller's transaction why a key gave none; one that waits for a person has an alert.

    It rests for `wait`, None: twice as long each time.
    """
    row = connection.execute(
        "UPDATE model_key SET health = %s, detail = %s, checked_at = now(), faults = faults + 1,"
        " ill_since = coalesce(ill_since, now()), retry_at = now() +"
        " coalesce(%s::interval, least(%s::interval, %s::interval * power(2, least(faults, 20)))) WHERE id = %s"
        " RETURNING tenant_id, of_platform, ill_since <= now() - %s::interval",
        (health, one_line(detail)[:500], wait, LONGEST_RETRY, FIRST_RETRY, key_id, LASTED),
    ).fetchone()
    if row is not None:
        tenant_id, of_platform, has_lasted = row
        alert_of_key(connection, tenant_id, key_id, health, of_platform=of_platform, has_lasted=has_lasted)


def usable(secret: Secret) -> bytes:
    """Return the bytes of a key as they go into a header; `InputError` for what no header takes."""
    value = secret.reveal().strip()
    if not value or len(value) > 4096 or not all(0x21 <= byte <= 0x7E for byte in value):
        raise InputError(
            "The key is empty or holds characters that no key has", remedy="Give it as the provider shows it"
        )
    return value
