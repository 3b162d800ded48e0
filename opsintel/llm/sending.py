"""What a tenant lets go to models: internal notes or not, each of nearly equal messages or one, to whose servers.

Local only: no text of the tenant leaves the machines that the operator names. Models are asked on those servers alone,
and nothing is published; the process that asks looks at it before each call, whatever a chain says.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from urllib.parse import urlsplit
from uuid import UUID

import psycopg

from opsintel.access.audit import Actor, Entry, Subject, record
from opsintel.db.engine import Database
from opsintel.errors import InputError
from opsintel.llm.chain import Link
from opsintel.llm.keys import ModelKey
from opsintel.net.hosts import canonical_host

Servers = Collection[tuple[str, int]]
"""Hosts and ports that the operator names as local."""


@dataclass(frozen=True, slots=True)
class Sending:
    """A tenant's policy."""

    sends_notes: bool = False
    """Whether models read internal notes, which customers do not see."""

    local_only: bool = False
    """Whether no text leaves the machines that the operator names."""

    shares_near_duplicates: bool = False
    """Whether of messages that say the same in nearly the same words only one is sent."""


def sending_of(connection: psycopg.Connection) -> Sending:
    """Return the policy of the transaction's tenant."""
    row = connection.execute(
        "SELECT sends_notes, local_only, shares_near_duplicates FROM tenant"
        " WHERE id = current_setting('app.tenant_id')::uuid"
    ).fetchone()
    assert row is not None
    return Sending(*row)


def set_sending(database: Database, tenant_id: UUID, sending: Sending, actor: Actor) -> None:
    """Set the policy; it holds from the next call on. Nothing that was sent before comes back."""
    with database.system_tx() as connection:
        connection.execute(
            "UPDATE tenant SET sends_notes = %s, local_only = %s, shares_near_duplicates = %s WHERE id = %s",
            (sending.sends_notes, sending.local_only, sending.shares_near_duplicates, tenant_id),
        )
        entry = Entry(tenant_id, actor, "policy.sending_changed", Subject("policy", "sending"), asdict(sending))
        record(connection, entry)


def is_local(base_url: str, servers: Servers) -> bool:
    """Tell whether an address is on a server that the operator names as local."""
    address = urlsplit(base_url)
    port = address.port or (443 if address.scheme == "https" else 80)
    return (canonical_host(address.hostname or ""), port) in servers


def permitted(chain: Sequence[Link], sending: Sending, servers: Servers) -> list[Link]:
    """Return the models of a chain that text may go to."""
    return [link for link in chain if not sending.local_only or is_local(link.base_url, servers)]


def require_permitted(base_url: str, sending: Sending, servers: Servers) -> None:
    """Raise `InputError` for a server that no text of the tenant may go to."""
    if sending.local_only and not is_local(base_url, servers):
        raise InputError(
            "The tenant is local only, and the operator does not name this server as local",
            remedy="Use one of OPSINTEL_LOCAL_SERVERS, or `opsintel tenant sending --no-local-only`",
        )


def idle(keys: Sequence[ModelKey], sending: Sending, servers: Servers) -> list[ModelKey]:
    """Return the keys that are not used, as text may not go to their servers."""
    return [key for key in keys if sending.local_only and not is_local(key.base_url, servers)]
