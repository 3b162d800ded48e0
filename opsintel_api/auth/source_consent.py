"""A person's word at a provider of a source: the browser is sent there, and its answer becomes the credential.

The answer comes as a plain navigation, without a token of ours. It is good for the browser that began it, once, while
the session that began it lives and its person may manage sources (see opsintel/access/authorization_requests.py).
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import Literal, get_args
from urllib.parse import urlsplit
from uuid import UUID

from fastapi import Request, Response

from opsintel.access import authorization_requests
from opsintel.access.audit import Actor
from opsintel.access.authorization_requests import LIFETIME, Errand, Returned, StateError
from opsintel.access.roles import matrix
from opsintel.access.tokens import AccessToken
from opsintel.connectors.contract import Manifest, OAuth
from opsintel.context import Context
from opsintel.errors import ConflictError, CredentialError, InputError, NotFoundError, OpsintelError
from opsintel.sources.connect import remote_manifest
from opsintel.sources.connection import SourceConnection
from opsintel.sources.control import Change, change_source
from opsintel.sources.oauth import (
    App,
    Endpoints,
    app_of,
    authorization_url,
    credential_for,
    endpoints_of,
    redirect_uri,
)
from opsintel.sources.source import Source, find_source
from opsintel_api.auth.cookies import needs_tls
from opsintel_api.auth.principal import Principal
from opsintel_api.auth.standing import person_of
from opsintel_api.services import services_of

log = logging.getLogger(__name__)

SCOPE = "sources.manage"
PURPOSE: Literal["source"] = "source"

Fault = Literal["cancelled", "request_ended", "answer_refused", "provider_unavailable", "source_changed"]
FAULTS: tuple[str, ...] = get_args(Fault)
"""What stands behind `error=` in the address of the page of sources."""


class ConsentFault(Exception):
    """A consent that came to nothing; `code` is one of `FAULTS`."""

    def __init__(self, code: Fault) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Answer:
    """What a provider has the browser bring along (RFC 6749 section 4.1.2, RFC 9207)."""

    state: str
    code: str | None
    error: str | None
    issuer: str | None


@dataclass(frozen=True, slots=True)
class _Provider:
    """The provider of a source, as its configuration has it now."""

    source: Source
    manifest: Manifest
    oauth: OAuth
    app: App
    endpoints: Endpoints


async def begin(request: Request, response: Response, principal: Principal, source_id: UUID) -> str:
    """Return the address of the provider to send the browser to, and give it the cookie that it returns with.

    Raises `NotFoundError` for none of the tenant's sources, `ConflictError` where the operator has no app there.
    """
    services = services_of(request)
    provider = await asyncio.to_thread(_provider, services.context, principal.tenant_id, source_id)
    details = {
        "source_id": str(source_id), "user_id": str(principal.user_id), "token_url": provider.endpoints.token,
        "authorize_url": provider.endpoints.authorize,
    }  # fmt: skip
    begun = await authorization_requests.begin(
        services.database,
        Errand(PURPOSE, provider.oauth.app, principal.tenant_id, principal.session_id, details),
        request.cookies.get(_cookie(request)),
        services.key_for("authorization request"),
    )
    response.set_cookie(
        _cookie(request),
        begun.browser,
        max_age=int(LIFETIME.total_seconds()),
        path="/",
        secure=needs_tls(request),
        httponly=True,
        samesite="lax",  # the provider's page leads back here, and strict cookies would stay at home
    )
    redirect = redirect_uri(services.settings, provider.oauth.app)
    return authorization_url(
        provider.oauth, provider.endpoints.authorize, provider.app, redirect, begun.state, begun.challenge
    )


async def finish(request: Request, app: str, answer: Answer) -> UUID:
    """Give a source the credential that a provider's answer brings, and return its id; else raise `ConsentFault`."""
    services = services_of(request)
    try:
        returned = await authorization_requests.redeem(
            services.database,
            PURPOSE,
            app,
            answer.state,
            request.cookies.get(_cookie(request)),
            services.key_for("authorization request"),
        )
        await _require_standing(request, returned)
        _require_own_answer(returned, answer.issuer)
        if answer.code is None:
            raise ConsentFault("cancelled" if answer.error == "access_denied" else "answer_refused")
        return await asyncio.to_thread(_exchange, services.context, returned, answer.code)
    except StateError:
        raise ConsentFault("request_ended") from None
    except (NotFoundError, ConflictError, InputError) as error:
        log.warning("consent: %s", error.line())
        raise ConsentFault("source_changed") from None
    except CredentialError as error:
        log.warning("consent: %s", error.line())
        raise ConsentFault("answer_refused") from None
    except OpsintelError as error:
        log.error("consent: %s", error.line())
        raise ConsentFault("provider_unavailable") from None


def forget_browser(request: Request, response: Response) -> None:
    """Take the cookie from the browser."""
    response.delete_cookie(_cookie(request), path="/", secure=needs_tls(request), httponly=True, samesite="lax")


def _provider(context: Context, tenant_id: UUID, source_id: UUID) -> _Provider:
    source = find_source(context.database, tenant_id, source_id)
    manifest = remote_manifest(source.kind)
    endpoints = endpoints_of(manifest, source.config, context.settings)
    assert manifest.oauth is not None
    app = app_of(context.settings, manifest.oauth.app)
    if app is None:
        raise ConflictError(f"The operator has no app with {manifest.title}", remedy="Give a credential instead")
    return _Provider(source, manifest, manifest.oauth, app, endpoints)


def _exchange(context: Context, returned: Returned, code: str) -> UUID:
    errand = returned.errand
    assert errand.tenant_id is not None
    source_id = UUID(errand.details["source_id"])
    provider = _provider(context, errand.tenant_id, source_id)
    if provider.oauth.app != errand.provider or provider.endpoints.token != errand.details["token_url"]:
        raise ConflictError("The source has another provider by now")
    source = provider.source
    held = {} if source.secret_id is None else context.credentials.open(source.tenant_id, source.secret_id)
    connection = SourceConnection(context, source.tenant_id, source.id, source.kind, source.secret_id)
    grant = {
        "code": code, "redirect_uri": redirect_uri(context.settings, errand.provider),
        "code_verifier": returned.verifier,
    }  # fmt: skip
    credential = credential_for(provider.manifest, connection, provider.endpoints, provider.app, grant, held)
    actor = Actor("person", errand.details["user_id"])
    change = Change(credential=credential)
    change_source(context, source.tenant_id, source.id, change, actor)
    return source.id


async def _require_standing(request: Request, returned: Returned) -> None:
    """Refuse the answer where the session that began it has ended, or its person may no longer manage sources."""
    errand = returned.errand
    if errand.tenant_id is None or errand.session_id is None:
        raise StateError
    token = AccessToken(UUID(errand.details["user_id"]), errand.tenant_id, errand.session_id)
    found = await person_of(services_of(request).database, token)
    scopes = matrix().of_member(found.role, found.grants, limited=found.sources is not None)
    if not found.session_lives or SCOPE not in scopes:
        raise StateError


def _require_own_answer(returned: Returned, issuer: str | None) -> None:
    """Refuse what another provider answered (RFC 9207): who names itself is who the browser was sent to."""
    sent_to = urlsplit(returned.errand.details["authorize_url"])
    if issuer is not None and (urlsplit(issuer).scheme, urlsplit(issuer).netloc) != (sent_to.scheme, sent_to.netloc):
        raise ConsentFault("answer_refused")


def _cookie(request: Request) -> str:
    """Return the name of the cookie: the prefix binds it to this host and TLS (RFC 6265bis section 4.1.3.2)."""
    return "__Host-opsintel_consent" if needs_tls(request) else "opsintel_consent"
