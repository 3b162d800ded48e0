"""What goes to models, by the API: set by who sets policies, audited, and keys elsewhere are refused."""

from __future__ import annotations

from tests.api.conftest import Get, Send
from tests.seeding import Seeded


class TestSending:
    async def test_is_nothing_internal_and_any_server_at_first(self, send: Send, other: Seeded) -> None:
        shown = (await send("GET", "/v1/policies/sending", tenant=other)).json()
        assert shown == {
            "sends_notes": False,
            "local_only": False,
            "shares_near_duplicates": False,
            "idle_keys": [],
        }

    async def test_is_set_and_refuses_keys_to_other_servers(self, send: Send, get: Get) -> None:
        body = {"sends_notes": True, "local_only": True, "shares_near_duplicates": True}
        assert (await send("PUT", "/v1/policies/sending", role="analyst", json=body)).status_code == 403
        shown = (await send("PUT", "/v1/policies/sending", role="admin", json=body)).json()
        assert {name: shown[name] for name in body} == body
        assert (await get("/v1/policies/sending")).json() == shown
        entries = (await get("/v1/audit")).json()["items"]
        (entry,) = [entry for entry in entries if entry["action"] == "policy.sending_changed"]
        assert entry["details"] == body
        key = {"provider": "openai", "name": "Elsewhere", "value": "sk-1234567890"}
        refused = await send("POST", "/v1/keys", json=key)
        assert (refused.status_code, "local only" in refused.json()["detail"]) == (422, True)
        await send("PUT", "/v1/policies/sending", json={"sends_notes": False, "local_only": False})
