"""The application, put together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

from fastapi import FastAPI
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from opsintel.access import passwords
from opsintel.access.single_sign_on.provider import Provider
from opsintel.context import Context
from opsintel.coordination.choose import ApiLimits
from opsintel.db.engine import AsyncDatabase, Database
from opsintel.db.listener import CHANGES, Listener
from opsintel.metrics.pools import PoolGauge
from opsintel.metrics.server import serving_metrics
from opsintel.objects.store import open_objects
from opsintel.settings import Settings, variable_of
from opsintel_api import problems
from opsintel_api.auth.throttle import Throttle
from opsintel_api.broker import BrokerProbe
from opsintel_api.changes import Changes
from opsintel_api.dashboard import dashboard
from opsintel_api.limits import TenantLimits
from opsintel_api.middleware import Envelope
from opsintel_api.origins import Origins
from opsintel_api.postbox import Postbox
from opsintel_api.routes import (
    accounts,
    alerts,
    audit,
    auth,
    corrections,
    erasures,
    evaluations,
    events,
    filters,
    health,
    invitations,
    issues,
    jobs,
    keys,
    learned_rules,
    me,
    members,
    messages,
    model_keys,
    operator,
    overview,
    person_exports,
    personal_data,
    pushes,
    retention,
    review,
    search,
    sending,
    shadow_runs,
    sign_on,
    source_consent,
    source_control,
    sources,
    taxonomies,
    usage,
)
from opsintel_api.services import Services, key_for

API_VERSION = "1.0.0"
STATEMENT_SECONDS = 10
POOL_SIZE = 8
CHANGES_AT_ONCE = 2
"""How many sources are connected or changed at once, by what the command line uses as well."""

HASHES_AT_ONCE = 2
"""Each hash takes 19 MB and a core for a moment: a flood of log-ins waits instead of filling the memory."""

ROUTERS = (
    auth.open_routes,
    auth.routes,
    accounts.open_routes,
    sign_on.open_routes,
    me.routes,
    members.routes,
    invitations.routes,
    overview.routes,
    issues.routes,
    messages.routes,
    corrections.routes,
    review.routes,
    learned_rules.routes,
    evaluations.routes,
    shadow_runs.routes,
    search.routes,
    source_consent.open_routes,
    source_consent.routes,
    source_control.routes,
    sources.routes,
    filters.routes,
    taxonomies.routes,
    model_keys.routes,
    usage.routes,
    alerts.routes,
    pushes.open_routes,
    jobs.routes,
    keys.routes,
    personal_data.routes,
    retention.routes,
    sending.routes,
    erasures.routes,
    person_exports.routes,
    audit.routes,
    events.routes,
    operator.routes,
    health.routes,
)


def build_api(origins: Origins | None = None, **options: Any) -> FastAPI:
    """Return the routes without anything behind them: enough for the OpenAPI document."""
    app = FastAPI(
        title="opsintel",
        version=API_VERSION,
        summary="Recurring issues out of mail, chat and tickets",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        **options,
    )
    for router in ROUTERS:
        app.router.routes.extend(router.routes)  # as they are: what is included is laid out anew, for most of a second
    problems.install(app)
    # Outermost, so that the answer to an unexpected fault has its id and headers as well.
    app.middleware_stack = Envelope(app.build_middleware_stack(), origins or Origins())
    return app


def create_app(settings: Settings, database_url: str) -> FastAPI:
    """Return the API and dashboard on a migrated database; opens its connections when it starts.

    Raises `SettingError` without JWT_SECRET or MASTER_ENCRYPTION_KEY.
    """
    settings.require_secrets()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        passwords.prepare()
        database = await AsyncDatabase.open(database_url, max_size=POOL_SIZE, statement_seconds=STATEMENT_SECONDS)
        broker = BrokerProbe(settings.amqp_url) if settings.amqp_url else None
        objects = open_objects(settings)
        shared = ApiLimits(settings, database)
        throttle = Throttle(shared, key_for(settings, "throttle"))
        postbox = Postbox(settings)
        postbox.start()
        limits = TenantLimits(shared, settings)
        hashing = asyncio.Semaphore(HASHES_AT_ONCE)
        changes = Changes(database, Listener(database_url, CHANGES), key_for(settings, "events"))
        provider = Provider.of(settings)
        blocking = Database(database_url, max_size=CHANGES_AT_ONCE)
        context = Context(blocking, objects, settings)
        app.state.services = Services(
            database, settings, throttle, limits, postbox, hashing, objects, changes, context, broker, provider
        )
        pool = PoolGauge(database.pool_figures)
        try:
            with serving_metrics(settings.metrics_addr, variable_of("metrics_addr"), [pool]):
                yield
        finally:
            await changes.close()
            await postbox.close()
            await shared.close()
            context.close()
            blocking.close()
            await database.close()

    app = build_api(Origins.of(settings), lifespan=lifespan)
    app.router.default = dashboard()
    if settings.trusted_proxies:
        # Outside of all, so that throttling, cookies and the audit log see the browser's address and scheme.
        app.middleware_stack = ProxyHeadersMiddleware(cast(Any, app.middleware_stack), list(settings.trusted_proxies))  # type: ignore[assignment]
    return app
