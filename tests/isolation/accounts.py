"""What is done with people, invitations, keys and tenants of one tenant: those of another stay as they were.

Accounts belong to no tenant, so no policy of the database binds what reads and changes them (`system_tx`): the words of
each statement do.
"""

from __future__ import annotations

from unittest.mock import patch
from uuid import UUID

import pytest
from fastapi import FastAPI

from opsintel.access import invitations, members, operators, tenancies
from opsintel.access.account_tokens import PREFIX, LinkError
from opsintel.access.members import Change, Giver, Rights
from opsintel.access.opaque import SERVICE_KEY, digest, new_token
from opsintel.access.roles import matrix
from opsintel.access.tokens import AccessToken
from opsintel.clock import now, today
from opsintel.db.engine import AsyncDatabase
from opsintel.errors import AccessError, InputError, NotFoundError
from opsintel.ids import new_id
from opsintel_api.auth import keys, sessions
from opsintel_api.auth.standing import person_of
from tests.isolation.canaries import Scanner
from tests.isolation.pairs import LATER, Pair, pair
from tests.isolation.world import Channel, World

ROLE = "SELECT role FROM membership WHERE tenant_id = %s AND user_id = %s"
OPEN = "SELECT revoked_at IS NULL AND accepted_at IS NULL FROM invitation WHERE tenant_id = %s AND id = %s"

LASTS = "SELECT expires_at FROM invitation WHERE tenant_id = %s AND id = %s"


def _database(app: FastAPI) -> AsyncDatabase:
    database = app.state.services.database
    assert isinstance(database, AsyncDatabase)
    return database


def _operator() -> Giver:
    return Giver(operators.at_the_command_line(), None)


async def rights_change_in_their_tenant_only(world: World, app: FastAPI, scanner: Scanner) -> None:
    """Change and remove a member of two tenants in one of them, and one who is a member of the other alone."""
    database = _database(app)
    with pair(world) as made:
        both, stranger = made.person(one="viewer", other="viewer"), made.person(other="analyst")
        session, sent = made.session(made.other, both), new_id()
        for tenant_id in (made.one, made.other):
            _invitation(made, tenant_id, sent, "guest@pair.example", invited_by=both)
        await members.change(database, made.one, both, _operator(), Change(role="admin"))
        assert made.value(ROLE, made.other, both) == "viewer", "a role in another tenant changes"
        await members.remove(database, made.one, both, _operator())
        assert made.value(ROLE, made.other, both) == "viewer", "a membership in another tenant ends"
        assert not made.value(OPEN, made.one, sent), "an invitation stays open whose sender has left"
        assert made.value(OPEN, made.other, sent), "an invitation ends that was sent in another tenant"
        standing = await person_of(database, AccessToken(both, made.other, session))
        assert standing.session_lives, "a session in another tenant ends"
        for act in (
            members.change(database, made.one, stranger, _operator(), Change(role="owner")),
            members.remove(database, made.one, stranger, _operator()),
        ):
            with pytest.raises(NotFoundError):
                await act
        assert made.value(ROLE, made.other, stranger) == "analyst"


async def owners_and_sources_count_in_their_tenant_only(world: World, app: FastAPI, scanner: Scanner) -> None:
    """Remove the only owner while another tenant has one; limit a member to another tenant's source."""
    database = _database(app)
    with pair(world) as made:
        owner, viewer = made.person(one="owner"), made.person(one="viewer")
        made.person(other="owner")
        with pytest.raises(InputError):
            await members.remove(database, made.one, owner, _operator())
        source_id = new_id()
        made.write("source", tenant_id=made.other, id=source_id, kind="mbox", name="n", config="{}", config_key="k")
        with pytest.raises(InputError):
            await members.change(database, made.one, viewer, _operator(), Change(source_ids=(source_id,)))
        former = Giver(members.Actor("person", str(made.people[-1])), matrix().scopes["owner"])
        with pytest.raises(AccessError):  # an owner of the other tenant is nobody here
            await members.change(database, made.one, viewer, former, Change(role="analyst"))


async def invitations_are_of_their_tenant_only(world: World, app: FastAPI, scanner: Scanner) -> None:
    """Make, take back and open invitations while another tenant has ones of the same address and id."""
    database = _database(app)
    with pair(world) as made:
        email, same = f"g{new_id().hex}@pair.example", new_id()
        for tenant_id in (made.one, made.other):
            _invitation(made, tenant_id, same, email)
        with patch.object(invitations, "MOST_OPEN", 1):
            _invitation(made, made.other, new_id(), f"more.{email}")
            replacing = await invitations.invite(database, made.one, email, Rights("viewer"), _operator())
        assert made.value(OPEN, made.other, same), "another tenant's invitation of the same address ends"
        await invitations.revoke(database, made.one, replacing.id, _operator())
        again = new_id()
        for tenant_id in (made.one, made.other):
            _invitation(made, tenant_id, again, f"again.{email}")
        before = made.value(LASTS, made.other, again)
        await invitations.renew(database, made.one, again, operators.at_the_command_line())
        assert made.value(LASTS, made.other, again) == before, "another tenant's invitation of the same id lasts longer"
        await invitations.revoke(database, made.one, again, _operator())
        assert made.value(OPEN, made.other, again), "another tenant's invitation of the same id is taken back"
        token = new_token(PREFIX)
        made.link(made.one, again, token)
        with pytest.raises(LinkError):  # it was taken back here, though it is open there
            await invitations.inspect(database, token)
        member_there = made.person(other="viewer")
        address = made.value("SELECT email FROM app_user WHERE id = %s", member_there)
        assert (await invitations.invite(database, made.one, address, Rights("viewer"), _operator())).email == address


async def accepting_joins_one_tenant(world: World, app: FastAPI, scanner: Scanner) -> None:
    """Accept an invitation while another tenant has one of the same id and address; then one of a suspended tenant."""
    database = _database(app)
    with pair(world) as made:
        email, same, token = f"g{new_id().hex}@pair.example", new_id(), new_token(PREFIX)
        sender, sender_there = made.person(one="owner"), made.person(other="owner")
        _invitation(made, made.one, same, email, invited_by=sender)
        _invitation(made, made.other, same, email)
        made.link(made.one, same, token)
        user_id, tenant_id = await invitations.accept(database, token, "G", "!")
        made.people.append(user_id)
        assert tenant_id == made.one
        assert made.value(ROLE, made.other, user_id) is None
        assert made.value(OPEN, made.other, same), "another tenant's invitation of the same id is used up"
        last, foreign = new_token(PREFIX), new_token(PREFIX)
        for sent_by, link in ((sender_there, foreign), (sender, last)):
            invitation = new_id()
            _invitation(made, made.one, invitation, f"{invitation.hex}@pair.example", invited_by=sent_by)
            made.link(made.one, invitation, link)
        with pytest.raises(LinkError):  # who sent it may give nothing here, though in the other tenant
            await invitations.inspect(database, foreign)
        made.suspend(made.one)
        with pytest.raises(LinkError):
            await invitations.inspect(database, last)


def _invitation(made: Pair, tenant_id: UUID, id_: UUID, email: str, invited_by: UUID | None = None) -> None:
    made.write(
        "invitation", tenant_id=tenant_id, id=id_, email=email, role="viewer", invited_by=invited_by,
        expires_at=now() + LATER,
    )  # fmt: skip


async def service_keys_are_of_their_tenant_only(world: World, app: FastAPI, scanner: Scanner) -> None:
    """Use keys while another tenant has one of the same id; whose maker belongs to another; of a suspended tenant."""
    database = _database(app)
    used = "SELECT last_used_at FROM api_key WHERE tenant_id = %s AND id = %s"
    with pair(world) as made:
        maker, elsewhere, same = made.person(one="owner", other="owner"), made.person(other="owner"), new_id()
        value = _key(made, made.one, same, maker)
        _key(made, made.other, same, maker)
        found = await keys.find(database, value, matrix())
        assert found is not None
        assert found.tenant_id == made.one
        assert made.value(used, made.one, same)
        assert made.value(used, made.other, same) is None, "another tenant's key of the same id is noted as used"
        orphan = _key(made, made.one, new_id(), elsewhere)
        assert await keys.find(database, orphan, matrix()) is None, "a key works whose maker is another tenant's"
        made.suspend(made.one)
        assert await keys.find(database, value, matrix()) is None, "a key of a suspended tenant works"


def _key(made: Pair, tenant_id: UUID, id_: UUID, maker: UUID) -> str:
    value = new_token(SERVICE_KEY)
    made.write(
        "api_key", tenant_id=tenant_id, id=id_, name="k", prefix=value[:12], hash=digest(value),
        scopes=["insights.read"], created_by=maker, expires_at=now() + LATER,
    )  # fmt: skip
    return value


async def suspension_closes_one_tenant(world: World, app: FastAPI, scanner: Scanner) -> None:
    """Suspend a tenant: its people are out, in the other they go on; nobody's place there opens the closed one."""
    database = _database(app)
    with pair(world) as made:
        both = made.person(one="owner", other="viewer")
        one, other = (made.session(tenant_id, both) for tenant_id in (made.one, made.other))
        assert {m.tenant_id for m in await sessions.memberships(database, both)} == {made.one, made.other}
        try:
            await tenancies.suspend(database, made.one, _operator().actor)
        finally:  # a mutant may have ended the sessions of all tenants; those of the world go on
            ids = [tenant.id for tenant in world.tenants]
            made.connection.execute("UPDATE refresh_token SET revoked_at = NULL WHERE tenant_id = ANY(%s)", (ids,))
        assert (await person_of(database, AccessToken(both, made.one, one))).role == ""
        standing = await person_of(database, AccessToken(both, made.other, other))
        assert (standing.role, standing.session_lives) == ("viewer", True), "suspension ends sessions of others"
        assert [m.tenant_id for m in await sessions.memberships(database, both)] == [made.other]


async def figures_count_one_tenant(world: World, app: FastAPI, scanner: Scanner) -> None:
    """Show the operator a tenant that has nothing, while another has a source that fails and work that waits."""
    with pair(world) as made:
        made.person(one="owner", other="viewer")
        made.write(
            "source", tenant_id=made.other, id=new_id(), kind="mbox", name="n", config="{}", config_key="k",
            state="failing",
        )  # fmt: skip
        for state in ("pending", "failed"):
            made.write("work", tenant_id=made.other, id=new_id(), partition_day=today(), state=state)
        seen = await tenancies.one(_database(app), made.one)
        rest = (seen.sources, seen.failing_sources, seen.waiting_work, seen.failed_work, seen.messages)
        assert (seen.members, *rest) == (1, 0, 0, 0, 0, 0)


CHANNELS: tuple[Channel, ...] = (
    rights_change_in_their_tenant_only,
    owners_and_sources_count_in_their_tenant_only,
    invitations_are_of_their_tenant_only,
    accepting_joins_one_tenant,
    service_keys_are_of_their_tenant_only,
    suspension_closes_one_tenant,
    figures_count_one_tenant,
)

__all__ = ["CHANNELS"]
