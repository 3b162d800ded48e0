"""Participants: one row for a person over all channels, found by any of their addresses."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import psycopg

from opsintel.events.message import Address, CanonicalMessage, Direction, IdentityKind
from opsintel.ids import new_id

FREE_MAIL = frozenset(
    {
        "gmail.com",
        "googlemail.com",
        "outlook.com",
        "hotmail.com",
        "live.com",
        "yahoo.com",
        "icloud.com",
        "me.com",
        "aol.com",
        "gmx.de",
        "gmx.net",
        "web.de",
        "t-online.de",
        "proton.me",
        "protonmail.com",
        "mail.com",
        "yandex.ru",
        "mail.ru",
        "qq.com",
        "163.com",
        "orange.fr",
        "free.fr",
    }
)
"""Domains of public mail services: an address there tells nothing of an organisation."""


class Participants:
    """Finds or makes the participants of a page of messages, in the caller's transaction."""

    def __init__(self, connection: psycopg.Connection, tenant_id: UUID) -> None:
        self._connection = connection
        self._tenant_id = tenant_id
        self._known: dict[tuple[str, str], UUID] = {}

    def prepare(self, addresses: Sequence[Address]) -> None:
        """Look up all addresses of a page at once."""
        rows = self._connection.execute(
            "SELECT kind, value, participant_id FROM participant_identity WHERE (kind, value) IN"
            " (SELECT * FROM unnest(%s::text[], %s::text[]))",
            ([address.kind.value for address in addresses], [address.value for address in addresses]),
        ).fetchall()
        self._known.update({(kind, value): participant_id for kind, value, participant_id in rows})

    def id_of(self, address: Address, message: CanonicalMessage) -> UUID:
        """Return the participant with this address, made when there is none."""
        key = (address.kind.value, address.value)
        if key not in self._known:
            self._known[key] = self._make(address, message)
        return self._known[key]

    def _make(self, address: Address, message: CanonicalMessage) -> UUID:
        participant_id = new_id()
        is_own = message.direction in (Direction.OUTBOUND, Direction.INTERNAL)
        self._connection.execute(
            "INSERT INTO participant (tenant_id, id, display_name, organization_id, is_own, first_seen_at)"
            " VALUES (%s, %s, %s, %s, %s, %s)",
            (self._tenant_id, participant_id, address.name, self._organization(address), is_own, message.occurred_at),
        )
        row = self._connection.execute(
            "INSERT INTO participant_identity (tenant_id, kind, value, participant_id) VALUES (%s, %s, %s, %s)"
            " ON CONFLICT (tenant_id, kind, value) DO UPDATE SET value = excluded.value RETURNING participant_id",
            (self._tenant_id, address.kind.value, address.value, participant_id),
        ).fetchone()
        assert row is not None
        if row[0] != participant_id:
            self._connection.execute("DELETE FROM participant WHERE id = %s", (participant_id,))
        return UUID(str(row[0]))

    def _organization(self, address: Address) -> UUID | None:
        domain = address.value.rpartition("@")[2] if address.kind is IdentityKind.EMAIL else ""
        if not domain or domain in FREE_MAIL:
            return None
        row = self._connection.execute(
            "INSERT INTO organization (tenant_id, id, domain) VALUES (%s, %s, %s)"
            " ON CONFLICT (tenant_id, domain) DO UPDATE SET domain = excluded.domain RETURNING id",
            (self._tenant_id, new_id(), domain),
        ).fetchone()
        assert row is not None
        return UUID(str(row[0]))
