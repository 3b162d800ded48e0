"""Taxonomies by the API: proposed by analysts, put in force by admins, readable for ever."""

from __future__ import annotations

import pytest

from opsintel.taxonomy.shipped import unchosen
from tests.api.conftest import Get, Send
from tests.seeding import Seeded

CATEGORIES = [{"path": ["Billing", "Tax"], "description": "A wrong tax", "examples": ["the tax is wrong"]}]


class TestTaxonomies:
    async def test_those_of_the_product_are_there_to_choose_from(self, get: Get) -> None:
        items = (await get("/v1/taxonomy-defaults")).json()["items"]
        assert [one["key"] for one in items] == ["operations", "product", "support"]
        assert all(one["categories"] for one in items)

    async def test_who_chose_none_has_the_products(self, send: Send, other: Seeded) -> None:
        shown = (await send("GET", "/v1/taxonomy", tenant=other)).json()
        assert (shown["id"], shown["version"], shown["in_force"]) == (None, 0, True)
        assert len(shown["categories"]) == len(unchosen().categories)

    async def test_an_analyst_proposes_and_an_admin_puts_in_force(self, send: Send, get: Get) -> None:
        body = {"name": "Tax alone", "categories": CATEGORIES}
        made = await send("POST", "/v1/taxonomies", role="analyst", json=body)
        assert made.status_code == 201, made.text
        kept = made.json()
        assert made.headers["location"] == f"/v1/taxonomies/{kept['id']}"
        assert (kept["categories"], kept["in_force"], kept["author"]["kind"]) == (CATEGORIES, False, "person")
        promote = f"/v1/taxonomies/{kept['id']}/promote"
        assert (await send("POST", promote, role="analyst")).status_code == 403
        assert (await get("/v1/taxonomy")).json()["id"] != kept["id"]
        promoted = await send("POST", promote, role="admin")
        assert (promoted.status_code, promoted.json()["in_force"]) == (200, True)
        assert (await get("/v1/taxonomy")).json()["id"] == kept["id"]
        listed = (await get("/v1/taxonomies")).json()["items"]
        assert [one["in_force"] for one in listed].count(True) == 1
        assert listed[0]["version"] == max(one["version"] for one in listed)
        audit = (await get("/v1/audit")).json()["items"]
        actions = [entry["action"] for entry in audit if entry["action"].startswith("taxonomy.")]
        assert actions[:2] == ["taxonomy.promoted", "taxonomy.proposed"]

    async def test_one_of_the_products_is_proposed_by_its_name(self, send: Send) -> None:
        made = (await send("POST", "/v1/taxonomies", json={"base": "product"})).json()
        assert (made["name"], made["base"]) == ("Product feedback", "product")
        again = (await send("POST", "/v1/taxonomies", json={"base": "product"})).json()
        assert again["id"] == made["id"]

    @pytest.mark.parametrize(
        "body",
        [
            {}, {"name": "x"}, {"name": "x", "categories": []}, {"categories": CATEGORIES}, {"base": "sales"},
            {"name": "x", "base": "support", "categories": CATEGORIES}, {"name": "x", "categories": CATEGORIES * 2},
            {"name": "x", "categories": [{"path": ["a / b"]}]},
        ],
        ids=["nothing", "no categories", "none", "no name", "no such base", "both", "one twice", "levels in one"],
    )  # fmt: skip
    async def test_what_is_none_is_refused(self, body: object, send: Send) -> None:
        assert (await send("POST", "/v1/taxonomies", json=body)).status_code == 422

    async def test_anothers_are_not_there(self, send: Send, get: Get, other: Seeded) -> None:
        assert (await get(f"/v1/taxonomies/{other.taxonomy}")).status_code == 404
        assert (await send("POST", f"/v1/taxonomies/{other.taxonomy}/promote")).status_code == 404
