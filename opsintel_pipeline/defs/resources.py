"""The installation as a resource: opened when first used, from the environment. No secret is in Dagster's hands."""

from __future__ import annotations

import atexit
from contextlib import ExitStack
from functools import cache

from dagster import ConfigurableResource

from opsintel.context import Context
from opsintel.db.connect import database_urls
from opsintel.db.engine import Database
from opsintel.logs.setup import configure_logging
from opsintel.objects.store import open_objects
from opsintel.settings import load_settings


class Installation(ConfigurableResource[Context]):
    """Gives assets, jobs and sensors the installation that the environment describes."""

    def open(self) -> Context:
        """Return the opened installation; one for each process. Raises `SettingError` for wrong settings."""
        return _open()


@cache
def _open() -> Context:
    """Open without migrating: that is the business of `opsintel up` and `opsintel migrate`."""
    settings = load_settings()
    settings.master_key()
    configure_logging("dagster", settings)
    stack = ExitStack()
    atexit.register(stack.close)
    urls = stack.enter_context(database_urls(settings))
    database = stack.enter_context(Database(urls.service))
    context = Context(database, open_objects(settings), settings)
    stack.callback(context.close)
    return context


installation = Installation()
