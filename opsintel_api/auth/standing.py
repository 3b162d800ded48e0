"""How the holder of a token stands in its tenant now: asked at every request, so that what was taken away is gone."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from opsintel.access.tokens import AccessToken
from opsintel.db.engine import AsyncDatabase

_PERSON = """
    SELECT EXISTS (
               SELECT FROM refresh_token AS token JOIN app_user ON app_user.id = token.user_id
               WHERE token.family_id = $3 AND token.user_id = $1 AND token.tenant_id = $2
                 AND token.revoked_at IS NULL AND token.expires_at > now() AND app_user.disabled_at IS NULL),
           coalesce(member.role, ''), coalesce(member.grants, '{}'), member.source_ids,
           coalesce(member.personal_data, 'masked')
    FROM (SELECT) AS one LEFT JOIN (
        SELECT membership.role, membership.grants, membership.source_ids, tenant.personal_data
        FROM membership JOIN tenant ON tenant.id = membership.tenant_id
        WHERE membership.user_id = $1 AND membership.tenant_id = $2 AND tenant.suspended_at IS NULL
    ) AS member ON true
"""


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether a session lives, and the person's place in the tenant; role "" for who is no member."""

    session_lives: bool
    role: str
    grants: tuple[str, ...]
    sources: tuple[UUID, ...] | None
    personal_data: str


async def person_of(database: AsyncDatabase, token: AccessToken) -> Standing:
    """Return how the person of an access token stands now."""
    async with database.system_tx() as connection:
        row = await connection.fetchrow(_PERSON, token.user_id, token.tenant_id, token.session_id)
    return Standing(bool(row[0]), str(row[1]), tuple(row[2]), None if row[3] is None else tuple(row[3]), str(row[4]))
