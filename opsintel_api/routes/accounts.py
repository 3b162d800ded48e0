"""Accounts without a log-in: registration, links of invitations, and a password that was forgotten.

Asking tells nobody who has an account: the answer is given before anything is looked up.
"""

from __future__ import annotations

from fastapi import Depends, Request, Response

from opsintel.access import invitations, own_password, registrations
from opsintel.access.account_tokens import LinkError
from opsintel.access.accounts import normalized_email
from opsintel.access.registrations import Registration
from opsintel.mail.letters import Letter, letter
from opsintel_api.auth import sessions
from opsintel_api.auth.answers import session_of
from opsintel_api.auth.proof import PASSWORDS, WRONG, address_of, begin_try, checked_account, hashed
from opsintel_api.models.auth import (
    Accepted,
    AcceptRequest,
    EntryOptions,
    LinkRequest,
    OpenInvitation,
    RegisterRequest,
    ResetConfirmation,
    ResetRequest,
    Session,
    SignOnOffer,
)
from opsintel_api.problems import RequestProblem, not_found, responses
from opsintel_api.routes import WITHOUT_PARAMETERS, open_router
from opsintel_api.services import Services, services_of

open_routes = open_router("accounts", "/v1")


async def require_open_registration(request: Request) -> None:
    """Answer as if the route were not there, unless the operator lets strangers register."""
    if services_of(request).settings.registration != "open":
        raise not_found()


@open_routes.get("/auth/options", response_model=EntryOptions, dependencies=[WITHOUT_PARAMETERS])
async def get_entry_options(request: Request) -> EntryOptions:
    """Return which ways in there are for somebody who has no session: what the page of the log-in offers."""
    services = services_of(request)
    with_passwords = services.settings.passwords == "on"
    return EntryOptions(
        registration=with_passwords and services.settings.registration == "open",
        passwords=with_passwords,
        single_sign_on=SignOnOffer(label=services.settings.oidc_label) if services.provider else None,
    )


REGISTRATION = [WITHOUT_PARAMETERS, Depends(require_open_registration), PASSWORDS]


@open_routes.post(
    "/auth/register",
    response_model=Accepted,
    status_code=202,
    responses=responses(403, 404, 429),
    dependencies=REGISTRATION,
)
async def register(request: Request, wanted: RegisterRequest) -> Accepted:
    """Ask for an account and a tenant: a mail tells how it goes on. Closed unless the operator opens it."""
    await begin_try(request, "register")
    services = services_of(request)
    asked = Registration(
        normalized_email(wanted.email),
        wanted.name,
        wanted.organization,
        await hashed(services, wanted.password.get_secret_value()),
    )
    services.postbox.submit(lambda: _registration_letter(services, asked))
    return Accepted()


@open_routes.post(
    "/auth/register/confirm", status_code=204, responses=responses(403, 404, 429), dependencies=REGISTRATION
)
async def confirm_registration(request: Request, link: LinkRequest) -> Response:
    """Make the account and the tenant that a link is about; one logs in then."""
    await begin_try(request, "link")
    services = services_of(request)
    await registrations.confirm(services.database, link.token.get_secret_value())
    await services.throttle.succeeded("link", None, address_of(request))
    return Response(status_code=204)


@open_routes.post(
    "/auth/reset",
    response_model=Accepted,
    status_code=202,
    responses=responses(403, 429),
    dependencies=[WITHOUT_PARAMETERS, PASSWORDS],
)
async def ask_for_reset(request: Request, wanted: ResetRequest) -> Accepted:
    """Ask for a link that sets a new password: it comes by mail, if the address has an account."""
    await begin_try(request, "reset")
    services = services_of(request)
    services.postbox.submit(lambda: _reset_letter(services, normalized_email(wanted.email)))
    return Accepted()


@open_routes.post(
    "/auth/reset/confirm", status_code=204, responses=responses(403, 429), dependencies=[WITHOUT_PARAMETERS, PASSWORDS]
)
async def confirm_reset(request: Request, wanted: ResetConfirmation) -> Response:
    """Set a new password by a link; every session ends, and one logs in anew."""
    await begin_try(request, "link")
    services = services_of(request)
    stored = await hashed(services, wanted.password.get_secret_value())
    user_id = await own_password.reset(services.database, wanted.token.get_secret_value(), stored)
    await services.throttle.succeeded("link", None, address_of(request))
    if account := await sessions.account_of(services.database, user_id):
        services.postbox.post(letter("password_changed", account.email, link=services.settings.page("reset")))
    return Response(status_code=204)


@open_routes.post(
    "/auth/invitations/inspect",
    response_model=OpenInvitation,
    responses=responses(403, 429),
    dependencies=[WITHOUT_PARAMETERS],
)
async def inspect_invitation(request: Request, link: LinkRequest) -> OpenInvitation:
    """Return what a link invites to; it stays good."""
    opened = await _opened(request, link)
    return OpenInvitation(
        email=opened.email,
        tenant_name=opened.tenant_name,
        role=opened.rights.role,
        has_account=opened.user_id is not None,
    )


@open_routes.post(
    "/auth/invitations/accept",
    response_model=Session,
    responses=responses(401, 403, 429),
    dependencies=[WITHOUT_PARAMETERS, PASSWORDS],
)
async def accept_invitation(request: Request, response: Response, wanted: AcceptRequest) -> Session:
    """Join a tenant by a link: with a new account, or with that of the address and its password."""
    services = services_of(request)
    opened = await _opened(request, wanted)
    password = wanted.password.get_secret_value()
    if opened.user_id is None:
        proved = stored = await hashed(services, password)
    else:
        proved, stored = (await checked_account(request, opened.email, password)).password_hash, None
    user_id, tenant_id = await invitations.accept(
        services.database, wanted.token.get_secret_value(), wanted.name.strip(), stored
    )
    grant = await sessions.open_session(services.database, user_id, tenant_id, "invitation", proved=proved)
    if grant is None:
        raise RequestProblem(401, WRONG)
    return await session_of(request, response, grant)


async def _opened(request: Request, link: LinkRequest) -> invitations.Opened:
    await begin_try(request, "link")
    services = services_of(request)
    opened = await invitations.inspect(services.database, link.token.get_secret_value())
    if opened.is_disabled:
        raise LinkError
    await services.throttle.succeeded("link", None, address_of(request))
    return opened


async def _registration_letter(services: Services, wanted: Registration) -> Letter | None:
    if not await services.throttle.may_mail("register", wanted.email):
        return None
    token = await registrations.issue(services.database, wanted)
    if token is None:
        return letter("registered_already", wanted.email, link=services.settings.page("login"))
    return letter("registration", wanted.email, link=services.settings.page("register", token))


async def _reset_letter(services: Services, email: str) -> Letter | None:
    if not await services.throttle.may_mail("reset", email):
        return None
    found = await own_password.issue_reset(services.database, email)
    if found is None:
        return None
    services.postbox.tell_operator("opsintel account reset", found.user_id)
    return letter("reset", found.email, link=services.settings.page("reset", found.token))
