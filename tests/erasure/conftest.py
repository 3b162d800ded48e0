"""An installation with a person in every place where a person can be."""

from __future__ import annotations

from pathlib import Path

import pytest

from opsintel.context import Context
from opsintel.db.embedded import Access
from opsintel.tenants import Tenant
from opsintel_pipeline.worker.inline import process_waiting
from tests.erasure.people import mails, write
from tests.pipeline.conftest import TEMPLATE, context, reachable_dir, server
from tests.pipeline.mailbox import import_mailbox

__all__ = ["context", "reachable_dir", "server"]


@pytest.fixture(scope="session")
def template(server: Access) -> str:
    """Name of the migrated database of this server, which is not that of other folders."""
    return TEMPLATE


@pytest.fixture
def tenant(context: Context, tmp_path: Path) -> Tenant:
    """A tenant that got the person's mails."""
    write(tmp_path / "mails.mbox", mails())
    made = import_mailbox(context, tmp_path / "mails.mbox", "acme")
    process_waiting(context)
    return made
