"""An installation with a person in every place where a person can be."""

from __future__ import annotations

import pytest

from opsintel.db.embedded import Access
from tests.pipeline.conftest import TEMPLATE, context, reachable_dir, server

__all__ = ["context", "reachable_dir", "server"]


@pytest.fixture(scope="session")
def template(server: Access) -> str:
    """Name of the migrated database of this server, which is not that of other folders."""
    return TEMPLATE
