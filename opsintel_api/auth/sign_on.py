"""Single sign-on of a browser: sent to the provider, and taken back from it.

Nothing that opens anything stands in an address: the state that the provider gives back works in one browser only and
once, and the session begins as it does with a password, by the refresh cookie.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any, Literal, get_args
from uuid import UUID

from fastapi import Request, Response

from opsintel.access import authorization_requests
from opsintel.access.account_tokens import Link
from opsintel.access.authorization_requests import Errand, StateError
from opsintel.access.single_sign_on.admission import Admitted, NotAdmitted, Reason, admit
from opsintel.access.single_sign_on.claims import ClaimsError
from opsintel.access.single_sign_on.provider import Provider
from opsintel.errors import OpsintelError
from opsintel.mail.letters import letter
from opsintel_api.auth import sessions
from opsintel_api.auth.cookies import needs_tls
from opsintel_api.auth.proof import address_of, begin_try
from opsintel_api.problems import RequestProblem, not_found
from opsintel_api.services import services_of

log = logging.getLogger(__name__)

CALLBACK = "/v1/auth/sso/callback"
HOME = "/"

Fault = Literal["cancelled", "request_ended", "answer_refused", "provider_unavailable", "too_many_tries"]
FAULTS: tuple[str, ...] = (*get_args(Fault), *get_args(Reason))
"""What stands behind `error=` in the address of the log-in page, which has a sentence for each."""


class SignOnFault(Exception):
    """A sign-on that came to nothing; `code` is one of `FAULTS`."""

    def __init__(self, code: Fault | Reason) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class ProviderAnswer:
    """What the provider has the browser bring along (OpenID Connect Core 1.0, sections 3.1.2.5 and 3.1.2.6)."""

    state: str
    code: str | None
    error: str | None
    issuer: str | None


@dataclass(frozen=True, slots=True)
class SignedOn:
    """A session that a sign-on opened, and the page to go on to."""

    grant: sessions.Grant
    return_to: str


def provider_of(request: Request) -> Provider:
    """Return the provider; as if the route were not there where none is set."""
    provider = services_of(request).provider
    if provider is None:
        raise not_found()
    return provider


async def begin(request: Request, response: Response, return_to: str, invitation: Link | None = None) -> str:
    """Return the address of the provider to send the browser to, and give the browser the cookie that it returns with.

    Raises `SignOnFault` when the provider does not answer.
    """
    provider, services = provider_of(request), services_of(request)
    details: dict[str, Any] = {"return_to": return_to}
    if invitation is not None:
        details |= {"tenant_id": str(invitation.tenant_id), "invitation_id": str(invitation.invitation_id)}
    begun = await authorization_requests.begin(
        services.database,
        Errand("sign_on", provider.issuer, details=details),
        request.cookies.get(_cookie(request)),
        services.key_for("authorization request"),
    )
    try:
        address = await provider.authorization_url(_callback(request), begun.state, begun.nonce, begun.challenge)
    except OpsintelError as error:
        raise _unavailable(error) from None
    response.set_cookie(
        _cookie(request),
        begun.browser,
        max_age=int(authorization_requests.LIFETIME.total_seconds()),
        path="/",
        secure=needs_tls(request),
        httponly=True,
        samesite="lax",  # the provider's page leads back here, and strict cookies would stay at home
    )
    return address


async def finish(request: Request, answer: ProviderAnswer) -> SignedOn:
    """Return the session that the provider's answer opens; `SignOnFault` when it opens none."""
    provider, services = provider_of(request), services_of(request)
    await count_try(request)
    try:
        returned = await authorization_requests.redeem(
            services.database,
            "sign_on",
            provider.issuer,
            answer.state,
            request.cookies.get(_cookie(request)),
            services.key_for("authorization request"),
        )
        await provider.require_own_answer(answer.issuer)
        if answer.code is None:
            raise SignOnFault("cancelled" if answer.error == "access_denied" else "answer_refused")
        expected = provider.expected(returned.nonce, returned.begun_at)
        person = await provider.person_of_code(answer.code, _callback(request), returned.verifier, expected)
        domains = services.settings.oidc_email_domains
        admitted = await admit(services.database, person, domains, _invitation(returned.errand))
    except StateError:
        raise SignOnFault("request_ended") from None
    except NotAdmitted as refused:
        raise SignOnFault(refused.reason) from None
    except ClaimsError as error:
        log.warning("single sign-on: %s", error.line())
        raise SignOnFault("answer_refused") from None
    except OpsintelError as error:
        raise _unavailable(error) from None
    grant = await _open(request, admitted)
    return SignedOn(grant, str(returned.errand.details["return_to"]))


async def count_try(request: Request) -> None:
    """Count a sign-on of an address; `SignOnFault` after too many that came to nothing."""
    try:
        await begin_try(request, "sign_on")
    except RequestProblem:
        raise SignOnFault("too_many_tries") from None


def forget_browser(request: Request, response: Response) -> None:
    """Take the cookie from the browser."""
    response.delete_cookie(_cookie(request), path="/", secure=needs_tls(request), httponly=True, samesite="lax")


async def _open(request: Request, admitted: Admitted) -> sessions.Grant:
    services = services_of(request)
    grant = await sessions.open_session(services.database, admitted.user_id, admitted.tenant_id, "single_sign_on")
    if grant is None:
        raise SignOnFault("not_a_member")
    for _ in ("its start", "its end"):
        await services.throttle.succeeded("sign_on", None, address_of(request))
    if admitted.newly_linked is not None:
        services.postbox.post(letter("identity_linked", admitted.newly_linked, link=services.settings.page("login")))
    return grant


def _invitation(errand: Errand) -> Link | None:
    if "invitation_id" not in errand.details:
        return None
    tenant_id, invitation_id = (UUID(errand.details[name]) for name in ("tenant_id", "invitation_id"))
    return Link(tenant_id=tenant_id, invitation_id=invitation_id)


def _callback(request: Request) -> str:
    """Return the one address that the provider may send browsers back to, whatever host the request came by."""
    return services_of(request).settings.dashboard_url + CALLBACK


def _cookie(request: Request) -> str:
    """Return the name of the cookie: the prefix binds it to this host and TLS (RFC 6265bis section 4.1.3.2)."""
    return "__Host-opsintel_sign_on" if needs_tls(request) else "opsintel_sign_on"


def _unavailable(error: OpsintelError) -> SignOnFault:
    log.error("single sign-on: %s", error.line())
    return SignOnFault("provider_unavailable")
