"""Members: what rights they lose at once, and whose rights nobody below may touch."""

from __future__ import annotations

import asyncio
from uuid import UUID

import httpx
import pytest

from opsintel.access.accounts import create_user
from opsintel.access.roles import ROLES, Role
from opsintel.db.engine import Database
from opsintel.ids import new_id
from opsintel.tenants import create_tenant
from tests.access.people import bearer, log_in, refresh, refresh_token
from tests.seeding import PASSWORD, Seeded


class Company:
    """A tenant with one member of each role, and a second owner when asked for."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.slug = f"c{new_id().hex[-12:]}"
        self.tenant_id = create_tenant(database, self.slug, "Company").id
        self.ids: dict[str, UUID] = {role: self.add(role, role) for role in ROLES}

    def email(self, name: str) -> str:
        return f"{name}@{self.slug}.example"

    def add(self, name: str, role: Role) -> UUID:
        return create_user(self.database, self.email(name), name, PASSWORD, self.tenant_id, role)

    def roles(self) -> dict[str, str]:
        with self.database.system_tx() as connection:
            rows = connection.execute(
                "SELECT name, role FROM membership JOIN app_user ON app_user.id = user_id WHERE tenant_id = %s",
                (self.tenant_id,),
            ).fetchall()
        return dict(rows)

    def log(self) -> list[tuple[str, str]]:
        with self.database.tenant_tx(self.tenant_id) as connection:
            return connection.execute("SELECT action, actor_kind FROM audit_log ORDER BY seq").fetchall()


@pytest.fixture
def company(database: Database) -> Company:
    return Company(database)


async def change(client: httpx.AsyncClient, session: httpx.Response, user_id: UUID, /, **body: object) -> int:
    return (await client.patch(f"/v1/members/{user_id}", headers=bearer(session), json=body)).status_code


async def remove(client: httpx.AsyncClient, session: httpx.Response, user_id: UUID) -> int:
    return (await client.delete(f"/v1/members/{user_id}", headers=bearer(session))).status_code


class TestRemoval:
    @pytest.mark.parametrize("role", ["admin", "analyst", "viewer"])
    async def test_check_24_a_removed_member_is_refused_on_the_next_request(self, client, company: Company, role):
        owner, session = await log_in(client, company.email("owner")), await log_in(client, company.email(role))
        assert (await client.get("/v1/issues", headers=bearer(session))).status_code == 200
        assert await remove(client, owner, company.ids[role]) == 204
        for path in ("/v1/issues", "/v1/messages", "/v1/overview", "/v1/me", "/v1/search?q=tax"):
            assert (await client.get(path, headers=bearer(session))).status_code == 403
        assert (await refresh(client, refresh_token(session))).status_code == 401
        assert (await log_in(client, company.email(role))).status_code == 403

    async def test_check_24_who_comes_back_does_not_find_the_old_sessions(self, client, company: Company):
        owner, session = await log_in(client, company.email("owner")), await log_in(client, company.email("viewer"))
        await remove(client, owner, company.ids["viewer"])
        company.add("viewer", "viewer")
        assert (await client.get("/v1/issues", headers=bearer(session))).status_code == 401
        assert (await refresh(client, refresh_token(session))).status_code == 401

    async def test_check_24_a_disabled_account_is_out_at_once(self, client, company: Company):
        session = await log_in(client, company.email("admin"))
        with company.database.system_tx() as connection:
            connection.execute("UPDATE app_user SET disabled_at = now() WHERE id = %s", (company.ids["admin"],))
        assert (await client.get("/v1/issues", headers=bearer(session))).status_code == 401
        assert (await log_in(client, company.email("admin"))).status_code == 401

    async def test_of_nobody_or_of_another_tenants_member_is_404(self, client, company: Company, acme: Seeded):
        owner = await log_in(client, company.email("owner"))
        for stranger in (new_id(), acme.users["viewer"]):
            assert await remove(client, owner, stranger) == 404
            assert await change(client, owner, stranger, role="viewer") == 404


class TestRoles:
    async def test_check_24_a_lower_role_holds_on_the_next_request(self, client, company: Company):
        owner, session = await log_in(client, company.email("owner")), await log_in(client, company.email("admin"))
        assert (await client.get("/v1/members", headers=bearer(session))).status_code == 200
        assert await change(client, owner, company.ids["admin"], role="viewer") == 204
        assert (await client.get("/v1/members", headers=bearer(session))).status_code == 403
        assert (await client.get("/v1/issues", headers=bearer(session))).status_code == 200

    @pytest.mark.parametrize("role", ["admin", "analyst", "viewer"])
    async def test_an_admin_gives_every_role_but_that_of_an_owner(self, client, company: Company, role):
        admin = await log_in(client, company.email("admin"))
        assert await change(client, admin, company.ids["viewer"], role=role) == 204
        assert company.roles()["viewer"] == role

    @pytest.mark.parametrize("target", ROLES)
    async def test_an_admin_makes_nobody_an_owner_and_touches_none(self, client, company: Company, target: Role):
        company.add("second", "owner")
        admin, before = await log_in(client, company.email("admin")), company.roles()
        assert await change(client, admin, company.ids[target], role="owner") == 403
        if target == "owner":
            for role in ROLES:
                assert await change(client, admin, company.ids[target], role=role) == 403
            assert await change(client, admin, company.ids[target], source_ids=[]) == 403
            assert await remove(client, admin, company.ids[target]) == 403
        assert company.roles() == before

    @pytest.mark.parametrize("role", ["analyst", "viewer"])
    async def test_who_is_no_admin_changes_nobody(self, client, company: Company, role):
        session, before = await log_in(client, company.email(role)), company.roles()
        for name, user_id in company.ids.items():
            assert await change(client, session, user_id, role="viewer") == 403, name
            assert await remove(client, session, user_id) == 403, name
        assert company.roles() == before

    @pytest.mark.parametrize("body", [{"role": "admin"}, {"role": "viewer"}])
    async def test_the_last_owner_stays_one(self, client, company: Company, body):
        owner = await log_in(client, company.email("owner"))
        assert await change(client, owner, company.ids["owner"], **body) == 422
        assert await remove(client, owner, company.ids["owner"]) == 422
        assert company.roles()["owner"] == "owner"

    async def test_an_owner_whose_account_is_disabled_is_not_counted(self, client, company: Company):
        company.add("gone", "owner")
        with company.database.system_tx() as connection:
            connection.execute("UPDATE app_user SET disabled_at = now() WHERE email = %s", (company.email("gone"),))
        owner = await log_in(client, company.email("owner"))
        assert await remove(client, owner, company.ids["owner"]) == 422

    async def test_of_two_owners_who_leave_at_once_one_stays(self, client, company: Company):
        second = company.add("second", "owner")
        sessions = [await log_in(client, company.email(name)) for name in ("owner", "second")]
        ids = [company.ids["owner"], second]
        for body in ("leave", "demote"):
            outcomes = await asyncio.gather(
                *(
                    remove(client, session, user_id)
                    if body == "leave"
                    else change(client, session, user_id, role="viewer")
                    for session, user_id in zip(sessions, ids, strict=True)
                )
            )
            assert "owner" in company.roles().values(), outcomes

    async def test_two_owners_who_remove_each_other_at_once_leave_one(self, client, company: Company):
        second = company.add("second", "owner")
        sessions = [await log_in(client, company.email(name)) for name in ("owner", "second")]
        outcomes = await asyncio.gather(
            remove(client, sessions[0], second), remove(client, sessions[1], company.ids["owner"])
        )
        assert sorted(outcomes) == [204, 403]

    async def test_grants_are_those_that_the_role_may_have(self, client, company: Company):
        owner = await log_in(client, company.email("owner"))
        grants = ["messages.read_unmasked"]
        assert await change(client, owner, company.ids["analyst"], grants=grants) == 204
        for role, wanted in (("viewer", grants), ("analyst", ["members.manage"]), ("analyst", ["*"])):
            assert await change(client, owner, company.ids["analyst"], role=role, grants=wanted) == 422
        assert await change(client, owner, company.ids["analyst"], role="viewer") == 204
        listed = (await client.get("/v1/members", headers=bearer(owner))).json()["items"]
        assert [m["grants"] for m in listed if m["name"] == "analyst"] == [[]]

    async def test_sources_are_those_of_the_tenant(self, client, acme: Seeded, other: Seeded):
        owner, target = await log_in(client, acme.email("owner")), acme.users["viewer"]
        own, foreign = str(acme.sources["mbox"]), str(other.sources["mbox"])
        assert await change(client, owner, target, source_ids=[own]) == 204
        for wanted in ([foreign], [own, foreign], [str(new_id())]):
            assert await change(client, owner, target, source_ids=wanted) == 422
        listed = (await client.get("/v1/members", headers=bearer(owner))).json()["items"]
        assert [m["source_ids"] for m in listed if m["user_id"] == str(target)] == [[own]]
        assert await change(client, owner, target, source_ids=None) == 204

    @pytest.mark.parametrize("body", [{"tenant_id": "x"}, {"user_id": "x"}, {"role": "root"}, {"role": None, "id": 1}])
    async def test_other_fields_and_roles_are_refused(self, client, company: Company, body):
        assert await change(client, await log_in(client, company.email("owner")), company.ids["viewer"], **body) == 422

    async def test_every_change_is_in_the_audit_log(self, client, company: Company):
        owner = await log_in(client, company.email("owner"))
        await change(client, owner, company.ids["viewer"], role="analyst")
        await change(client, owner, company.ids["viewer"], grants=["messages.read_unmasked"])
        await remove(client, owner, company.ids["viewer"])
        assert company.log()[-3:] == [
            ("member.role_changed", "person"), ("member.rights_changed", "person"), ("member.removed", "person")
        ]  # fmt: skip


class TestList:
    async def test_is_in_pages_and_of_this_tenant_only(self, client, company: Company, acme: Seeded):
        owner = await log_in(client, company.email("owner"))
        found, cursor = [], ""
        while cursor is not None:
            page = (await client.get(f"/v1/members?limit=1{cursor}", headers=bearer(owner))).json()
            found += [member["email"] for member in page["items"]]
            cursor = page["next_cursor"] and f"&cursor={page['next_cursor']}"
        assert found == [company.email(role) for role in ROLES]

    async def test_shows_addresses_whole_whatever_becomes_of_those_in_messages(self, client, company: Company):
        owner = await log_in(client, company.email("owner"))
        policy = {"policy": "revealed"}
        assert (await client.put("/v1/policies/personal-data", headers=bearer(owner), json=policy)).status_code == 200
        invited = {"email": "bo@partner.example", "role": "viewer"}
        assert (await client.post("/v1/invitations", headers=bearer(owner), json=invited)).status_code == 201
        members = (await client.get("/v1/members", headers=bearer(owner))).json()["items"]
        assert {one["email"] for one in members} == {company.email(role) for role in ROLES}
        invitations = (await client.get("/v1/invitations", headers=bearer(owner))).json()["items"]
        assert [one["email"] for one in invitations] == ["bo@partner.example"]
