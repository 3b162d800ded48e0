"""What tests of vectors by models share: texts of two problems, a day's run, and what came of it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from opsintel.context import Context
from opsintel.tenants import Tenant
from opsintel_pipeline.analyze import run as analyses
from opsintel_pipeline.issues import run as issues
from opsintel_pipeline.vectors.background import BACKGROUND
from tests.analyze.conftest import partition
from tests.peers.model_server import ModelServer

WORDS = ("today", "again", "still", "yet")
PARCELS = [f"My parcel is late and the courier gives no tracking {word}." for word in WORDS]
EXPORTS = [f"The export of our report fails with an empty file {word}." for word in WORDS]
TEXTS = [*PARCELS, *EXPORTS]


def rows(context: Context, tenant: Tenant, query: str, *values: Any) -> list[Any]:
    with context.database.tenant_tx(tenant.id) as connection:
        return connection.execute(query.encode(), values).fetchall()


def one(context: Context, tenant: Tenant, query: str) -> Any:
    return rows(context, tenant, query)[0][0]


def day(context: Context, tenant: Tenant) -> None:
    """Run the stages of the day as the ledger does."""
    analyses.run(context, partition(tenant))
    issues.run(context, partition(tenant))


def sent(model: ModelServer) -> list[str]:
    """Return the texts of the tenant that a vector was made of."""
    return [text for asked in model.embedded for text in asked.texts if text not in BACKGROUND]


def current(context: Context, tenant: Tenant) -> tuple[str, bool]:
    ((name, built_in),) = rows(context, tenant, "SELECT name, built_in FROM embedding_model WHERE current")
    return name, built_in


def grouped(context: Context, tenant: Tenant) -> dict[UUID, set[str]]:
    found: dict[UUID, set[str]] = {}
    for issue, text in rows(
        context,
        tenant,
        "SELECT issue_id, text FROM issue_member JOIN message ON message.id = message_id WHERE removed_at IS NULL",
    ):
        found.setdefault(issue, set()).add(text)
    return found
