"""What the routes work with, opened once for the process."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi import Request

from opsintel.access.single_sign_on.provider import Provider
from opsintel.context import Context
from opsintel.db.engine import AsyncDatabase
from opsintel.objects.store import ObjectStore
from opsintel.settings import Settings
from opsintel_api.auth.throttle import Throttle
from opsintel_api.broker import BrokerProbe
from opsintel_api.limits import TenantLimits
from opsintel_api.postbox import Postbox

if TYPE_CHECKING:
    from opsintel_api.changes import Changes


@dataclass(frozen=True)
class Services:
    """Database, objects, settings and keys of a running API."""

    database: AsyncDatabase
    settings: Settings
    throttle: Throttle
    limits: TenantLimits
    postbox: Postbox
    hashing: asyncio.Semaphore
    """How many passwords are hashed at once."""
    objects: ObjectStore
    changes: Changes
    context: Context
    """What the shared functions work with that block: the same database, for sources and their credentials."""
    broker: BrokerProbe | None = None
    provider: Provider | None = None
    """Of single sign-on."""

    @property
    def token_key(self) -> bytes:
        """Key that signs access tokens."""
        return self.settings.jwt_key()

    def key_for(self, purpose: str) -> bytes:
        """Return a key of its own for a purpose, derived from JWT_SECRET."""
        return key_for(self.settings, purpose)


def key_for(settings: Settings, purpose: str) -> bytes:
    """Return a key of its own for a purpose, derived from JWT_SECRET."""
    return hmac.digest(settings.jwt_key(), f"opsintel {purpose} v1".encode(), hashlib.sha256)


def services_of(request: Request) -> Services:
    """Return the services of the application that a request came to."""
    services = request.app.state.services
    assert isinstance(services, Services)
    return services
