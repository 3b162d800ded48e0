"""Passwords and tries of a request: hashed off the event loop, a few at a time, and throttled."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from fastapi import Depends, Request

from opsintel.access import passwords
from opsintel.errors import InputError
from opsintel_api.auth import sessions
from opsintel_api.auth.throttle import Purpose
from opsintel_api.problems import RequestProblem, unprocessable
from opsintel_api.services import Services, services_of

WRONG = "E-mail address or password is wrong"


def address_of(request: Request) -> str:
    """Return the address that a request comes from."""
    return request.client.host if request.client else ""


def require_passwords(request: Request) -> None:
    """Refuse what is done with a password where the operator has switched them off."""
    if services_of(request).settings.passwords != "on":
        raise RequestProblem(403, "Passwords are switched off; use single sign-on")


PASSWORDS = Depends(require_passwords)


async def begin_try(request: Request, purpose: Purpose, account: str | None = None) -> None:
    """Count a try of something secret; 429 after too many of its account or address."""
    if wait := await services_of(request).throttle.begin(purpose, account, address_of(request)):
        raise RequestProblem(429, "Too many tries; try again later", headers={"Retry-After": str(wait)})


async def hashed(services: Services, password: str, field: str = "password") -> str:
    """Return the hash to store; 422 for a password that is too short or too long."""
    async with services.hashing:
        try:
            return await asyncio.to_thread(passwords.hash_password, password)
        except InputError as error:
            raise unprocessable(field, error.message) from None


async def fits(services: Services, stored: str | None, password: str) -> bool:
    """Tell whether a password fits a stored hash; without one it takes as long and is wrong."""
    async with services.hashing:
        return await asyncio.to_thread(passwords.verify_password, stored, password)


async def checked_account(request: Request, email: str, password: str) -> sessions.Account:
    """Return the account of an address and password, its hash upgraded where it was weak.

    401 when either is wrong, 429 after too many tries; both take as long for an address that nobody has.
    """
    services = services_of(request)
    await begin_try(request, "login", email)
    account = await sessions.find_account(services.database, email)
    correct = await fits(services, account.password_hash if account else None, password)
    if account is None or not correct:
        raise RequestProblem(401, WRONG)
    await services.throttle.succeeded("login", email, address_of(request))
    if passwords.needs_upgrade(account.password_hash):
        async with services.hashing:
            stronger = await asyncio.to_thread(passwords.upgraded, password)
        if not await sessions.replace_hash(services.database, account, stronger):
            raise RequestProblem(401, WRONG)
        return replace(account, password_hash=stronger)
    return account
