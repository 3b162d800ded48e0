"""Other sites, other hosts, proxies: what a browser's page may do, and whose address counts."""

from __future__ import annotations

import base64
from typing import Any

import httpx
import pytest

from opsintel.errors import SettingError
from opsintel.settings import Settings, load_settings
from opsintel_api.app import build_api, create_app
from opsintel_api.auth.throttle import TRIES_PER_ADDRESS
from opsintel_api.origins import SAFE_METHODS, Origins
from tests.access.requests import EVERY
from tests.seeding import Seeded

PUBLIC = "https://ops.example.com"
PORTAL = "https://portal.example.com"
PROXY, CLIENT, NEIGHBOUR = "10.0.0.5", "203.0.113.7", "203.0.113.8"
SECRETS = {
    "JWT_SECRET": "a secret of more than thirty-two bytes",
    "MASTER_ENCRYPTION_KEY": base64.b64encode(bytes(32)).decode(),
}
OURS = {"X-Requested-With": "opsintel"}


def settings_of(**environment: str) -> Settings:
    return load_settings(SECRETS | environment)


def browser(origins: Origins, base: str = "http://localhost:8080") -> httpx.AsyncClient:
    """Return a browser before the routes alone; what they answer needs no database."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(build_api(origins)), base_url=base)


@pytest.fixture
def origins() -> Origins:
    return Origins.of(settings_of(OPSINTEL_PUBLIC_URL=f"{PUBLIC}/", OPSINTEL_ALLOWED_ORIGINS=PORTAL))


class TestOtherSites:
    @pytest.mark.parametrize(
        "headers",
        [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": "http://localhost"}, {"Origin": ""},
         {"Origin": "http://localhost:8081"}, {"Origin": f"{PUBLIC}.evil.example"}, {"Origin": f"{PUBLIC}:444"},
         {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Sec-Fetch-Site": "anything"},
         {"Origin": "http://localhost:8080", "Sec-Fetch-Site": "cross-site"}],
    )  # fmt: skip
    async def test_check_08_pages_of_other_sites_change_nothing(self, origins: Origins, headers):
        async with browser(origins) as client:
            for operation in EVERY:
                if operation.method.upper() not in SAFE_METHODS:
                    answer = await client.request(operation.method, operation.path, headers=OURS | headers)
                    assert answer.status_code == 403, operation.route
                    assert "access-control-allow-origin" not in answer.headers

    @pytest.mark.parametrize(
        "headers",
        [{}, {"Origin": "http://localhost:8080"}, {"Origin": "http://localhost:8080", "Sec-Fetch-Site": "same-origin"},
         {"Sec-Fetch-Site": "none"}, {"Origin": PUBLIC}, {"Origin": PORTAL, "Sec-Fetch-Site": "same-site"}],
    )  # fmt: skip
    async def test_check_08_our_own_and_allowed_ones_do(self, origins: Origins, headers):
        async with browser(origins) as client:
            answer = await client.post("/v1/auth/refresh", headers=OURS | headers)
            assert (answer.status_code, answer.json()) == (200, {"authenticated": False})

    @pytest.mark.parametrize("path", ["/v1/auth/refresh", "/v1/auth/logout"])
    async def test_check_08_a_cookie_alone_is_not_enough(self, origins: Origins, path):
        async with browser(origins) as client:
            for headers in ({}, {"X-Requested-With": "XMLHttpRequest"}):
                assert (await client.post(path, headers=headers)).status_code == 403

    async def test_check_08_answers_are_read_by_allowed_origins_only(self, origins: Origins):
        async with browser(origins) as client:
            allowed = await client.get("/healthz", headers={"Origin": PORTAL})
            assert allowed.headers["access-control-allow-origin"] == PORTAL
            assert allowed.headers["access-control-allow-credentials"] == "true"
            assert "Origin" in allowed.headers["vary"]
            refused = await client.get("/v1/nothing", headers={"Origin": PORTAL})
            assert refused.headers["access-control-allow-origin"] == PORTAL
            for other in (f"{PORTAL}.evil.example", f"{PORTAL}:443", "http://portal.example.com", "null", "*", PUBLIC):
                answer = await client.get("/healthz", headers={"Origin": other})
                assert not [name for name in answer.headers if name.startswith("access-control-")]
                assert "Origin" in answer.headers["vary"]

    async def test_check_08_a_browser_asks_before_and_is_told(self, origins: Origins):
        async with browser(origins) as client:
            question = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
            answer = await client.options("/v1/backfills", headers=question | {"Origin": PORTAL})
            assert answer.status_code == 204
            assert "Authorization" in answer.headers["access-control-allow-headers"]
            assert "*" not in str(answer.headers)
            answer = await client.options("/v1/backfills", headers=question | {"Origin": "https://evil.example"})
            assert answer.status_code == 405
            assert not [name for name in answer.headers if name.startswith("access-control-")]

    @pytest.mark.parametrize(
        "value", ["*", "null", "portal.example.com", f"{PORTAL}/", f"{PORTAL}/a", "https://*.example.com", "ftp://a"]
    )
    def test_check_08_origins_are_exact(self, value):
        with pytest.raises(SettingError, match="OPSINTEL_ALLOWED_ORIGINS"):
            settings_of(OPSINTEL_ALLOWED_ORIGINS=value)


class TestHosts:
    async def test_check_67_the_public_address_and_the_one_connected_to_are_ours(self):
        named = Origins.of(settings_of(OPSINTEL_PUBLIC_URL=PUBLIC, API_ADDR="ops.internal:8080"))
        for host, expected in (
            ("ops.example.com", 200), ("OPS.example.com:443", 200), ("ops.internal", 200), ("10.0.0.9:8080", 200),
            ("10.0.0.8", 400), ("ops.example.org", 400), ("www.ops.example.com", 400), ("ops.example.com.", 400),
        ):  # fmt: skip
            async with browser(named, "http://10.0.0.9") as client:
                assert (await client.get("/healthz", headers={"Host": host})).status_code == expected

    def test_a_wildcard_to_listen_on_is_no_name(self):
        for address in (":8080", "0.0.0.0:8080", "[::]:8080"):
            assert not Origins.of(settings_of(API_ADDR=address)).are_reached_by("0.0.0.0")


class Probe:
    """Stands for what the application serves besides its routes, and notes who came."""

    seen: tuple[str, str] = ("", "")

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.seen = (scope["client"][0], scope["scheme"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})


async def seen(trusted: str, peer: str, headers: list[tuple[str, str]]) -> tuple[str, str]:
    """Return address and scheme of the client as the application sees them."""
    app = create_app(settings_of(OPSINTEL_TRUSTED_PROXIES=trusted), "postgresql://127.0.0.1/none")
    app.router.default = probe = Probe()
    transport = httpx.ASGITransport(app, client=(peer, 4000))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        assert (await client.get("/page", headers=headers)).status_code == 200
    return probe.seen


class TestProxies:
    @pytest.mark.parametrize(
        ("trusted", "peer", "forwarded", "expected"),
        [
            ("", PROXY, CLIENT, PROXY),
            (PROXY, PROXY, CLIENT, CLIENT),
            ("10.0.0.0/24", PROXY, CLIENT, CLIENT),
            (PROXY, "10.0.0.6", CLIENT, "10.0.0.6"),
            (PROXY, PROXY, f"127.0.0.1, {CLIENT}", CLIENT),
            (PROXY, PROXY, f"{NEIGHBOUR}, {CLIENT}", CLIENT),
            (f"{PROXY},10.0.1.5", PROXY, f"{NEIGHBOUR}, {CLIENT}, 10.0.1.5", CLIENT),
            ("::1", "::1", "2001:db8::7", "2001:db8::7"),
        ],
    )
    async def test_the_client_is_whom_the_last_trusted_proxy_names(self, trusted, peer, forwarded, expected):
        headers = [("X-Forwarded-For", forwarded), ("X-Forwarded-Proto", "https")]
        assert await seen(trusted, peer, headers) == (expected, "http" if expected == peer else "https")

    async def test_a_header_that_the_client_sent_before_does_not_count(self):
        headers = [("X-Forwarded-For", NEIGHBOUR), ("X-Forwarded-For", CLIENT)]
        assert (await seen(PROXY, PROXY, headers))[0] == CLIENT

    @pytest.mark.parametrize("value", ["*", "proxy", "10.0.0.1/24", "10.0.0.0/33", "10.0.0.5:80"])
    def test_are_addresses_and_networks(self, value):
        with pytest.raises(SettingError, match="OPSINTEL_TRUSTED_PROXIES"):
            settings_of(OPSINTEL_TRUSTED_PROXIES=value)

    async def test_throttling_counts_the_client_behind_a_trusted_proxy_and_believes_nobody_else(
        self, settings: Settings, database, acme: Seeded
    ):
        assert settings.db_url is not None
        for trusted, others in (((PROXY,), 202), ((), 429)):
            with database.system_tx() as connection:
                connection.execute("DELETE FROM rate_limit")
            app = create_app(settings.model_copy(update={"trusted_proxies": trusted}), settings.db_url)
            async with app.router.lifespan_context(app):
                transport = httpx.ASGITransport(app, client=(PROXY, 4000))
                async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:

                    async def tried(forwarded: str, client: httpx.AsyncClient = client) -> int:
                        headers = {"X-Forwarded-For": forwarded}
                        body = {"email": acme.email("viewer")}
                        return (await client.post("/v1/auth/reset", json=body, headers=headers)).status_code

                    answers = [
                        await tried(f"198.51.100.{number}, {CLIENT}") for number in range(TRIES_PER_ADDRESS.burst)
                    ]
                    assert set(answers) == {202}
                    assert await tried(CLIENT) == 429
                    assert await tried(NEIGHBOUR) == others
