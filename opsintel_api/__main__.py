"""`python -m opsintel_api`: the API and the dashboard, with the settings of the environment."""

from __future__ import annotations

import sys

from opsintel.errors import OpsintelError


def main() -> None:
    """Serve until told to stop; a wrong setting is one line and exit code 1."""
    import uvicorn

    from opsintel.db.connect import database_urls
    from opsintel.db.migrate import migrate
    from opsintel.settings import load_settings
    from opsintel_api.app import create_app

    try:
        settings = load_settings()
        settings.require_secrets()
        with database_urls(settings) as urls:
            if settings.db_url is None:  # with DB_URL the operator migrates: this login may not
                migrate(urls.migration, login=urls.login)
            uvicorn.run(
                create_app(settings, urls.service),
                host=settings.api_host,
                port=settings.api_port,
                log_level=settings.log_level.lower(),
                access_log=False,
                server_header=False,
            )
    except OpsintelError as error:
        sys.stderr.write(f"opsintel: {error.line()}\n")
        sys.exit(1)


if __name__ == "__main__":
    main()
