"""Participants: one row for a person over all channels, found by any of their addresses."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import psycopg

from opsintel.db.bulk import insert_returning, insert_rows
from opsintel.events.message import Address, CanonicalMessage, Direction
from opsintel.events.organization import organization_domain
from opsintel.ids import new_id


class Participants:
    """Finds or makes the participants of a page of messages, in the caller's transaction."""

    def __init__(self, connection: psycopg.Connection, tenant_id: UUID) -> None:
        self._connection = connection
        self._tenant_id = tenant_id
        self._known: dict[tuple[str, str], UUID] = {}
        self._new: list[tuple[UUID, Address, CanonicalMessage]] = []

    def prepare(self, addresses: Sequence[Address]) -> None:
        """Look up all addresses of a page at once."""
        keys = {(address.kind.value, address.value) for address in addresses}
        rows = self._connection.execute(
            "SELECT wanted.kind, wanted.value, found.participant_id"
            " FROM unnest(%s::text[], %s::text[]) AS wanted (kind, value) CROSS JOIN LATERAL (SELECT participant_id"
            " FROM participant_identity WHERE kind = wanted.kind AND value = wanted.value LIMIT 1) AS found",
            ([kind for kind, _ in keys], [value for _, value in keys]),
        ).fetchall()
        self._known.update({(kind, value): participant_id for kind, value, participant_id in rows})

    def id_of(self, address: Address, message: CanonicalMessage) -> UUID:
        """Return the participant with this address; one that is not there yet is made by `store`."""
        key = (address.kind.value, address.value)
        if key not in self._known:
            self._known[key] = new_id()
            self._new.append((self._known[key], address, message))
        return self._known[key]

    def store(self) -> dict[UUID, UUID]:
        """Make the new participants; return the ids that hold for those that another transaction has made meanwhile."""
        if not self._new:
            return {}
        organizations = self._organizations()
        insert_rows(
            self._connection,
            "participant",
            ("tenant_id", "id", "display_name", "organization_id", "is_own", "first_seen_at"),
            [
                (self._tenant_id, participant_id, address.name, organizations.get(organization_domain(address)),
                 message.direction in (Direction.OUTBOUND, Direction.INTERNAL), message.occurred_at)
                for participant_id, address, message in self._new
            ],
        )  # fmt: skip
        made = {(address.kind.value, address.value): participant_id for participant_id, address, _ in self._new}
        held = insert_returning(
            self._connection,
            "participant_identity",
            ("tenant_id", "kind", "value", "participant_id"),
            [(self._tenant_id, *key, participant_id) for key, participant_id in made.items()],
            "ON CONFLICT (tenant_id, kind, value) DO UPDATE SET value = excluded.value"
            " RETURNING kind, value, participant_id",
        )
        others = {made[kind, value]: kept for kind, value, kept in held if made[kind, value] != kept}
        self._new.clear()
        self._known.update({key: others[made] for key, made in self._known.items() if made in others})
        if others:
            self._connection.execute("DELETE FROM participant WHERE id = ANY(%s)", (list(others),))
        return others

    def _organizations(self) -> dict[str, UUID]:
        """Return the organisations of the new participants by domain, made when they are not there."""
        domains = sorted({domain for _, address, _ in self._new if (domain := organization_domain(address))})
        held = insert_returning(
            self._connection,
            "organization",
            ("tenant_id", "id", "domain"),
            [(self._tenant_id, new_id(), domain) for domain in domains],
            "ON CONFLICT (tenant_id, domain) DO UPDATE SET domain = excluded.domain RETURNING domain, id",
        )
        return dict(held)
