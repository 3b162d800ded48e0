"""Personal data in answers: masked by the models, deny by default; shown by policy, grant, or one message at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, get_args

import pytest
import pytest_asyncio
from fastapi.routing import APIRoute
from psycopg.types.json import Jsonb
from pydantic import BaseModel

from opsintel.access.roles import OPEN, SESSION, matrix
from opsintel.db.engine import Database
from opsintel_api.app import ROUTERS
from opsintel_api.masking import Person, Shown, masked_json, masked_text, masker_of
from opsintel_api.routes.masked import MaskedRoute
from tests.access.attack import Api
from tests.api.examples import example, path_of, protected_routes
from tests.seeding import Seeded

pytestmark = pytest.mark.asyncio(loop_scope="module")

PERSONAL = ("ana.person@private.example", "+49 170 5550123", "DE89370400440532013000", "203.0.113.77")
SENTENCE = " ".join(PERSONAL)
INSIGHTS = [r for r in protected_routes() if matrix().routes[r] == {"insights.read"} and r.startswith("GET")]
TEXT_COLUMNS = {
    "message": ("subject", "text", "quoted_text", "signature_text"),
    "issue": ("title", "summary"),
    "analysis": ("title", "summary"),
    "source": ("name", "detail"),
    "ingest_failure": ("key", "reason"),
    "attachment": ("filename",),
    "message_link": ("url", "text"),
    "message_label": ("label",),
    "participant": ("display_name",),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def personal(api: Api, database: Database, acme: Seeded) -> None:
    """Personal data in every text of acme's that an answer could show."""
    with database.tenant_tx(acme.tenant_id) as connection:
        for table, columns in TEXT_COLUMNS.items():
            changes = ", ".join(f"{column} = {column} || ' ' || %(text)s" for column in columns)
            only = " WHERE position = 0" if table in ("attachment", "message_link") else ""
            connection.execute(f"UPDATE {table} SET {changes}{only}", {"text": SENTENCE})
        connection.execute(
            "UPDATE message SET recipients = %s, defects = %s",
            (Jsonb([{"kind": "email", "value": PERSONAL[0], "name": SENTENCE}]), [SENTENCE]),
        )
        connection.execute("UPDATE issue_event SET detail = %s", (Jsonb({"note": SENTENCE, PERSONAL[0]: [SENTENCE]}),))
        rows = connection.execute("SELECT id, output FROM analysis").fetchall()
        for analysis_id, output in rows:
            connection.execute("UPDATE analysis SET output = %s WHERE id = %s", (Jsonb(_spoiled(output)), analysis_id))


def _spoiled(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _spoiled(part, key) for key, part in value.items()}
    if isinstance(value, list):
        return [_spoiled(part, name) for part in value]
    kept = ("type", "field", "category_path")
    return f"{value} {SENTENCE}" if isinstance(value, str) and name not in kept else value


def found_in(text: str) -> list[str]:
    return [value for value in PERSONAL if value in text or json.dumps(value)[1:-1] in text]


def set_policy(database: Database, tenant: Seeded, policy: str) -> None:
    with database.system_tx() as connection:
        connection.execute("UPDATE tenant SET personal_data = %s WHERE id = %s", (policy, tenant.tenant_id))


def set_grants(database: Database, tenant: Seeded, grants: list[str]) -> None:
    with database.system_tx() as connection:
        connection.execute("UPDATE membership SET grants = %s WHERE user_id = %s", (grants, tenant.users["analyst"]))


class TestAnswers:
    @pytest.mark.parametrize("route", INSIGHTS)
    async def test_no_answer_shows_personal_data_to_a_viewer(self, api: Api, personal, acme: Seeded, route: str):
        query = example(route, acme).query
        shown = await api.owner("GET", path_of(route, acme), params=query)
        masked = await api.role("viewer", "GET", path_of(route, acme), params=query)
        assert masked.status_code == shown.status_code == 200
        assert found_in(masked.text) == []
        assert _shape(masked.json()) == _shape(shown.json())

    async def test_personal_data_is_there_for_who_may_see_it(self, api: Api, personal, acme: Seeded):
        for path in (f"/v1/messages/{acme.messages[0]}", f"/v1/issues/{acme.issues['tax']}"):
            assert found_in((await api.owner("GET", path)).text) == list(PERSONAL)

    async def test_pages_go_on_under_the_mask(self, api: Api, personal):
        page = (await api.role("viewer", "GET", "/v1/messages", params={"limit": 5})).json()
        seen = [item["id"] for item in page["items"]]
        while page["next_cursor"]:
            query = {"limit": 5, "cursor": page["next_cursor"]}
            response = await api.role("viewer", "GET", "/v1/messages", params=query)
            assert response.status_code == 200
            page = response.json()
            seen += [item["id"] for item in page["items"]]
        assert len(set(seen)) == len(seen) == 25

    async def test_a_tag_tells_nobody_what_is_masked(self, api: Api, personal, acme: Seeded):
        path = f"/v1/messages/{acme.messages[0]}"
        owners, viewers = [(await api.role(r, "GET", path)).headers["etag"] for r in ("owner", "viewer")]
        assert owners != viewers
        again = await api.role("viewer", "GET", path, headers={"If-None-Match": viewers})
        assert (again.status_code, again.content) == (304, b"")


class TestPolicy:
    @pytest.mark.parametrize(
        ("policy", "grants", "shown"),
        [
            ("masked", [], False),
            ("masked", ["messages.read_unmasked"], True),
            ("shown", [], True),
            ("revealed", [], False),
            ("revealed", ["messages.read_unmasked"], False),
            ("masked", ["keys.manage", "audit.read", "*", "messages.read_unmasked "], False),
        ],
    )
    async def test_policy_and_grant_decide_for_an_analyst(
        self, api: Api, personal, database: Database, acme: Seeded, policy, grants, shown
    ):
        set_policy(database, acme, policy)
        set_grants(database, acme, grants)
        response = await api.role("analyst", "GET", f"/v1/messages/{acme.messages[0]}")
        viewer = await api.role("viewer", "GET", f"/v1/messages/{acme.messages[0]}")
        set_policy(database, acme, "masked")
        set_grants(database, acme, [])
        assert bool(found_in(response.text)) is shown
        assert found_in(viewer.text) == []

    async def test_a_grant_gives_what_is_grantable_and_no_more(self, api: Api, database: Database, acme: Seeded):
        everything = sorted(matrix().scopes["owner"] | matrix().of_operators)
        set_grants(database, acme, everything)
        for route in protected_routes():
            need, asked = matrix().routes[route], example(route, acme)
            if need == SESSION or need <= matrix().scopes["analyst"] | matrix().grantable["analyst"]:
                continue
            found = await api.role("analyst", route.split()[0], path_of(route, acme), json=asked.body)
            assert found.status_code == 403, route
        set_grants(database, acme, [])

    async def test_the_policy_is_set_by_who_manages_policies_and_recorded(
        self, api: Api, database: Database, acme: Seeded
    ):
        for policy in ("revealed", "masked"):
            body = {"policy": policy}
            assert (await api.role("analyst", "PUT", "/v1/policies/personal-data", json=body)).status_code == 403
            assert (await api.owner("PUT", "/v1/policies/personal-data", json=body)).json() == body
            assert (await api.owner("GET", "/v1/policies/personal-data")).json() == body
        with database.tenant_tx(acme.tenant_id) as connection:
            rows = connection.execute(
                "SELECT details ->> 'policy' FROM audit_log WHERE action = 'policy.personal_data_changed' ORDER BY seq"
            ).fetchall()
        assert rows[-2:] == [("revealed",), ("masked",)]


class TestReveal:
    async def test_it_shows_one_message_and_is_recorded_first(self, api: Api, personal, database: Database, acme):
        set_policy(database, acme, "revealed")
        path = f"/v1/messages/{acme.messages[1]}"
        assert found_in((await api.owner("GET", path)).text) == []
        reason = f"Refund, asked by {PERSONAL[0]}"
        revealed = await api.owner("POST", f"{path}/reveal", json={"reason": reason})
        set_policy(database, acme, "masked")
        assert found_in(revealed.text) == list(PERSONAL)
        with database.tenant_tx(acme.tenant_id) as connection:
            row = connection.execute(
                "SELECT subject_id, actor_kind, details ->> 'reason' FROM audit_log"
                " WHERE action = 'message.revealed' ORDER BY seq DESC LIMIT 1"
            ).fetchone()
        assert row == (str(acme.messages[1]), "person", masked_text(reason))

    async def test_what_cannot_be_recorded_is_not_shown(self, api: Api, personal, acme: Seeded, monkeypatch):
        async def broken(*_: object) -> None:
            raise RuntimeError("no room in the audit log")

        monkeypatch.setattr("opsintel_api.routes.personal_data.record_async", broken)
        path = f"/v1/messages/{acme.messages[1]}/reveal"
        response = await api.owner("POST", path, json={"reason": "Refund"})
        assert response.status_code == 500
        assert found_in(response.text) == []

    @pytest.mark.parametrize("role", ["analyst", "viewer"])
    async def test_without_the_grant_it_is_refused(self, api: Api, acme: Seeded, role):
        path = f"/v1/messages/{acme.messages[1]}/reveal"
        assert (await api.role(role, "POST", path, json={"reason": "Refund"})).status_code == 403

    @pytest.mark.parametrize(
        "body", [{}, {"reason": ""}, {"reason": "  "}, {"reason": "x" * 201}, {"reason": "a\nb c"}]
    )
    async def test_it_needs_a_reason(self, api: Api, acme: Seeded, body):
        response = await api.owner("POST", f"/v1/messages/{acme.messages[1]}/reveal", json=body)
        assert response.status_code == 422

    async def test_another_tenants_message_is_an_absent_one_and_leaves_no_record(
        self, api: Api, database: Database, acme: Seeded, other: Seeded
    ):
        path = f"/v1/messages/{other.messages[0]}/reveal"
        assert (await api.owner("POST", path, json={"reason": "Refund"})).status_code == 404
        for tenant in (acme, other):
            with database.tenant_tx(tenant.tenant_id) as connection:
                row = connection.execute(
                    "SELECT count(*) FROM audit_log WHERE subject_id = %s", (str(other.messages[0]),)
                ).fetchone()
            assert row == (0,)


class TestModels:
    async def test_every_protected_route_goes_through_the_mask(self):
        for router in ROUTERS:
            for route in router.routes:
                assert isinstance(route, APIRoute)
                is_open = all(matrix().requirement(m, route.path) == OPEN for m in route.methods or ())
                assert is_open or isinstance(route, MaskedRoute), route.path

    async def test_a_text_that_nobody_declared_is_masked(self):
        class Inner(BaseModel):
            added_later: str
            anything: Any
            by_name: dict[str, list[str]]
            either: str | int | None

        class Outer(BaseModel):
            plain: Shown
            person: Person | None
            inner: list[Inner] | None

        inner = {"added_later": SENTENCE, "anything": {PERSONAL[0]: [SENTENCE]}, "by_name": {PERSONAL[1]: [SENTENCE]},
                 "either": SENTENCE, "undeclared": {"deep": [SENTENCE]}}  # fmt: skip
        body = {"plain": "kind 1234567", "person": SENTENCE, "inner": [inner, SENTENCE], "unknown": SENTENCE}
        masked = masked_json(json.dumps(body), Outer).decode()
        assert found_in(masked) == []
        assert json.loads(masked)["plain"] == "kind 1234567"
        assert found_in(masked_json(json.dumps(body), None).decode()) == []

    async def test_only_what_people_have_looked_at_is_declared_shown(self):
        shown = {(model.__name__, name) for model in _models() for name in _shown(model)}
        assert {f"{model}.{name}" for model, name in shown if name not in ALLOWED} == {
            "Analysis.corrected",
            "Analysis.ruled",
            "ChangedFilter.text",
            "ChangedFilter.tree",
            "ConnectedSource.authorize_url",
            "ConnectedSource.push_secret",
            "ConnectedSource.push_url",
            "Correction.new_value",
            "Correction.old_value",
            "EmbedderInfo.name",
            "FilterDetail.text",
            "FilterDetail.tree",
            "FilterPreview.text",
            "FilterPreview.tree",
            "FilterVersion.text",
            "KeptFilter.text",
            "KeptFilter.tree",
            "ChangedMessage.shown",
            "LearnedRule.value",
            "LearnedRuleDetail.value",
            "ProviderAddress.location",
            "RuleEvidence.value",
            "ShippedTaxonomy.description",
            "ShippedTaxonomy.key",
            "ShippedTaxonomy.name",
            "SourceCheck.name",
            "SourceDetail.authorize_url",
            "SourceDetail.push_url",
            "SourceKind.push_title",
            "SourceKind.summary",
            "SourceKind.title",
            "ReviewItem.detail",
            "SendingPolicy.idle_keys",
            "Series.key",
            "Taxonomy.base",
            "Taxonomy.name",
            "TaxonomyCategory.path",
            "TaxonomyEntry.base",
            "TaxonomyEntry.name",
            "TaxonomyHead.base",
            "TaxonomyHead.name",
            "TermNotPushed.reason",
            "TermNotPushed.term",
            "TenantMember.email",
            "TenantMember.name",
            "Invitation.email",
        }

    async def test_a_model_that_holds_itself_is_masked(self):
        class Tree(BaseModel):
            text: str
            children: list["Tree"]

        Tree.model_rebuild(_types_namespace={"Tree": Tree})
        body = {"text": SENTENCE, "children": [{"text": SENTENCE, "children": []}]}
        assert found_in(json.dumps(masker_of(Tree)(body), ensure_ascii=False)) == []


ALLOWED = {
    "type", "content_type", "language", "model", "provider", "profile_version", "method", "decided_by", "field",
    "not_actionable_reason", "automatic", "source_kind", "kind", "next_cursor", "actor", "embedder",
    "stage", "sha256", "subject_hashes", "backup", "last_event_id",
}  # fmt: skip
"""Kinds, versions, ids and cursors: a field of another name that shows its text is looked at by a person first."""


def _models() -> Iterator[type[BaseModel]]:
    from opsintel_api.models.common import Answer

    waiting: list[type[BaseModel]] = [Answer]
    while waiting:
        model = waiting.pop()
        waiting.extend(model.__subclasses__())
        yield model


def _shown(model: type[BaseModel]) -> Iterator[str]:
    mark = get_args(Shown)[1]
    for name, field in model.model_fields.items():
        inner = [part for kind in (field.annotation, *get_args(field.annotation)) for part in get_args(kind)]
        if any(part is mark for part in (*field.metadata, *inner)):
            yield name


def _shape(value: Any) -> Any:
    """Return a body with every text replaced by its length where the mask keeps it."""
    if isinstance(value, dict):
        return {"keys": len(value), "values": [_shape(part) for part in value.values()]}
    return [_shape(part) for part in value] if isinstance(value, list) else type(value).__name__
