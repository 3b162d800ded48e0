"""Consent to read a source, by OAuth 2 from the button to the sealed tokens, with a strict provider."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import httpx
import psycopg
import pytest
import pytest_asyncio
from pydantic import SecretStr

from opsintel.access.audit import SYSTEM
from opsintel.connectors.oauth import refreshed
from opsintel.context import Context
from opsintel.db.engine import Database
from opsintel.errors import CredentialError, InputError
from opsintel.objects.store import open_objects
from opsintel.settings import Settings
from opsintel.sources.connect import Wanted, connect_source
from opsintel.sources.connection import SourceConnection
from opsintel.sources.control import Change, change_source
from opsintel.sources.source import Source, find_source
from opsintel_api.app import create_app
from tests.access.people import bearer, log_in
from tests.peers.oauth import CLIENT_ID, CLIENT_SECRET, OAuthPeer, running_oauth
from tests.seeding import Seeded, seed_tenant
from tests.sources.fake_kind import KIND, Desk, desk

__all__ = ["desk"]

PUBLIC = "http://localhost:8080"


@pytest.fixture
def provider() -> Iterator[OAuthPeer]:
    with running_oauth() as peer:
        yield peer


@pytest.fixture
def elsewhere() -> Iterator[OAuthPeer]:
    """Another server that the operator allows."""
    with running_oauth() as peer:
        yield peer


@dataclass
class Consenting:
    """A browser of a person who manages sources, and a source that waits for them."""

    client: httpx.AsyncClient
    context: Context
    provider: OAuthPeer
    source: Source
    token: dict[str, str]

    async def begin(self, token: dict[str, str] | None = None, source: UUID | None = None) -> httpx.Response:
        return await self.client.post(
            f"/v1/sources/{source or self.source.id}/authorization", headers=token or self.token
        )

    async def agreed(self) -> dict[str, str]:
        """Press the button, agree at the provider, and return what the browser brings back."""
        return self.provider.agree((await self.begin()).json()["location"])

    async def back(self, brought: dict[str, str], app: str = "slack") -> str:
        """Return where the browser is led that the provider sent back."""
        answer = await self.client.get(f"/v1/sources/oauth/{app}/callback", params=brought)
        assert answer.status_code == 303
        return answer.headers["location"]

    def state(self) -> tuple[str, bool]:
        with self.context.database.tenant_tx(self.source.tenant_id) as connection:
            row = connection.execute(
                "SELECT state, secret_id IS NOT NULL FROM source WHERE id = %s", (self.source.id,)
            ).fetchone()
        assert row is not None
        return row[0], row[1]

    def credential(self) -> dict[str, str]:
        found = find_source(self.context.database, self.source.tenant_id, self.source.id)
        assert found.secret_id is not None
        return dict(self.context.credentials.open(found.tenant_id, found.secret_id))


@pytest.fixture
def seeded(database: Database) -> tuple[Seeded, Seeded]:
    with database.system_tx() as connection:
        for table in ("tenant", "app_user", "rate_limit"):
            connection.execute(f"DELETE FROM {table}".encode())
    return seed_tenant(database, "acme"), seed_tenant(database, "other")


@pytest_asyncio.fixture
async def consenting(
    settings: Settings,
    database: Database,
    seeded: tuple[Seeded, Seeded],
    provider: OAuthPeer,
    elsewhere: OAuthPeer,
    desk: Desk,
) -> AsyncIterator[Consenting]:
    del desk
    servers = tuple(peer.url.removeprefix("http://") for peer in (provider, elsewhere))
    chosen = settings.model_copy(
        update={
            "slack_client_id": CLIENT_ID, "slack_client_secret": SecretStr(CLIENT_SECRET), "public_url": PUBLIC,
            "local_servers": servers,
        }
    )  # fmt: skip
    context = Context(database, open_objects(chosen), chosen)
    acme, _ = seeded
    source = connect_source(context, acme.tenant_id, Wanted(KIND, "Desk", {"base_url": provider.url}), SYSTEM).source
    assert settings.db_url is not None
    app = create_app(chosen, settings.db_url)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=60) as client:
            token = bearer(await log_in(client, acme.email("admin")))
            yield Consenting(client, context, provider, source, token)
    context.close()


def parameters(location: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}


class TestWayThere:
    async def test_check_35_36_the_request_has_a_challenge_and_the_one_address_of_the_app(
        self, consenting: Consenting
    ) -> None:
        begun = await consenting.begin()
        cookie = begun.headers["set-cookie"].lower()
        assert all(word in cookie for word in ("httponly", "samesite=lax", "path=/", "max-age=600"))
        location = begun.json()["location"]
        asked = parameters(location)
        assert location.startswith(f"{consenting.provider.url}/authorize?")
        assert asked["redirect_uri"] == f"{PUBLIC}/v1/sources/oauth/slack/callback"
        assert (asked["code_challenge_method"], len(asked["code_challenge"])) == ("S256", 43)
        assert (asked["scope"], asked["prompt"], asked["client_id"]) == ("read history", "consent", CLIENT_ID)
        assert CLIENT_SECRET not in location

    async def test_is_for_people_who_manage_sources_of_the_tenant(
        self, consenting: Consenting, seeded: tuple[Seeded, Seeded]
    ) -> None:
        acme, other = seeded
        analyst = bearer(await log_in(consenting.client, acme.email("analyst")))
        assert (await consenting.begin(analyst)).status_code == 403
        stranger = bearer(await log_in(consenting.client, other.email("owner")))
        assert (await consenting.begin(stranger)).status_code == 404


class TestWayBack:
    async def test_gives_the_source_its_credential_and_has_it_read(self, consenting: Consenting) -> None:
        assert consenting.state() == ("disabled", False)
        led_to = await consenting.back(await consenting.agreed())
        assert led_to == f"/sources/?authorised={consenting.source.id}"
        assert consenting.state() == ("active", True)
        held = consenting.credential()
        assert (held["access_token"], held["refresh_token"]) == ("access-1", "refresh-1")
        assert (held["client_id"], held["client_secret"]) == (CLIENT_ID, CLIENT_SECRET)

    async def test_again_takes_the_place_of_what_was_there_and_keeps_the_rest(self, consenting: Consenting) -> None:
        change_source(
            consenting.context, consenting.source.tenant_id, consenting.source.id,
            Change(credential={"token": "of-the-webhooks", "access_token": "old", "refresh_token": "old"}), SYSTEM,
        )  # fmt: skip
        await consenting.back(await consenting.agreed())
        held = consenting.credential()
        assert (held["token"], held["access_token"], held["refresh_token"]) == (
            "of-the-webhooks", "access-1", "refresh-1",
        )  # fmt: skip

    async def test_check_34_a_state_is_good_once_also_for_many_at_once(self, consenting: Consenting) -> None:
        brought = await consenting.agreed()
        led_to = await asyncio.gather(*(consenting.back(brought) for _ in range(10)))
        assert sorted(led_to).count("/sources/?error=request_ended") == 9
        assert len(consenting.provider.asked) == 1

    async def test_check_34_a_state_works_in_the_browser_that_began_it_alone(self, consenting: Consenting) -> None:
        brought = await consenting.agreed()
        kept = dict(consenting.client.cookies)
        consenting.client.cookies.clear()
        assert await consenting.back(brought) == "/sources/?error=request_ended"
        consenting.client.cookies.update(kept)
        assert await consenting.back(brought) == "/sources/?error=request_ended"  # somebody else has seen it
        assert consenting.provider.asked == []

    async def test_check_34_a_state_ends_with_the_session_that_began_it(self, consenting: Consenting) -> None:
        brought = await consenting.agreed()
        await consenting.client.post("/v1/auth/logout-everywhere", headers=consenting.token)
        assert await consenting.back(brought) == "/sources/?error=request_ended"
        assert (consenting.provider.asked, consenting.state()) == ([], ("disabled", False))

    async def test_check_34_a_state_ends_with_the_right_to_manage_sources(
        self, consenting: Consenting, seeded: tuple[Seeded, Seeded]
    ) -> None:
        brought = await consenting.agreed()
        acme, _ = seeded
        with consenting.context.database.system_tx() as connection:
            connection.execute("UPDATE membership SET role = 'viewer' WHERE user_id = %s", (acme.users["admin"],))
        assert await consenting.back(brought) == "/sources/?error=request_ended"
        assert consenting.provider.asked == []

    async def test_check_34_a_state_is_for_the_provider_it_was_sent_to(self, consenting: Consenting) -> None:
        brought = await consenting.agreed()
        assert await consenting.back(brought, app="google") == "/sources/?error=request_ended"
        assert consenting.provider.asked == []

    @pytest.mark.parametrize("state", ["", "opa_short", "x" * 100])
    async def test_check_34_a_state_that_never_was_is_refused(self, consenting: Consenting, state: str) -> None:
        assert await consenting.back({"state": state, "code": "code-1"}) == "/sources/?error=request_ended"

    async def test_check_35_a_code_is_exchanged_with_the_verifier_of_its_challenge(
        self, consenting: Consenting
    ) -> None:
        first, second = await consenting.agreed(), await consenting.agreed()
        mixed = {"state": first["state"], "code": second["code"]}  # a code that was injected into another request
        assert await consenting.back(mixed) == "/sources/?error=answer_refused"
        assert consenting.state() == ("disabled", False)

    async def test_check_37_a_code_that_was_used_is_refused(self, consenting: Consenting) -> None:
        brought = await consenting.agreed()
        consenting.provider.codes.pop(brought["code"])
        assert await consenting.back(brought) == "/sources/?error=answer_refused"
        assert consenting.state() == ("disabled", False)

    async def test_check_37_the_answer_of_another_issuer_is_refused(self, consenting: Consenting) -> None:
        brought = await consenting.agreed()
        led_to = await consenting.back({**brought, "iss": "https://evil.example"})
        assert led_to == "/sources/?error=answer_refused"
        assert consenting.provider.asked == []
        brought = await consenting.agreed()
        assert "authorised" in await consenting.back({**brought, "iss": consenting.provider.url})

    async def test_check_37_a_provider_that_was_changed_meanwhile_gets_no_code(
        self, consenting: Consenting, elsewhere: OAuthPeer
    ) -> None:
        brought = await consenting.agreed()
        with consenting.context.database.tenant_tx(consenting.source.tenant_id) as connection:
            connection.execute(
                "UPDATE source SET config = jsonb_set(config, '{base_url}', to_jsonb(%s::text)) WHERE id = %s",
                (elsewhere.url, consenting.source.id),
            )
        assert await consenting.back(brought) == "/sources/?error=source_changed"
        assert consenting.provider.asked == elsewhere.asked == []

    async def test_a_person_who_declines_and_a_provider_that_is_away_change_nothing(
        self, consenting: Consenting
    ) -> None:
        brought = await consenting.agreed()
        declined = {"state": brought["state"], "error": "access_denied"}
        assert await consenting.back(declined) == "/sources/?error=cancelled"
        consenting.provider.status = 503
        assert await consenting.back(await consenting.agreed()) == "/sources/?error=provider_unavailable"
        assert consenting.state() == ("disabled", False)


class TestAddresses:
    @pytest.mark.parametrize(
        "address",
        ["https://evil.example", "https://desk.example.evil.example", "https://user@desk.example", "https://desk.example@evil.example",
         "https://desk.example:8443", "http://desk.example", "https://desk.example:bad"],
    )  # fmt: skip
    async def test_check_36_the_apps_secret_goes_to_the_providers_own_servers_alone(
        self, consenting: Consenting, address: str
    ) -> None:
        with consenting.context.database.tenant_tx(consenting.source.tenant_id) as connection:
            connection.execute(
                "UPDATE source SET config = jsonb_set(config, '{base_url}', to_jsonb(%s::text)) WHERE id = %s",
                (address, consenting.source.id),
            )
        assert (await consenting.begin()).status_code == 422

    async def test_check_36_a_source_that_holds_it_cannot_be_turned_to_another_server(
        self, consenting: Consenting
    ) -> None:
        await consenting.back(await consenting.agreed())
        source = consenting.source
        turned = Change(config={"base_url": "https://evil.example"})
        with pytest.raises(InputError, match="base_url is no server of Fake desk"):
            change_source(consenting.context, source.tenant_id, source.id, turned, SYSTEM)
        answer = await consenting.client.patch(
            f"/v1/sources/{source.id}", json={"config": {"base_url": "https://evil.example"}}, headers=consenting.token
        )
        assert answer.status_code == 422


class TestTokens:
    async def test_check_38_are_stored_sealed_and_shown_to_nobody(self, consenting: Consenting, admin_url: str) -> None:
        await consenting.back(await consenting.agreed())
        shown = await consenting.client.get(f"/v1/sources/{consenting.source.id}", headers=consenting.token)
        assert shown.status_code == 200
        secrets = ("access-1", "refresh-1", CLIENT_SECRET)
        assert not any(secret in shown.text for secret in secrets)
        with psycopg.connect(admin_url) as admin:
            tables = admin.execute(
                "SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public'"
            ).fetchall()
            for (table,) in tables:
                for row in admin.execute(f"SELECT row.*::text FROM {table} AS row".encode()).fetchall():
                    assert not any(secret in str(row) for secret in secrets), table

    async def test_check_38_a_rotated_one_is_always_kept(self, consenting: Consenting) -> None:
        await consenting.back(await consenting.agreed())
        source = find_source(consenting.context.database, consenting.source.tenant_id, consenting.source.id)

        def renew() -> dict[str, str]:
            connection = SourceConnection(
                consenting.context, source.tenant_id, source.id, source.kind, source.secret_id
            )
            stale = connection.credential()
            url = f"{consenting.provider.url}/token"
            return dict(connection.renewed(stale, lambda held: refreshed(connection, url, held, title="Desk")))

        for number in (2, 3, 4):
            fresh = await asyncio.to_thread(renew)
            assert (fresh["access_token"], fresh["refresh_token"]) == (f"access-{number}", f"refresh-{number}")
            assert consenting.credential() == fresh
        consenting.provider.refresh_tokens.clear()
        with pytest.raises(CredentialError, match="revoked"):
            await asyncio.to_thread(renew)
        assert consenting.credential()["refresh_token"] == "refresh-4"
