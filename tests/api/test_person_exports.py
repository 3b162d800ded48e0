"""Routes of exports of a person: a job, a file for seven days, each fetch recorded."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from opsintel.crypto.keyring import Keyring
from opsintel.crypto.master import MasterKeys
from opsintel.db.engine import Database
from opsintel.objects.store import open_objects
from opsintel.people.sealed import PURPOSE, new_key, sealed_file
from opsintel.settings import Settings
from opsintel_api.models.jobs import Job
from opsintel_api.models.person_exports import PersonExport, PersonExportPage
from tests.api.conftest import Get, Send
from tests.seeding import Seeded

BODY = {"subject": {"email": "customer1@buyer.example"}}
CONTENT = b"PK\x03\x04 what is stored of a person" * 50_000


async def asked(send: Send, **more: Any) -> str:
    answer = await send("POST", "/v1/person-exports", json=BODY, **more)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def make(settings: Settings, database: Database, tenant: Seeded, export_id: str, age: str = "0 days") -> str:
    """Do what the worker does: store the sealed file, and return its key."""
    key = new_key()
    secret_id = Keyring(database, MasterKeys.of(settings)).store(tenant.tenant_id, PURPOSE, key)
    file = sealed_file(key, tenant.tenant_id, UUID(export_id), CONTENT)
    object_key = open_objects(settings).put(tenant.tenant_id, "exports", file)
    with database.tenant_tx(tenant.tenant_id) as connection:
        connection.execute(
            "UPDATE person_export SET state = 'done', wanted = NULL, object_key = %s, secret_id = %s, size = %s,"
            " expires_at = now() + interval '7 days' - %s::interval WHERE id = %s",
            (object_key, secret_id, len(CONTENT), age, export_id),
        )
    return object_key


class TestAsking:
    async def test_without_a_token_it_is_401(self, client):
        assert (await client.post("/v1/person-exports", json=BODY)).status_code == 401

    async def test_is_accepted_as_a_job_that_can_be_followed(self, send: Send, get: Get):
        answer = await send("POST", "/v1/person-exports", json=BODY)
        job = Job.model_validate_json(answer.content)
        assert (answer.status_code, job.kind, job.state) == (202, "person_export", "queued")
        assert (await get(answer.headers["location"])).json()["id"] == str(job.id)
        found = PersonExport.model_validate_json((await get(f"/v1/person-exports/{job.id}")).content)
        assert (found.state, found.size, found.expires_at) == ("queued", 0, None)

    async def test_of_a_participant_of_another_tenant_is_refused_as_one_that_is_not_there(
        self, send: Send, other: Seeded
    ):
        for one in (other.participants[0], uuid4()):
            answer = await send("POST", "/v1/person-exports", json={"subject": {"participant_id": str(one)}})
            assert answer.status_code == 422

    async def test_the_list_names_nobody(self, send: Send, get: Get):
        made = await asked(send)
        answer = await get("/v1/person-exports", limit=1)
        assert [str(one.id) for one in PersonExportPage.model_validate_json(answer.content).items] == [made]
        assert "buyer.example" not in answer.text


class TestTheFile:
    async def test_is_streamed_with_a_name_of_its_own_and_recorded(
        self, send: Send, get: Get, settings: Settings, database: Database, acme: Seeded
    ):
        made = await asked(send)
        make(settings, database, acme, made)
        answer = await get(f"/v1/person-exports/{made}/file")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip")
        assert answer.content == CONTENT
        assert answer.headers["content-disposition"] == f'attachment; filename="person-export-{made}.zip"'
        assert answer.headers["cache-control"] == "no-store"
        latest = (await get("/v1/audit", limit=1)).json()["items"][0]
        assert (latest["action"], latest["subject"]["id"]) == ("person.export_fetched", made)

    async def test_is_whole_whatever_the_policy_for_messages(
        self, send: Send, get: Get, settings: Settings, database: Database, acme: Seeded
    ):
        made = await asked(send)
        make(settings, database, acme, made)
        await send("PUT", "/v1/policies/personal-data", json={"policy": "revealed"})
        try:
            assert (await get(f"/v1/person-exports/{made}/file")).content == CONTENT
        finally:
            await send("PUT", "/v1/policies/personal-data", json={"policy": "masked"})

    async def test_opens_after_the_tenant_has_another_data_key(
        self, send: Send, get: Get, settings: Settings, database: Database, acme: Seeded
    ):
        made = await asked(send)
        make(settings, database, acme, made)
        with database.tenant_tx(acme.tenant_id) as connection:
            Keyring(database, MasterKeys.of(settings)).rotate_data_key(connection, acme.tenant_id)
        assert (await get(f"/v1/person-exports/{made}/file")).content == CONTENT

    async def test_is_a_conflict_before_it_is_made_and_gone_after_its_time(
        self, send: Send, get: Get, settings: Settings, database: Database, acme: Seeded
    ):
        made = await asked(send)
        assert (await get(f"/v1/person-exports/{made}/file")).status_code == 409
        make(settings, database, acme, made, age="7 days")
        assert (await get(f"/v1/person-exports/{made}/file")).status_code == 410

    @pytest.mark.parametrize("role", ["analyst", "viewer"])
    async def test_is_for_those_who_manage_policies(self, send: Send, role: Any, acme: Seeded):
        assert (await send("GET", f"/v1/person-exports/{acme.person_export}/file", role=role)).status_code == 403

    async def test_needs_the_right_to_see_personal_data(self, send: Send, client, acme: Seeded):
        body = {"name": "Policies", "scopes": ["policies.manage"]}
        key = (await send("POST", "/v1/service-keys", json=body)).json()["value"]
        headers = {"Authorization": f"Bearer {key}"}
        assert (await client.get("/v1/person-exports", headers=headers)).status_code == 200
        path = f"/v1/person-exports/{acme.person_export}/file"
        assert (await client.get(path, headers=headers)).status_code == 403
        assert (await client.post("/v1/person-exports", json=BODY, headers=headers)).status_code == 403

    async def test_of_another_tenant_is_404(self, get: Get, other: Seeded):
        assert (await get(f"/v1/person-exports/{other.person_export}/file")).status_code == 404
        assert (await get(f"/v1/person-exports/{other.person_export}")).status_code == 404
