"""Check 33: service keys, tried by who has none, too little, an old one, or another tenant's."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

import pytest
import pytest_asyncio

from opsintel.access import opaque
from opsintel.access.roles import matrix
from opsintel.db.engine import Database
from opsintel.ids import new_id
from tests.access.attack import Api
from tests.api.examples import example, path_of, protected_routes
from tests.seeding import Seeded

pytestmark = pytest.mark.asyncio(loop_scope="module")

NEVER = sorted(set(matrix().scopes["owner"]) - matrix().of_service_keys)


async def made(api: Api, scopes: list[str], **more: Any) -> tuple[str, str]:
    """Return id and value of a new key."""
    response = await api.owner("POST", "/v1/service-keys", json={"name": "Key", "scopes": scopes, **more})
    assert response.status_code == 201, response.text
    return response.json()["key"]["id"], response.json()["value"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def by_scope(api: Api) -> dict[str, str]:
    """A key for every scope that keys may hold, and it alone."""
    return {scope: (await made(api, [scope]))[1] for scope in sorted(matrix().of_service_keys)}


async def status(api: Api, value: str, path: str = "/v1/issues") -> int:
    return (await api.bearer(value, "GET", path)).status_code


def edit(database: Database, tenant: Seeded, change: str, key_id: str) -> None:
    with database.tenant_tx(tenant.tenant_id) as connection:
        connection.execute(f"UPDATE api_key SET {change} WHERE id = %s", (key_id,))


class TestScopes:
    @pytest.mark.parametrize("route", protected_routes())
    async def test_check_33_a_key_reaches_the_routes_of_its_scopes_only(
        self, api: Api, acme: Seeded, by_scope: dict[str, str], route: str
    ):
        asked = example(route, acme)
        for scope, value in by_scope.items():
            response = await api.bearer(
                value, route.split()[0], path_of(route, acme), json=asked.body, params=asked.query
            )
            expected = asked.statuses if {scope} == matrix().routes[route] else {403}
            assert response.status_code in expected, scope

    @pytest.mark.parametrize("scope", [*NEVER, *matrix().of_operators, "open", "session", "*", "", "insights.read "])
    async def test_check_33_no_key_holds_what_makes_keys_members_or_credentials(self, api: Api, scope: str):
        response = await api.owner("POST", "/v1/service-keys", json={"name": "Key", "scopes": ["insights.read", scope]})
        assert response.status_code == 422

    async def test_check_33_a_key_holds_at_most_what_its_maker_holds(self, api: Api, database: Database, acme: Seeded):
        with database.system_tx() as connection:
            connection.execute("UPDATE membership SET role = 'admin' WHERE user_id = %s", (acme.users["owner"],))
        poorer = set(matrix().scopes["admin"])
        _, value = await made(api, sorted(matrix().of_service_keys & poorer))
        for role, allowed in (("admin", True), ("analyst", False), ("viewer", False)):
            with database.system_tx() as connection:
                connection.execute("UPDATE membership SET role = %s WHERE user_id = %s", (role, acme.users["owner"]))
            day = str(acme.last_day)
            body = {"from": day, "to": day}
            found = await api.bearer(value, "POST", "/v1/backfills", json=body, params={"estimate": "true"})
            assert found.status_code == (403 if role == "viewer" else 200)
            again = await api.owner("POST", "/v1/service-keys", json={"name": "Key", "scopes": ["insights.read"]})
            assert (again.status_code == 201) is allowed
        with database.system_tx() as connection:
            connection.execute("UPDATE membership SET role = 'owner' WHERE user_id = %s", (acme.users["owner"],))

    async def test_check_33_a_key_ends_with_its_makers_membership(self, api: Api, database: Database, acme: Seeded):
        response = await api.role("admin", "POST", "/v1/service-keys", json={"name": "K", "scopes": ["insights.read"]})
        value, maker = response.json()["value"], acme.users["admin"]
        assert await status(api, value) == 200
        with database.system_tx() as connection:
            connection.execute("DELETE FROM membership WHERE user_id = %s", (maker,))
        assert await status(api, value) == 401
        rotated = await api.owner("POST", f"/v1/service-keys/{response.json()['key']['id']}/rotate", json={})
        assert await status(api, rotated.json()["value"]) == 200
        with database.system_tx() as connection:
            connection.execute(
                "INSERT INTO membership (tenant_id, user_id, role) VALUES (%s, %s, 'admin')", (acme.tenant_id, maker)
            )

    async def test_check_33_a_key_sees_its_own_tenant_only(self, api: Api, acme: Seeded, other: Seeded):
        _, value = await made(api, ["insights.read"])
        for route in protected_routes():
            if "{" in route and matrix().routes[route] == {"insights.read"}:
                response = await api.bearer(value, "GET", path_of(route, other))
                assert response.status_code == 404, route
        foreign = await api.owner("DELETE", f"/v1/service-keys/{other.service_key}")
        assert foreign.status_code == 404

    async def test_check_33_the_sources_of_a_key_are_the_tenants(self, api: Api, other: Seeded):
        for sources in ([str(other.sources["mbox"])], [str(new_id())], []):
            body = {"name": "Key", "scopes": ["insights.read"], "source_ids": sources}
            assert (await api.owner("POST", "/v1/service-keys", json=body)).status_code == 422


class TestExpiry:
    async def test_check_33_an_expired_key_is_refused(self, api: Api, database: Database, acme: Seeded):
        key_id, value = await made(api, ["insights.read"])
        edit(database, acme, "expires_at = now() + interval '1 minute'", key_id)
        assert await status(api, value) == 200
        edit(database, acme, "expires_at = now()", key_id)
        assert await status(api, value) == 401

    @pytest.mark.parametrize("days", [0, -1, 367, 10**9, None, "90", 1.5])
    async def test_check_33_no_key_lives_for_ever(self, api: Api, days: Any):
        body = {"name": "Key", "scopes": ["insights.read"], "expires_in_days": days}
        assert (await api.owner("POST", "/v1/service-keys", json=body)).status_code in (
            {201} if days == "90" else {422}
        )

    async def test_check_33_a_revoked_key_ends_at_once_with_the_value_before(self, api: Api):
        key_id, first = await made(api, ["insights.read"])
        second = (await api.owner("POST", f"/v1/service-keys/{key_id}/rotate", json={})).json()["value"]
        assert [await status(api, value) for value in (first, second)] == [200, 200]
        assert (await api.owner("DELETE", f"/v1/service-keys/{key_id}")).status_code == 204
        assert [await status(api, value) for value in (first, second)] == [401, 401]
        assert (await api.owner("POST", f"/v1/service-keys/{key_id}/rotate", json={})).status_code == 409

    async def test_check_33_a_suspended_tenants_keys_are_refused(self, api: Api, database: Database, acme: Seeded):
        _, value = await made(api, ["insights.read"])
        for suspended, expected in (("now()", 401), ("NULL", 200)):
            with database.system_tx() as connection:
                connection.execute(f"UPDATE tenant SET suspended_at = {suspended} WHERE id = %s", (acme.tenant_id,))
            assert await status(api, value) == expected


class TestRotation:
    async def test_check_33_the_value_before_ends_with_the_overlap(self, api: Api, database: Database, acme: Seeded):
        key_id, first = await made(api, ["insights.read"])
        second = (await api.owner("POST", f"/v1/service-keys/{key_id}/rotate", json={})).json()["value"]
        assert first != second
        assert [await status(api, value) for value in (first, second)] == [200, 200]
        edit(database, acme, "previous_until = now()", key_id)
        assert [await status(api, value) for value in (first, second)] == [401, 200]

    async def test_check_33_a_value_before_the_last_one_is_refused(self, api: Api):
        key_id, first = await made(api, ["insights.read"])
        values = [first]
        for _ in range(3):
            values.append((await api.owner("POST", f"/v1/service-keys/{key_id}/rotate", json={})).json()["value"])
        assert [await status(api, value) for value in values] == [401, 401, 200, 200]

    async def test_check_33_without_overlap_it_ends_at_once(self, api: Api):
        key_id, first = await made(api, ["insights.read"])
        body = {"overlap_hours": 0}
        second = (await api.owner("POST", f"/v1/service-keys/{key_id}/rotate", json=body)).json()["value"]
        assert [await status(api, value) for value in (first, second)] == [401, 200]

    async def test_check_33_an_expired_value_is_not_revived_by_a_rotation(
        self, api: Api, database: Database, acme: Seeded
    ):
        key_id, first = await made(api, ["insights.read"])
        edit(database, acme, "expires_at = now()", key_id)
        second = (await api.owner("POST", f"/v1/service-keys/{key_id}/rotate", json={})).json()["value"]
        assert [await status(api, value) for value in (first, second)] == [401, 200]

    async def test_check_33_rotations_side_by_side_leave_two_values_at_most(self, api: Api):
        key_id, first = await made(api, ["insights.read"])
        path = f"/v1/service-keys/{key_id}/rotate"
        answers = await asyncio.gather(*(api.owner("POST", path, json={}) for _ in range(5)))
        found = [await status(api, value) for value in (first, *(answer.json()["value"] for answer in answers))]
        assert found.count(200) == 2


class TestValue:
    async def test_check_33_the_value_is_shown_once_and_kept_as_a_hash(
        self, api: Api, database: Database, acme: Seeded
    ):
        key_id, value = await made(api, ["insights.read"])
        listed = (await api.owner("GET", "/v1/service-keys")).text
        assert key_id in listed
        assert value not in listed
        with database.tenant_tx(acme.tenant_id) as connection:
            row = connection.execute("SELECT to_jsonb(api_key)::text FROM api_key WHERE id = %s", (key_id,)).fetchone()
        assert row is not None
        assert value not in row[0]
        assert hashlib.sha256(value.encode()).hexdigest() in row[0]

    async def test_check_33_what_is_no_key_is_refused_before_it_is_looked_up(self, api: Api, monkeypatch):
        _, value = await made(api, ["insights.read"])
        body = value.removeprefix("ops_")
        changed = [value[:place] + ("x" if value[place] != "x" else "y") + value[place + 1 :] for place in range(4, 53)]
        wrong = [
            "ops_",
            "ops_ ",
            "ops_" + "0" * 49,
            value[:-1],
            value + "0",
            value.upper(),
            "opo_" + body,
            "OPS_" + body,
        ]

        async def never(*_: object) -> None:
            raise AssertionError("a value of another form was looked up")

        monkeypatch.setattr("opsintel_api.auth.keys.find", never)
        for given in (*changed, *wrong, "ops_\u00e9" + body, "ops_" + "a" * 5000):
            response = await api.bearer(given, "GET", "/v1/issues")
            assert response.status_code == 401, given

    async def test_check_33_a_well_formed_key_that_nobody_made_is_refused(self, api: Api):
        for _ in range(20):
            assert await status(api, opaque.new_token(opaque.SERVICE_KEY)) == 401

    async def test_check_33_every_act_is_in_the_audit_log(self, api: Api, database: Database, acme: Seeded):
        key_id, _ = await made(api, ["insights.read"])
        await api.owner("POST", f"/v1/service-keys/{key_id}/rotate", json={})
        await api.owner("DELETE", f"/v1/service-keys/{key_id}")
        await api.owner("DELETE", f"/v1/service-keys/{key_id}")
        with database.tenant_tx(acme.tenant_id) as connection:
            rows = connection.execute(
                "SELECT action, actor_kind FROM audit_log WHERE subject_kind = 'service_key' AND subject_id = %s"
                " ORDER BY seq", (key_id,),
            ).fetchall()  # fmt: skip
        acts = ["service_key.created", "service_key.rotated", "service_key.revoked"]
        assert rows == [(act, "person") for act in acts]

    async def test_check_33_its_use_is_noted(self, api: Api):
        key_id, value = await made(api, ["insights.read"])
        await status(api, value)
        listed = {key["id"]: key for key in (await api.owner("GET", "/v1/service-keys")).json()["items"]}
        assert listed[key_id]["last_used_at"] is not None

    async def test_check_33_a_job_of_a_key_is_found_again_by_its_idempotency_key(self, api: Api, acme: Seeded):
        key_id, value = await made(api, ["analysis.rerun"])
        day = str(acme.last_day)
        asked = {"json": {"from": day, "to": day}, "headers": {"Idempotency-Key": "one"}}
        first, second = [await api.bearer(value, "POST", "/v1/backfills", **asked) for _ in range(2)]
        assert first.status_code == second.status_code == 202
        assert first.json()["id"] == second.json()["id"]
        assert (first.json()["created_by"], first.json()["service_key_id"]) == (None, key_id)
        by_person = await api.owner("POST", "/v1/backfills", **asked)
        assert by_person.json()["id"] != first.json()["id"]
