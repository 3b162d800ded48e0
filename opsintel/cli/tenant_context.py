"""What commands about one tenant begin with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opsintel.context import Context
    from opsintel.tenants import Tenant


@contextmanager
def opened(slug: str) -> Iterator[tuple[Context, Tenant]]:
    """Yield the installation of the settings and a tenant; raises `SettingError` without a master key."""
    from opsintel.context import open_context
    from opsintel.settings import load_settings
    from opsintel.tenants import find_tenant

    settings = load_settings()
    settings.master_key()
    with open_context(settings) as context:
        yield context, find_tenant(context.database, slug)
