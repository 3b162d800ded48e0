"""Run the API and the dashboard in this process."""

from __future__ import annotations

import sys
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.config import STARTUP_FAILURE

from opsintel.db.connect import database_urls
from opsintel.db.migrate import migrate
from opsintel.errors import OpsintelError
from opsintel.logs.setup import configure_logging
from opsintel.settings import Settings, load_settings
from opsintel_api.app import create_app

DRAIN_SECONDS = 10
BEHAVIOUR: dict[str, Any] = {
    "server_header": False,
    "proxy_headers": False,
    "ws": "none",  # a request to upgrade is answered as the request it is
    "h11_max_incomplete_event_size": 64 * 1024,
    "timeout_graceful_shutdown": DRAIN_SECONDS,
}
"""How the server behaves towards clients."""


class Server(uvicorn.Server):
    """A server whose streams of events end before it waits for the requests in flight."""

    def __init__(self, config: uvicorn.Config, app: FastAPI) -> None:
        super().__init__(config)
        self._api = app

    async def shutdown(self, sockets: Any = None) -> None:
        """End the streams, then the server as it is used to."""
        self._api.state.services.changes.end_streams()
        await super().shutdown(sockets)


def serve(settings: Settings, database_url: str) -> None:
    """Serve until a signal ends it; requests in flight have ten seconds to finish."""
    app = create_app(settings, database_url)
    config = uvicorn.Config(
        app,
        host=settings.api_host,
        port=settings.api_port,
        log_config=None,
        log_level=settings.log_level.lower(),
        access_log=settings.log_level == "DEBUG",
        **BEHAVIOUR,
    )
    server = Server(config, app)
    server.run()
    if not server.started:
        sys.exit(STARTUP_FAILURE)


def main() -> None:
    """Serve by the environment's settings; one line and exit code 1 when they do not allow it.

    Without DB_URL the embedded server of the data folder is used.
    """
    try:
        settings = load_settings()
        configure_logging("api", settings)
        settings.require_secrets()
        with database_urls(settings) as urls:
            if settings.db_url is None:  # with DB_URL the operator migrates: this login may not
                migrate(urls.migration, login=urls.login)
            serve(settings, urls.service)
    except OpsintelError as error:
        sys.stderr.write(f"opsintel: {error.line()}\n")
        sys.exit(1)
