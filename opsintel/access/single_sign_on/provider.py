"""The provider of single sign-on: what it publishes, and what it gives for a code. Spoken with by the guarded client.

Discovery, keys, token and user information by OpenID Connect Core 1.0 and Discovery 1.0; PKCE by RFC 7636. An answer is
JSON of at most `MAXIMUM_BYTES`; a redirect is none.
"""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Self, TypeVar
from urllib.parse import quote, urlencode, urlsplit

from opsintel.access.json_parts import json_object
from opsintel.access.single_sign_on.claims import (
    ClaimsError,
    Expected,
    Person,
    UnknownKeyError,
    checked_claims,
    person_of,
)
from opsintel.clock import now
from opsintel.errors import CredentialError, OpsintelError, UnavailableError
from opsintel.net.client import open_async_client
from opsintel.net.policy import Policy, local_servers_of
from opsintel.settings import Settings

_OF_USER_INFORMATION = ("email", "email_verified", "xms_edov", "name")
SCOPE = "openid email profile"
MAXIMUM_BYTES = 512 * 1024
KEPT_SECONDS = 3600.0
"""How long what a provider publishes is believed; a key that it withdraws opens nothing after that."""

PAUSE_SECONDS = 60.0
"""How long the keys are not fetched again because of a token with an unknown key."""

FAILURE_SECONDS = 5.0
"""How long a provider that failed is not asked again, so that a crowd does not wait for it one by one."""

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Client:
    """This installation as the provider knows it."""

    issuer: str
    client_id: str
    client_secret: str


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where the provider does what, by its discovery document."""

    authorization: str
    token: str
    keys: str
    user_information: str | None
    secret_in_body: bool
    names_issuer: bool
    """Whether it says in each answer that the answer is its own (RFC 9207)."""


class Kept(Generic[Value]):
    """A value that is fetched when it is asked for, once for all who ask at a time, and kept for a while."""

    def __init__(self, fetch: Callable[[], Awaitable[Value]], clock: Callable[[], float]) -> None:
        self._fetch, self._clock = fetch, clock
        self._lock = asyncio.Lock()
        self._value: Value | None = None
        self._fetched_at = self._failed_at = -float("inf")

    async def get(self, *, at_most: float = KEPT_SECONDS) -> Value:
        """Return the value, not older than `at_most` seconds; `UnavailableError` when it cannot be had."""
        async with self._lock:
            if self._value is None or self._clock() - self._fetched_at > at_most:
                self._value = await self._fresh()
            return self._value

    async def _fresh(self) -> Value:
        if self._clock() - self._failed_at < FAILURE_SECONDS:
            raise UnavailableError("The provider of single sign-on failed a moment ago")
        try:
            value = await self._fetch()
        except OpsintelError:
            self._failed_at = self._clock()
            raise
        self._fetched_at = self._clock()
        return value


class Provider:
    """The provider of an installation."""

    def __init__(self, client: Client, policy: Policy, clock: Callable[[], float] = time.monotonic) -> None:
        self.issuer = client.issuer
        self._client, self._policy = client, policy
        self._endpoints = Kept(self._discover, clock)
        self._keys = Kept(self._fetch_keys, clock)

    @classmethod
    def of(cls, settings: Settings) -> Self | None:
        """Return the provider of the settings; None where there is none."""
        if settings.oidc_issuer is None or settings.oidc_client_id is None or settings.oidc_client_secret is None:
            return None
        client = Client(settings.oidc_issuer, settings.oidc_client_id, settings.oidc_client_secret.get_secret_value())
        policy = Policy(
            local_servers=local_servers_of(settings),
            connect_seconds=5,
            total_seconds=10,
            max_body_bytes=MAXIMUM_BYTES,
        )
        return cls(client, policy)

    async def authorization_url(self, redirect_uri: str, state: str, nonce: str, challenge: str) -> str:
        """Return the address that a browser is sent to; `UnavailableError` when the provider cannot be asked for it."""
        endpoint = (await self._endpoints.get()).authorization
        query = urlencode(
            {
                "response_type": "code",
                "client_id": self._client.client_id,
                "redirect_uri": redirect_uri,
                "scope": SCOPE,
                "state": state,
                "nonce": nonce,
                "code_challenge": challenge,
                "code_challenge_method": "S256",
            }
        )
        return f"{endpoint}{'&' if urlsplit(endpoint).query else '?'}{query}"

    async def probe(self) -> int:
        """Return how many keys the provider publishes; raises what a sign-on would fail with."""
        return len(await self._keys.get())

    async def require_own_answer(self, issuer: str | None) -> None:
        """Raise `ClaimsError` for an answer that names another issuer, or none where it must (RFC 9207 section 2.4)."""
        if issuer is None and not (await self._endpoints.get()).names_issuer:
            return
        if issuer != self.issuer:
            raise ClaimsError("The answer is of another issuer")

    async def person_of_code(self, code: str, redirect_uri: str, verifier: str, expected: Expected) -> Person:
        """Return who a code is about.

        Raises `ClaimsError` when the provider refuses the code or what it says is not to be believed,
        `UnavailableError` when it does not answer as it should.
        """
        endpoints = await self._endpoints.get()
        answer = await self._exchange(endpoints, code, redirect_uri, verifier)
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise ClaimsError("The provider gave no ID token")
        claims = await self._checked(token, expected)
        if "email" not in claims and endpoints.user_information is not None:
            claims = await self._with_user_information(endpoints.user_information, answer.get("access_token"), claims)
        return person_of(claims, self.issuer)

    def expected(self, nonce: str, begun_at: Any) -> Expected:
        """Return what the ID token of a request must say."""
        return Expected(self.issuer, self._client.client_id, nonce, begun_at)

    async def _checked(self, token: str, expected: Expected) -> dict[str, Any]:
        """Return the claims of an ID token; where its key is unknown the keys are fetched again, once a minute."""
        try:
            return checked_claims(token, await self._keys.get(), expected, now())
        except UnknownKeyError:
            return checked_claims(token, await self._keys.get(at_most=PAUSE_SECONDS), expected, now())

    async def _exchange(self, endpoints: Endpoints, code: str, redirect_uri: str, verifier: str) -> dict[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        headers = {}
        if endpoints.secret_in_body:
            form |= {"client_id": self._client.client_id, "client_secret": self._client.client_secret}
        else:
            headers["Authorization"] = _basic(self._client)
        status, answer = await self._ask("POST", endpoints.token, form, headers)
        if status in (400, 401, 403):
            if answer.get("error") == "invalid_client":
                raise CredentialError(
                    "The provider of single sign-on refuses this client",
                    remedy="Check OPSINTEL_OIDC_CLIENT_ID and OPSINTEL_OIDC_CLIENT_SECRET",
                )
            raise ClaimsError("The provider refuses the code")
        if status != 200:
            raise UnavailableError(f"The provider of single sign-on answers with status {status}")
        return answer

    async def _with_user_information(self, endpoint: str, access_token: Any, claims: dict[str, Any]) -> dict[str, Any]:
        """Return the claims with address and name of the user information, which must be of the same person."""
        if not isinstance(access_token, str):
            return claims
        status, answer = await self._ask("GET", endpoint, None, {"Authorization": f"Bearer {access_token}"})
        if status != 200 or answer.get("sub") != claims.get("sub"):
            raise ClaimsError("The user information is not that of the ID token")
        return claims | {name: answer[name] for name in _OF_USER_INFORMATION if name in answer}

    async def _discover(self) -> Endpoints:
        address = self.issuer.rstrip("/") + "/.well-known/openid-configuration"
        document = await self._published(address)
        if document.get("issuer") != self.issuer:
            raise UnavailableError(
                "The provider of single sign-on names itself otherwise", remedy="Check OPSINTEL_OIDC_ISSUER"
            )
        user_information = document.get("userinfo_endpoint")
        methods = document.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        return Endpoints(
            authorization=self._endpoint(document.get("authorization_endpoint")),
            token=self._endpoint(document.get("token_endpoint")),
            keys=self._endpoint(document.get("jwks_uri")),
            user_information=None if user_information is None else self._endpoint(user_information),
            secret_in_body="client_secret_basic" not in methods and "client_secret_post" in methods,
            names_issuer=document.get("authorization_response_iss_parameter_supported") is True,
        )

    def _endpoint(self, address: Any) -> str:
        """Return an address of the discovery document: over TLS, unless the operator allowed that very server."""
        try:
            parts = urlsplit(address if isinstance(address, str) else "")
            is_plain_local = parts.scheme == "http" and self._policy.is_local_server(
                parts.hostname or "", parts.port or 80
            )
        except ValueError:
            parts, is_plain_local = urlsplit(""), False
        usable = parts.hostname and not parts.fragment and str(address).isascii() and str(address).isprintable()
        if not usable or not (parts.scheme == "https" or is_plain_local):
            raise UnavailableError("The provider of single sign-on publishes an address that cannot be used")
        return str(address)

    async def _fetch_keys(self) -> list[dict[str, Any]]:
        keys = (await self._published((await self._endpoints.get()).keys)).get("keys")
        if not isinstance(keys, list):
            raise UnavailableError("The provider of single sign-on publishes no keys")
        return [key for key in keys if isinstance(key, dict)]

    async def _published(self, address: str) -> dict[str, Any]:
        status, document = await self._ask("GET", address, None, {})
        if status != 200:
            raise UnavailableError(f"The provider of single sign-on answers with status {status}")
        return document

    async def _ask(
        self, method: str, address: str, form: Mapping[str, str] | None, headers: Mapping[str, str]
    ) -> tuple[int, dict[str, Any]]:
        """Return status and JSON object of an answer; {} for the body of a refusal that is none."""
        async with open_async_client(self._policy) as client:
            response = await client.request(
                method, address, data=form, headers={"Accept": "application/json", **headers}
            )
        try:
            return response.status_code, json_object(response.content)
        except ValueError:
            if response.status_code == 200:
                raise UnavailableError("The provider of single sign-on answers with what is no JSON") from None
            return response.status_code, {}


def _basic(client: Client) -> str:
    """Return the credentials of a client as a header (RFC 6749 section 2.3.1)."""
    pair = f"{quote(client.client_id, safe='')}:{quote(client.client_secret, safe='')}"
    return "Basic " + base64.b64encode(pair.encode()).decode()
