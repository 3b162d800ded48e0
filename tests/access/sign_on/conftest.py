"""Browsers before a real provider that can be told to lie, and people who sign on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from opsintel.access.accounts import create_user
from opsintel.ids import new_id
from tests.access.signing_on import DOMAIN, Browser, signing_on
from tests.peers.oidc import OidcPeer, running_oidc
from tests.peers.smtp import SmtpPeer, running_smtp
from tests.seeding import PASSWORD, Seeded


@pytest.fixture(scope="module")
def oidc() -> Iterator[OidcPeer]:
    with running_oidc() as peer:
        yield peer


@pytest.fixture
def smtp() -> Iterator[SmtpPeer]:
    with running_smtp() as peer:
        yield peer


@pytest_asyncio.fixture
async def browser(settings, database, acme: Seeded, other: Seeded, oidc, smtp) -> AsyncIterator[Browser]:
    """Of an installation whose operator vouches for the domain of acme."""
    async with signing_on(settings, database, oidc, smtp, OPSINTEL_OIDC_EMAIL_DOMAINS=DOMAIN) as opened:
        yield opened


@pytest_asyncio.fixture
async def stranger(settings, database, acme: Seeded, other: Seeded, oidc, smtp) -> AsyncIterator[Browser]:
    """Of an installation whose operator has no list of domains."""
    async with signing_on(settings, database, oidc, smtp) as opened:
        yield opened


@pytest.fixture
def member(database, acme: Seeded) -> str:
    """An address of acme with an account and a password."""
    email = f"m{new_id().hex[-12:]}@{DOMAIN}"
    create_user(database, email, "Mia", PASSWORD, acme.tenant_id, "analyst")
    return email


@pytest.fixture
def guest() -> str:
    """An address of acme's domain without an account."""
    return f"g{new_id().hex[-12:]}@{DOMAIN}"
