"""How the holder of a token stands in its tenant now: asked at every request, so that what was taken away is gone."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from opsintel.access.tokens import AccessToken
from opsintel.db.engine import AsyncDatabase

# One revoked token ends its family, also a successor that was issued at that moment.
_PERSON = """
    SELECT EXISTS (SELECT FROM refresh_token WHERE family_id = $3 AND user_id = $1 AND tenant_id = $2),
           EXISTS (SELECT FROM refresh_token AS token JOIN app_user ON app_user.id = token.user_id
                   WHERE token.family_id = $3 AND token.expires_at > now() AND app_user.disabled_at IS NULL)
           AND NOT EXISTS (SELECT FROM refresh_token WHERE family_id = $3 AND revoked_at IS NOT NULL),
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
    """Whether there ever was such a session and it lives, and the person's place in the tenant.

    The role is "" for who is no member.
    """

    session_is_known: bool
    session_lives: bool
    role: str
    grants: tuple[str, ...]
    sources: tuple[UUID, ...] | None
    personal_data: str


async def person_of(database: AsyncDatabase, token: AccessToken) -> Standing:
    """Return how the person of an access token stands now."""
    row = await database.system_row(_PERSON, token.user_id, token.tenant_id, token.session_id)
    assert row is not None
    known, lives, role, grants, sources, personal_data = row
    limits = None if sources is None else tuple(sources)
    return Standing(known, lives, role, tuple(grants), limits, personal_data)
